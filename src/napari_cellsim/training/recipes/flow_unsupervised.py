"""PWC-Net from movies without known flow: one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, JsonValue
from torch import Tensor

from ... import nets
from ...models import Model
from ..feeding import Batch
from ..losses import endpoint_error
from ..recipe import Recipe, RecipeConfig
from ..unsupervised import believable, inside, photometric_error, smoothness, visible
from .common import DataConfig, adamp, card, device_of, mean, warm_start
from .previews import flow_sheet


class FlowUnsupervisedConfig(RecipeConfig):
    """Settings of `FlowUnsupervisedRecipe`.

    Attributes
    ----------
    data : DataConfig
        Sequences; their truth, if there is any, is used for validation alone.
    preset, overrides
        Network, see `nets.create`.
    start : str
        Model file or bundled model to start from; empty for fresh weights.
    lr, weight_decay : float
        Of AdamP.
    census_radius : int
        Half-width of the square of neighbours that each pixel is compared with, px.
    census_softness : float
        Differences of brightness far above this many standard deviations of the picture all count the same.
    blur : float
        σ in px of the blur against camera noise before pictures are compared; 0 for none.
    smoothness : float
        Weight of the smoothness beside the photometric error.
    smoothness_order : {1, 2}
        Which derivatives of the flow are to be small.
    smoothness_edge : float
        How much less they count where brightness changes.
    occlusion_after : float
        Share of the budget after which pixels that the other picture does not show are left out; 1 for never. With
        fresh weights choose about 0.5, since consistency means nothing before there is any flow.
    model_name : str
        Name of the resulting model.
    """

    data: DataConfig
    preset: str = "lite"
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    start: str = "pwcnet-lite"
    lr: float = 1e-4
    weight_decay: float = 4e-4
    census_radius: int = Field(2, ge=1)
    census_softness: float = Field(2.0, gt=0)
    blur: float = Field(1.0, ge=0)
    smoothness: float = Field(0.3, ge=0)
    smoothness_order: Literal[1, 2] = 1
    smoothness_edge: float = Field(5.0, ge=0)
    occlusion_after: float = Field(0.1, ge=0, le=1)
    model_name: str = "pwcnet-own"


class FlowUnsupervisedRecipe(Recipe):
    """Two frames must look alike once one is warped onto the other, by a flow that is smooth within things.

    Both directions are learned from each pair. Only the flow at full resolution enters the loss.

    Parameters
    ----------
    config : FlowUnsupervisedConfig
        Settings.
    """

    name: ClassVar[str] = "flow_unsupervised"
    metric: ClassVar[str] = "photometric"

    def __init__(self, config: FlowUnsupervisedConfig) -> None:
        super().__init__()
        self.config = config
        network: Any = nets.create("pwcnet", config.preset, **config.overrides)
        if config.start:
            warm_start(network, config.start, "pwcnet")
        self.modules["network"] = network
        self.network = network
        self.optimisers["network"] = adamp(network.parameters(), config.lr, config.weight_decay)
        self._feeder = config.data.feeder(history=2)
        self._validation: list[Batch] | None = None

    def batch(self, step: int, progress: float) -> Batch:
        """Return pairs of frames."""
        return self._feeder(step, 2)

    def losses(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the loss, its two parts, and the share of pixels that entered it."""
        earlier, later = batch.images[:, 0], batch.images[:, 1]
        features = self.network.encode(earlier), self.network.encode(later)
        # Losses are differences of small numbers, which bfloat16 would round away.
        forward = self.network.flow_from_features(*features).float()
        backward = self.network.flow_from_features(*features[::-1]).float()
        with torch.autocast(earlier.device.type, enabled=False):
            pairs = ((earlier, later, forward, backward), (later, earlier, backward, forward))
            parts = [self._direction(*pair, progress) for pair in pairs]
        photometric, smooth, share = (torch.stack(values).mean() for values in zip(*parts, strict=True))
        return {
            "loss": photometric + self.config.smoothness * smooth,
            "photometric": photometric.detach(),
            "smoothness": smooth.detach(),
            "visible": share,
        }

    def _direction(
        self, first: Tensor, second: Tensor, flow: Tensor, back: Tensor, progress: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        config = self.config
        seen = believable(visible(flow, back) if progress >= config.occlusion_after else inside(flow))
        error = self._error(first, second, flow, seen)
        smooth = smoothness(flow, first, config.smoothness_order, config.smoothness_edge)
        return error, smooth, seen.float().mean()

    def _error(self, first: Tensor, second: Tensor, flow: Tensor, seen: Tensor) -> Tensor:
        config = self.config
        return photometric_error(
            first,
            second,
            flow,
            seen,
            radius=config.census_radius,
            softness=config.census_softness,
            blur=config.blur,
        )

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return errors of the backward flow, which forecasts use, beside those of zero flow.

        ``photometric`` is the census distance of a frame and the one before it, warped onto it: 0 for the same picture.
        Where the sequences have a truth there is also the endpoint error in px, everywhere and in cells.
        """
        found: dict[str, list[float]] = {}
        for item in self._held_out():
            batch = item.to(device_of(self.network))
            earlier, later = batch.images[:, 0], batch.images[:, 1]
            flow, truth, valid = self.network(later, earlier), batch.flow[:, 0], batch.valid[:, 0]
            still = torch.zeros_like(flow)
            seen = believable(inside(flow))
            values = {
                "photometric": self._error(later, earlier, flow, seen),
                "photometric_of_zero_flow": self._error(later, earlier, still, seen),
            }
            if valid.any():
                cells = valid & (batch.semantic[:, 1] >= 2)
                values |= {
                    "epe": endpoint_error(flow, truth, valid),
                    "epe_cells": endpoint_error(flow, truth, cells),
                    "epe_cells_of_zero_flow": endpoint_error(still, truth, cells),
                }
            for name, value in values.items():
                found.setdefault(name, []).append(float(value))
        return {name: mean(values) for name, values in found.items()}

    def _held_out(self) -> list[Batch]:
        if self._validation is None:
            self._validation = self.config.data.validation(history=2, length=2)
        return self._validation

    def preview(self) -> np.ndarray:
        """Return a sheet (H, W, 3) uint8: held-out frames, their motion as seen, the true one if known."""
        return flow_sheet(self.network, self._held_out())

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the model."""
        metrics: dict[str, JsonValue] = {**self.validate()}
        about = card(
            self.config.data,
            "Finds where each pixel of a frame was in the frame before it (backward optical flow); "
            "learned from movies without known flow.",
            training | {"settings": self.config.model_dump(mode="json")},
            metrics=metrics,
        )
        Model(self.config.model_name, "pwcnet", {"pwcnet": self.network}, about).save(path)
