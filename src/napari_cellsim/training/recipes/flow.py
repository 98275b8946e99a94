"""PWC-Net from sequences with known flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, JsonValue

from ... import nets
from ...models import Model
from ..feeding import Batch
from ..losses import endpoint_error, multilevel_endpoint_error
from ..recipe import Recipe, RecipeConfig
from .common import DataConfig, adamp, card, device_of, mean, warm_start
from .previews import flow_sheet


class FlowConfig(RecipeConfig):
    """Settings of `FlowRecipe`.

    Attributes
    ----------
    data : DataConfig
        Sequences with flow.
    preset, overrides
        Network, see `nets.create`.
    start : str
        Model file to start from; empty for fresh weights.
    lr, weight_decay : float
        Of AdamP.
    model_name : str
        Name of the resulting model.
    """

    data: DataConfig
    preset: str = "lite"
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    start: str = ""
    lr: float = 1e-3
    weight_decay: float = 4e-4
    model_name: str = "pwcnet-lite"


class FlowRecipe(Recipe):
    """Endpoint error on all pyramid levels, mean over the pixels whose flow is known.

    The pair is (frame t + 1, frame t): backward flow, as forecasts use it.

    Parameters
    ----------
    config : FlowConfig
        Settings.
    """

    name: ClassVar[str] = "flow"
    metric: ClassVar[str] = "epe"

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        network = nets.create("pwcnet", config.preset, **config.overrides)
        if config.start:
            warm_start(network, config.start, "pwcnet")
        self.modules["network"] = network
        self.network = network
        self.optimisers["network"] = adamp(network.parameters(), config.lr, config.weight_decay)
        self._feeder = config.data.feeder(history=2, truth="flow")
        self._validation: list[Batch] | None = None

    def batch(self, step: int, progress: float) -> Batch:
        """Return pairs of frames."""
        return self._feeder(step, 2)

    def losses(self, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """Return the multi-level loss, and the endpoint error of the finest level in px."""
        network: Any = self.network
        flows = network.forward_pyramid(batch.images[:, 1], batch.images[:, 0])
        target, valid = batch.flow[:, 0], batch.valid[:, 0]
        # Errors here are means over pixels, so that levels count alike up to a preference for the finest.
        weights = [0.5 ** (len(flows) - 1 - level) for level in range(len(flows))]
        loss = multilevel_endpoint_error(flows, target, valid, weights)
        with torch.no_grad():
            finest = multilevel_endpoint_error(flows[-1:], target, valid, (1.0,))
        return {"loss": loss, "epe": finest}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the endpoint error in px: everywhere, in cells, and of zero flow in cells for comparison."""
        errors, cell_errors, still = [], [], []
        for item in self._held_out():
            batch = item.to(device_of(self.network))
            flow = self.network(batch.images[:, 1], batch.images[:, 0])
            truth, valid = batch.flow[:, 0], batch.valid[:, 0]
            cells = valid & (batch.semantic[:, 1] >= 2)
            errors.append(float(endpoint_error(flow, truth, valid)))
            cell_errors.append(float(endpoint_error(flow, truth, cells)))
            still.append(float(endpoint_error(torch.zeros_like(truth), truth, cells)))
        return {"epe": mean(errors), "epe_cells": mean(cell_errors), "epe_cells_of_zero_flow": mean(still)}

    def _held_out(self) -> list[Batch]:
        if self._validation is None:
            self._validation = self.config.data.validation(2, 2, truth="flow")
        return self._validation

    def preview(self) -> np.ndarray:
        """Return a sheet (H, W, 3) uint8: held-out frames, their motion as the network sees it, and the true one."""
        return flow_sheet(self.network, self._held_out())

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the model."""
        metrics: dict[str, JsonValue] = {**self.validate()}
        about = card(
            self.config.data,
            "Finds where each pixel of a frame was in the frame before it (backward optical flow).",
            training | {"settings": self.config.model_dump(mode="json")},
            metrics=metrics,
        )
        Model(self.config.model_name, "pwcnet", {"pwcnet": self.network}, about).save(path)
