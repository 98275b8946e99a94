"""What the recipes share: data settings, parameter groups, the model card."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceABC
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from ...base import CellSimError
from ...models import ModelCard
from ..adamp import AdamP
from ..augmentation import Augmentation
from ..feeding import Batch, Feeder, cut
from ..sequences import Sequence, find_sequences


class DataConfig(BaseModel):
    """Which sequences, and how they are cut.

    Attributes
    ----------
    folder : str
        Store with the subfolders ``train`` and ``validation``, and ``real`` for movies without truth.
    batch, crop : int
        Crops per batch, and their side in px.
    augmentation : Augmentation
        Random changes of the training crops.
    real_share : float
        Share of crops from ``real``.
    validation_sequences : int
        Sequences to validate on, the first ones by name.
    seed : int
        Seed of the choice of crops and of their changes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    batch: int = Field(8, ge=1)
    crop: int = Field(128, ge=16)
    augmentation: Augmentation = Augmentation()
    real_share: float = Field(0.0, ge=0, lt=1)
    validation_sequences: int = Field(16, ge=1)
    seed: int = 0

    def feeder(self, history: int) -> Feeder:
        """Return the source of training batches."""
        root = Path(self.folder)
        train = find_sequences(root / "train")
        groups: list[tuple[float, SequenceABC[Sequence], tuple[int, ...]]] = [
            (1 - self.real_share, train, (1,))
        ]
        if self.real_share:
            real = find_sequences(root / "real")
            share = self.real_share / len(real)
            groups += [(share, [sequence], tuple(sequence.info.get("strides", (1,)))) for sequence in real]
        return Feeder(
            groups,
            batch=self.batch,
            crop=self.crop,
            augmentation=self.augmentation,
            history=history,
            seed=self.seed,
        )

    def validation(self, history: int, length: int, start: int = 1) -> list[Batch]:
        """Return whole pictures of the validation sequences, unchanged, as batches of one."""
        found = find_sequences(Path(self.folder) / "validation")[: self.validation_sequences]
        everything = slice(None)
        return [cut(s, slice(start, start + length), everything, everything, history) for s in found]

    def description(self) -> str:
        """Return a sentence on the training data."""
        sequences = find_sequences(Path(self.folder) / "train")
        text = f"{len(sequences)} simulated phantom sequences"
        if self.real_share:
            names = [s.info["source"] for s in find_sequences(Path(self.folder) / "real")]
            text += f" and {self.real_share:.0%} crops of {', '.join(names)}"
        return text


def parameter_groups(
    parameters: Iterable[nn.Parameter], lr: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Return two optimiser groups: weights with decay; biases, norm gains and Padé coefficients without."""
    chosen = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in chosen if p.ndim > 1], "lr": lr, "weight_decay": weight_decay},
        {"params": [p for p in chosen if p.ndim <= 1], "lr": lr, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def adamp(parameters: Iterable[nn.Parameter], lr: float, weight_decay: float) -> AdamP:
    """Return AdamP over the trainable ones of `parameters`."""
    return AdamP(parameter_groups(parameters, lr, weight_decay))


def card(data: DataConfig, description: str, training: dict[str, Any], **more: Any) -> ModelCard:
    """Return the model card of a network trained on the given data."""
    info = find_sequences(Path(data.folder) / "train")[0].info
    return ModelCard(
        description=description,
        trained_on=data.description(),
        pixel_size=info["pixel_size"],
        interval=info["interval"],
        modality="brightfield",
        normalisation={"method": "percentile", "low": 0.1, "high": 99.9},
        licence="BSD-3-Clause",
        training=training,
        input_size=(data.crop, data.crop),
        **more,
    )


def warm_start(network: nn.Module, path: str, kind: str) -> None:
    """Load the weights of a model file into a network.

    Raises
    ------
    CellSimError
        If the model is of another kind or size.
    """
    from ...models import load_model

    model = load_model(path)
    if model.kind != kind:
        raise CellSimError(f"{path} is a model of kind {model.kind!r}, but {kind!r} is needed.")
    try:
        network.load_state_dict(model.network.state_dict())
    except RuntimeError as error:
        raise CellSimError(f"The model {path} has another size than the network to be trained.") from error


def mean(values: Iterable[float]) -> float:
    """Return the mean of numbers as a Python float."""
    return float(np.mean(list(values)))


def device_of(module: nn.Module) -> torch.device:
    """Return where a module's parameters lie."""
    return next(module.parameters()).device
