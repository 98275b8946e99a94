"""What the recipes share: data settings, parameter groups, the model card."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceABC
from itertools import zip_longest
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
from ..sequences import Sequence, Truth, find_sequences


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
        Stretches of frames to validate on: one of each sequence in the order of their names, then further ones of
        the longer sequences.
    last_frame : int, optional
        Index of the last frame of each movie that may be used, for training and for validation; all by default.
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
    last_frame: int | None = Field(None, ge=0)
    seed: int = 0

    def sequences(self, part: str, truth: Truth | None = None) -> list[Sequence]:
        """Return the sequences of a part as far as they may be used, and only those whose `truth` is known.

        Raises
        ------
        CellSimError
            If there are none.
        """
        folder = Path(self.folder) / part
        found = find_sequences(folder)
        if self.last_frame is not None:
            shorter = [sequence.until(self.last_frame) for sequence in found]
            found = [sequence for sequence in shorter if sequence is not None]
            if not found:
                raise CellSimError(
                    f"No sequence in {folder} begins before frame {self.last_frame + 1}: choose a later last_frame."
                )
        if truth is None:
            return found
        known = [sequence for sequence in found if truth in sequence.known]
        if not known:
            raise CellSimError(f"The sequences in {folder} come without {_TRUTHS[truth]}.")
        return known

    def feeder(self, history: int, truth: Truth | None = None) -> Feeder:
        """Return the source of training batches, of which every one has `truth`."""
        train = self.sequences("train", truth)
        groups: list[tuple[float, SequenceABC[Sequence], tuple[int, ...]]] = [
            (1 - self.real_share, train, (1,))
        ]
        if self.real_share:
            real = self.sequences("real")
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

    def validation(
        self, history: int, length: int, start: int = 1, truth: Truth | None = None
    ) -> list[Batch]:
        """Return whole pictures of the validation sequences, unchanged, as batches of one.

        Parameters
        ----------
        history : int
            Frames that fix the intensity scale.
        length : int
            Frames in each batch.
        start : int
            First frame to take of a sequence that is long enough.
        truth : {"semantic", "flow"}, optional
            Only sequences in which this is known.

        Raises
        ------
        CellSimError
            If no sequence is long enough.
        """
        found = self.sequences("validation", truth)
        stretches = []
        for sequence in found:
            count = len(sequence.images)
            first = min(start, count - length)
            if first >= 0:
                later = range(first, count - length + 1, length)
                earlier = range(first - length, -1, -length)
                stretches.append([(sequence, t) for t in (*later, *earlier)])
        if not stretches:
            longest = max(len(sequence.images) for sequence in found)
            raise CellSimError(
                f"The validation sequences in {self.folder} have at most {longest} frames, but {length} are needed."
            )
        in_turn = [pair for turn in zip_longest(*stretches) for pair in turn if pair is not None]
        everything = slice(None)
        return [
            cut(sequence, slice(t, t + length), everything, everything, history)
            for sequence, t in in_turn[: self.validation_sequences]
        ]

    def description(self) -> str:
        """Return a sentence on the training data."""
        sources = [str(s.info.get("source") or "unnamed") for s in self.sequences("train")]
        phantoms = sources.count("phantom")
        parts = [f"{phantoms} simulated phantom sequences"] if phantoms else []
        own = [source for source in sources if source != "phantom"]
        if own:
            parts.append(f"{len(own)} sequence{'s' * (len(own) > 1)} of {', '.join(sorted(set(own)))}")
        if self.real_share:
            names = [str(s.info["source"]) for s in self.sequences("real")]
            parts.append(f"{self.real_share:.0%} crops of {', '.join(names)}")
        until = "" if self.last_frame is None else f", frames up to {self.last_frame}"
        return " and ".join(parts) + until


_TRUTHS = {
    "semantic": "classes: label some frames and bring them in with `napari-cellsim import-movie --labels`",
    "flow": "known flow: the recipe flow_unsupervised needs none",
}


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
    info = data.sequences("train")[0].info
    simulated = info.get("source") == "phantom"
    return ModelCard(
        description=description,
        trained_on=data.description(),
        pixel_size=info.get("pixel_size"),
        interval=info.get("interval"),
        modality="brightfield" if simulated else "",
        normalisation={"method": "percentile", "low": 0.1, "high": 99.9},
        licence="BSD-3-Clause" if simulated else "",
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
