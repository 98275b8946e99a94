"""Segmentation U-Net from labelled sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, JsonValue

from ... import nets
from ...models import Model
from ..feeding import Batch
from ..losses import cross_entropy_dice
from ..recipe import Recipe, RecipeConfig
from .common import DataConfig, adamp, card, device_of, mean, warm_start
from .previews import class_sheet


class SegmentationConfig(RecipeConfig):
    """Settings of `SegmentationRecipe`.

    Attributes
    ----------
    data : DataConfig
        Sequences; those with semantic classes are used.
    preset, overrides
        Network, see `nets.create`.
    start : str
        Model file to start from; empty for fresh weights.
    lr, weight_decay : float
        Of AdamP.
    class_weights : tuple of float
        Weights of background, trap, cell of interest, auxiliary cell in the cross-entropy.
    model_name : str
        Name of the resulting model.
    """

    data: DataConfig
    preset: str = "lite"
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    start: str = ""
    lr: float = 2e-3
    weight_decay: float = 1e-2
    class_weights: tuple[float, float, float, float] = (1.0, 1.0, 1.5, 1.5)
    model_name: str = "unet-lite"


class SegmentationRecipe(Recipe):
    """Cross-entropy and Dice loss on single frames (MODELS.md §7), over the pixels whose class is known.

    Parameters
    ----------
    config : SegmentationConfig
        Settings.
    """

    name: ClassVar[str] = "segmentation"

    def __init__(self, config: SegmentationConfig) -> None:
        super().__init__()
        self.config = config
        network = nets.create("unet", config.preset, **config.overrides)
        if config.start:
            warm_start(network, config.start, "unet")
        self.modules["network"] = network
        self.network = network
        self.optimisers["network"] = adamp(network.parameters(), config.lr, config.weight_decay)
        self._feeder = config.data.feeder(history=1, truth="semantic")
        self._validation: list[Batch] | None = None

    def batch(self, step: int, progress: float) -> Batch:
        """Return single frames."""
        return self._feeder(step, 1)

    def losses(self, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """Return the loss."""
        logits = self.network(batch.images[:, 0])
        weights = logits.new_tensor(self.config.class_weights)
        return {"loss": cross_entropy_dice(logits, batch.semantic[:, 0], weights)}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the loss and the intersection over union of trap and cells (both cell classes together).

        Pixels of unknown class count nowhere, and a class that does not occur has no intersection over union.
        """
        losses = []
        hits, unions, pixels = torch.zeros(3), torch.zeros(3), torch.zeros(3)
        for item in self._held_out():
            batch = item.to(device_of(self.network))
            logits, truth = self.network(batch.images[:, 0]), batch.semantic[:, 0]
            losses.append(float(cross_entropy_dice(logits, truth)))
            guess = torch.where(truth >= 0, logits.argmax(1), truth)
            pairs = [(guess == 1, truth == 1), (guess >= 2, truth >= 2), (guess == 2, truth == 2)]
            hits += torch.tensor([float((a & b).sum()) for a, b in pairs])
            unions += torch.tensor([float((a | b).sum()) for a, b in pairs])
            pixels += torch.tensor([float(b.sum()) for _, b in pairs])
        names = ("iou_trap", "iou_cell", "iou_cell_of_interest")
        # of classes that nobody has labelled nothing can be said
        known = {name: float(hits[i] / unions[i]) for i, name in enumerate(names) if pixels[i]}
        return {"loss": mean(losses), **known}

    def _held_out(self) -> list[Batch]:
        if self._validation is None:
            self._validation = self.config.data.validation(1, 1, truth="semantic")
        return self._validation

    def preview(self) -> np.ndarray:
        """Return a sheet (H, W) uint8: held-out frames, their classes as the network sees them, and the true ones."""
        return class_sheet(self.network, self._held_out())

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the model."""
        metrics: dict[str, JsonValue] = {**self.validate()}
        about = card(
            self.config.data,
            "Finds background, trap, cell of interest and auxiliary cells in one frame.",
            training | {"settings": self.config.model_dump(mode="json")},
            metrics=metrics,
        )
        Model(self.config.model_name, "unet", {"unet": self.network}, about).save(path)
