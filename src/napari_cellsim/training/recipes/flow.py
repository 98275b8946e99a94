"""PWC-Net from sequences with known flow."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field, JsonValue

from ..feeding import Batch
from ..losses import endpoint_error, multilevel_endpoint_error
from ..recipe import RecipeConfig
from ..sequences import Truth
from .common import DataConfig, device_of, mean
from .pair_recipe import PairRecipe


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


class FlowRecipe(PairRecipe):
    """Endpoint error on all pyramid levels, mean over the pixels whose flow is known.

    The pair is (frame t + 1, frame t): backward flow, as forecasts use it.

    Parameters
    ----------
    config : FlowConfig
        Settings.
    """

    name: ClassVar[str] = "flow"
    metric: ClassVar[str] = "epe"
    truth: ClassVar[Truth | None] = "flow"
    description: ClassVar[str] = (
        "Finds where each pixel of a frame was in the frame before it (backward optical flow)."
    )

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
