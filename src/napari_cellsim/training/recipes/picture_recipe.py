"""What the recipes of generative models share: they learn from the pictures of one store."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..pictures import PictureBatch, PictureFeeder
from ..recipe import Recipe


class PictureRecipe(Recipe):
    """Draws its batches from the training part of a store.

    Parameters
    ----------
    config : RecipeConfig
        Settings, among them ``data``, a `PictureConfig`.
    """

    config: Any

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self._pictures = config.data.pictures("train")
        self._feeder = PictureFeeder(self._pictures, config.data)
        self._validation: Tensor | None = None

    def batch(self, step: int, progress: float) -> PictureBatch:
        """Return pictures."""
        return self._feeder(step)

    def _held_out(self, count: int) -> Tensor:
        """Return always the same pictures of the validation part, (N, T, H, W) with N at most `count`."""
        if self._validation is None:
            self._validation = self.config.data.pictures("validation").all(count)
        return self._validation

    def _account(self, training: dict[str, Any]) -> dict[str, Any]:
        """Return what the card of a finished model says about its training."""
        shown = training["steps"] * self.config.data.batch
        return training | {"images_shown": shown, "settings": self.config.model_dump(mode="json")}
