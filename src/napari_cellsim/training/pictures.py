"""Pictures for generative models: whole traps, reduced to the network's size, standardised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ..base import CellSimError
from ..models import ModelCard
from .augmentation import resize_images
from .sequences import Sequence, find_sequences


@dataclass(frozen=True)
class PictureBatch:
    """Pictures of one size.

    Attributes
    ----------
    images : Tensor
        (B, T, H, W), T consecutive frames; mean 0 and standard deviation 1 over the frames of each sample.
    step : int
        Step of the training that the batch belongs to.
    """

    images: Tensor
    step: int

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> PictureBatch:
        """Return the batch on another device."""
        return replace(self, images=self.images.to(device, non_blocking=True))

    def part(self, rows: slice) -> PictureBatch:
        """Return some of the samples."""
        return replace(self, images=self.images[rows])


class PictureConfig(BaseModel):
    """Which pictures, and in what size.

    Attributes
    ----------
    folder : str
        Store with the subfolders ``train`` and ``validation`` (see `training.sequences`).
    size : int
        Side of the network's pictures, px; the central square of each frame is reduced to it.
    frames : {1, 3}
        Consecutive frames per sample.
    batch : int
        Samples per batch.
    flip : bool
        Mirror half of the samples about the vertical axis.
    seed : int
        Seed of the choice of samples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    size: int = Field(64, ge=16)
    frames: Literal[1, 3] = 1
    batch: int = Field(16, ge=1)
    flip: bool = True
    seed: int = 0

    def pictures(self, part: Literal["train", "validation", "test"]) -> Pictures:
        """Return the pictures of one part of the store."""
        return Pictures(find_sequences(Path(self.folder) / part), self.size, self.frames)

    @property
    def shape(self) -> dict[str, int]:
        """What a network must know of the pictures."""
        return {"size": self.size, "frames": self.frames}

    def card(self, pictures: Pictures, **more: object) -> ModelCard:
        """Return the card of a model trained on `pictures`."""
        mean, deviation = pictures.level
        info = pictures.sequences[0].info
        names = sorted({str(s.info.get("source", "")) for s in pictures.sequences})
        fields: dict[str, object] = {
            "trained_on": f"{len(pictures)} pictures of {len(pictures.sequences)} sequences ({', '.join(names)})",
            "pixel_size": pictures.pixel_size,
            "interval": info.get("interval"),
            "modality": "brightfield",
            "normalisation": {"method": "standard", "mean": round(mean, 2), "std": round(deviation, 2)},
            "licence": "BSD-3-Clause",
            "input_size": (self.size, self.size),
        }
        return ModelCard.model_validate({**fields, **more})


class Pictures:
    """All samples of some sequences, reduced on first use and kept in memory as float16.

    Parameters
    ----------
    sequences : list of Sequence
        Sources.
    size : int
        Side of the pictures, px.
    frames : int
        Consecutive frames per sample.

    Raises
    ------
    CellSimError
        If the sequences are smaller or shorter than a sample, or differ in pixel size.
    """

    def __init__(self, sequences: list[Sequence], size: int, frames: int = 1) -> None:
        self.sequences, self.size, self.frames = sequences, size, frames
        for sequence in sequences:
            count, height, width = sequence.images.shape
            if min(height, width) < size:
                raise CellSimError(
                    f"The pictures in {sequence.folder} have {height} x {width} px, less than the {size} px to be "
                    "learned; choose a smaller size."
                )
            if count < frames:
                raise CellSimError(
                    f"The sequence {sequence.folder} has {count} frames, but {frames} are needed."
                )
        self.pixel_size = self._common_pixel_size()
        # (sequence, first frame) of each sample
        self.index = [
            (number, first)
            for number, sequence in enumerate(sequences)
            for first in range(len(sequence.images) - frames + 1)
        ]

    def __len__(self) -> int:
        return len(self.index)

    def _common_pixel_size(self) -> float | None:
        sizes = set()
        for sequence in self.sequences:
            given = sequence.info.get("pixel_size")
            side = min(sequence.images.shape[1:])
            sizes.add(round(given * side / self.size, 4) if given else None)
        if len(sizes) > 1:
            raise CellSimError(
                "The sequences show fields of different width, so that cells would differ in scale; give them one size."
            )
        return sizes.pop()

    @cached_property
    def _loaded(self) -> tuple[list[Tensor], float, float]:
        reduced, means, deviations = [], [], []
        for sequence in self.sequences:
            height, width = sequence.images.shape[1:]
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            raw = torch.from_numpy(
                np.asarray(sequence.images[:, top : top + side, left : left + side], np.float32)
            )
            small = resize_images(raw, (self.size, self.size))
            mean, deviation = float(small.mean()), float(small.std())
            means.append(mean)
            deviations.append(deviation)
            # standardised before rounding: camera counts lose digits in float16
            reduced.append(((small - mean) / max(deviation, 1e-6)).half())
        return reduced, float(np.median(means)), float(np.median(deviations))

    @property
    def level(self) -> tuple[float, float]:
        """Median over the sequences of their mean and standard deviation, in the camera's units."""
        return self._loaded[1:]

    def sample(self, number: int) -> Tensor:
        """Return sample `number`, (T, size, size) float32, standardised."""
        sequence, first = self.index[number]
        frames = self._loaded[0][sequence][first : first + self.frames].float()
        return (frames - frames.mean()) / frames.std().clamp(min=1e-6)

    def all(self, limit: int | None = None) -> Tensor:
        """Return samples (N, T, size, size), evenly spread over all of them if there are more than `limit`."""
        count = len(self) if limit is None else min(limit, len(self))
        return torch.stack([self.sample(i * len(self) // count) for i in range(count)])


class PictureFeeder:
    """Draws batches: a pure function of seed and step.

    Parameters
    ----------
    pictures : Pictures
        Where from.
    config : PictureConfig
        Batch size, mirroring and seed.

    Attributes
    ----------
    share : slice
        Which samples of each batch to draw; all by default.
    """

    def __init__(self, pictures: Pictures, config: PictureConfig) -> None:
        self.pictures, self.config = pictures, config
        self.share = slice(None)

    def __len__(self) -> int:
        return len(self.pictures)

    def __call__(self, step: int) -> PictureBatch:
        """Return the batch of a step."""
        generator = np.random.default_rng([self.config.seed, step])
        numbers = generator.integers(len(self.pictures), size=self.config.batch)
        # Drawn for all samples, so that a share holds what the whole batch has at its place.
        flipped = [self.config.flip and generator.random() < 0.5 for _ in numbers]
        samples = []
        for number, flip in zip(numbers[self.share], flipped[self.share], strict=True):
            sample = self.pictures.sample(int(number))
            samples.append(sample.flip(-1) if flip else sample)
        return PictureBatch(torch.stack(samples), step)
