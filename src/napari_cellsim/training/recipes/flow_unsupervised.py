"""PWC-Net from movies without known flow: one's own."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, JsonValue
from torch import Tensor

from ..feeding import Batch
from ..losses import endpoint_error
from ..recipe import RecipeConfig
from ..sequences import Truth
from ..unsupervised import believable, inside, photometric_error, smoothness, visible
from .common import DataConfig, device_of, mean
from .pair_recipe import PairRecipe


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


class FlowUnsupervisedRecipe(PairRecipe):
    """Two frames must look alike once one is warped onto the other, by a flow that is smooth within things.

    Both directions are learned from each pair. Only the flow at full resolution enters the loss.

    Parameters
    ----------
    config : FlowUnsupervisedConfig
        Settings.
    """

    name: ClassVar[str] = "flow_unsupervised"
    metric: ClassVar[str] = "photometric"
    truth: ClassVar[Truth | None] = None
    description: ClassVar[str] = (
        "Finds where each pixel of a frame was in the frame before it (backward optical flow); "
        "learned from movies without known flow."
    )

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
