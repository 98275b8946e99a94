"""SimVP: the convolutional video predictor that a forecast by motion is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, JsonValue
from torch import Tensor

from ... import nets
from ...models import Model
from ..feeding import Batch
from ..recipe import Recipe, RecipeConfig
from .common import DataConfig, card, device_of, warm_start
from .forecast_validation import ForecastValidation
from .previews import tiles


class SimVPSettings(RecipeConfig):
    """Settings of `SimVPRecipe`.

    Attributes
    ----------
    data : DataConfig
        Sequences; of their truths none is used.
    preset, overrides
        Network, see `nets.create`.
    start : str
        Model file to start from; empty for fresh weights.
    lr : float
        Of Adam.
    model_name : str
        Name of the resulting model.
    """

    data: DataConfig
    preset: str = "lite"
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    start: str = ""
    lr: float = Field(1e-3, gt=0)
    model_name: str = "simvp-lite"


class SimVPRecipe(Recipe):
    """Mean squared error of all frames of one pass (Gao et al., CVPR 2022).

    Parameters
    ----------
    config : SimVPSettings
        Settings.
    """

    name: ClassVar[str] = "simvp"
    metric: ClassVar[str] = "mse_ratio"

    def __init__(self, config: SimVPSettings) -> None:
        super().__init__()
        self.config = config
        network: Any = nets.create("simvp", config.preset, **config.overrides)
        if config.start:
            warm_start(network, config.start, "simvp")
        self.network: nets.SimVP = network
        self.modules["network"] = network
        self.optimisers["network"] = torch.optim.Adam(network.parameters(), config.lr)
        self.history: int = network.config.frames
        self._feeder = config.data.feeder(self.history)
        self._validation: ForecastValidation | None = None

    def batch(self, step: int, progress: float) -> Batch:
        """Return sequences of the history and the frames of one pass."""
        return self._feeder(step, self.history + self.network.config.horizon)

    def losses(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the loss, and the error of the first and of the last frame in it."""
        predicted = self.network(batch.images[:, : self.history])
        errors = (predicted - batch.images[:, self.history :]).square().mean((0, 2, 3, 4))
        return {"loss": errors.mean(), "first_mse": errors[0].detach(), "last_mse": errors[-1].detach()}

    def predict(self, history: Tensor, steps: int) -> Tensor:
        """Predict frames (B, `steps`, 1, H, W) on the CPU after a history (B, T, 1, H, W) anywhere."""
        return self.network.predict(history.to(device_of(self.network)), steps).cpu()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the squared error at each horizon as a share of the best baseline's, and the mean of these."""
        return self._held_out()(self.predict)

    @torch.no_grad()
    def preview(self) -> np.ndarray:
        """Return a sheet (H, W) uint8: the last frame seen and those that follow, above the predicted ones."""
        checks = self._held_out()
        history, future = checks.items[0].images[:, : self.history], torch.from_numpy(checks.future[0])
        last, guess = history[0, -1, 0], self.predict(history, len(future))[0, :, 0]
        return tiles([[last, *future], [last, *guess]])

    def _held_out(self) -> ForecastValidation:
        if self._validation is None:
            self._validation = ForecastValidation(self.config.data, self.history)
        return self._validation

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the model."""
        metrics: dict[str, JsonValue] = {**self.validate()}
        about = card(
            self.config.data,
            "Predicts the next frames of trapped yeast by convolutions alone (SimVP): for comparison with forecasts.",
            training | {"settings": self.config.model_dump(mode="json")},
            metrics=metrics,
        )
        Model(self.config.model_name, "simvp", {"simvp": self.network}, about).save(path)
