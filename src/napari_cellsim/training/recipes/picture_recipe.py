"""What the recipes of generative models share: they learn from the pictures of one store or folder."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from torch import Tensor

from ...models import load_model
from ..pictures import PictureBatch, PictureFeeder
from ..recipe import Recipe
from .msggan_watch import COMPARED, Likeness


class PictureRecipe(Recipe):
    """Draws its batches from the training part of a store, or of a folder of photographs.

    Parameters
    ----------
    config : RecipeConfig
        Settings, among them ``data``, a `PictureConfig` or a `SpecimenConfig`.
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
        """Return always the same pictures of the validation part, (N, T·C, H, W) with N at most `count`."""
        if self._validation is None:
            self._validation = self.config.data.pictures("validation").all(count)
        return self._validation

    @cached_property
    def _likeness(self) -> Likeness:
        """What compares photographs with those that are learnt from."""
        return Likeness(self._pictures.all(COMPARED))

    def _account(self, training: dict[str, Any]) -> dict[str, Any]:
        """Return what the card of a finished model says about its training, and about that of the model it began from.

        ``images_shown`` counts the pictures of this run, ``images_shown_in_all`` those of all runs before it too.
        """
        shown = training["steps"] * self.config.data.batch
        account = training | {"images_shown": shown, "settings": self.config.model_dump(mode="json")}
        if getattr(self.config, "start", ""):
            start = load_model(self.config.start)
            before = self._earlier(start.card.training)
            earlier: Any = before.get("images_shown_in_all", before.get("images_shown", 0))
            account["before"] = {"name": start.name, "hash": start.hash, "training": before}
            account["images_shown_in_all"] = shown + earlier
        return account

    def _earlier(self, training: dict[str, Any]) -> dict[str, Any]:
        """Return what a card says about the training of what this recipe trains."""
        return training
