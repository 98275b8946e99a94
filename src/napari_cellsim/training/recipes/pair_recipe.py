"""What the recipes of PWC-Net share: they learn from pairs of neighbouring frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import JsonValue

from ... import nets
from ...models import Model
from ..feeding import Batch
from ..recipe import Recipe
from ..sequences import Truth
from .common import adamp, card, warm_start
from .previews import flow_sheet


class PairRecipe(Recipe):
    """Trains a PWC-Net on pairs.

    Parameters
    ----------
    config : RecipeConfig
        Settings, among them ``data``, ``preset``, ``overrides``, ``start``, ``lr``, ``weight_decay`` and
        ``model_name``.

    Attributes
    ----------
    truth : str or None
        What every sequence must come with.
    description : str
        For the card of the model.
    """

    truth: ClassVar[Truth | None]
    description: ClassVar[str]
    config: Any

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        network: Any = nets.create("pwcnet", config.preset, **config.overrides)
        if config.start:
            warm_start(network, config.start, "pwcnet")
        self.modules["network"] = network
        self.network = network
        self.optimisers["network"] = adamp(network.parameters(), config.lr, config.weight_decay)
        self._feeder = config.data.feeder(history=2, truth=self.truth)
        self._validation: list[Batch] | None = None

    def batch(self, step: int, progress: float) -> Batch:
        """Return pairs of frames."""
        pairs: Batch = self._feeder(step, 2)
        return pairs

    def _held_out(self) -> list[Batch]:
        if self._validation is None:
            self._validation = self.config.data.validation(2, 2, truth=self.truth)
        return self._validation

    def preview(self) -> np.ndarray:
        """Return a sheet (H, W, 3) uint8: held-out frames, their motion as seen, the true one if known."""
        return flow_sheet(self.network, self._held_out())

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the model."""
        metrics: dict[str, JsonValue] = {**self.validate()}
        about = card(
            self.config.data,
            self.description,
            training | {"settings": self.config.model_dump(mode="json")},
            metrics=metrics,
        )
        Model(self.config.model_name, "pwcnet", {"pwcnet": self.network}, about).save(path)
