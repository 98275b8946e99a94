"""From stored sequences to batches: choice of sequence and crop, normalisation, augmentation, prefetching.

A batch is a pure function of seed and step: a resumed run needs no other memory of where it was in the data.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as SequenceABC
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..base import CellSimError
from ..data import Scale, fit_scale
from .augmentation import Augmentation, change_appearance, flip_flow, resize_images, rotate_flow
from .sequences import IGNORE, Sequence

T = TypeVar("T")

# Subsampling changes a percentile of ten thousand pixels by less than the camera noise does.
_PERCENTILE_STRIDE = 3

_FIELDS = ("images", "semantic", "flow", "valid")

UNKNOWN = -1
"""Class of the pixels of a batch that have none."""


@dataclass(frozen=True)
class Batch:
    """Training sequences of one size.

    Attributes
    ----------
    images : Tensor
        (B, T, 1, H, W), about [0, 1].
    semantic : Tensor
        (B, T, H, W) int64 classes 0…3; -1 where unknown.
    flow : Tensor
        (B, T-1, 2, H, W) px: ``flow[:, t]`` leads from frame t + 1 back to frame t.
    valid : Tensor
        (B, T-1, H, W) bool: where the flow is known.
    """

    images: Tensor
    semantic: Tensor
    flow: Tensor
    valid: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on another device."""
        return replace(self, **{name: getattr(self, name).to(device, non_blocking=True) for name in _FIELDS})

    def part(self, rows: slice) -> Batch:
        """Return some of the samples."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _FIELDS})


def history_scale(history: np.ndarray) -> Scale:
    """Return the intensity scale that a forecast would fit to this past (T, Y, X)."""
    return fit_scale(history[..., ::_PERCENTILE_STRIDE, ::_PERCENTILE_STRIDE])


class Feeder:
    """Draws batches of augmented crops.

    Parameters
    ----------
    groups : sequence of (weight, sequences, strides)
        Sources: how often to draw from each, its sequences, and the frame steps to choose among.
    batch : int
        Crops per batch.
    crop : int
        Side of the crops, px.
    augmentation : Augmentation
        Random changes.
    history : int
        Frames that fix the intensity scale, as a forecast sees no later ones.
    seed : int
        Seed of everything.

    Attributes
    ----------
    share : slice
        Which samples of each batch to draw; all by default.
    """

    def __init__(
        self,
        groups: SequenceABC[tuple[float, SequenceABC[Sequence], tuple[int, ...]]],
        *,
        batch: int,
        crop: int,
        augmentation: Augmentation,
        history: int,
        seed: int,
    ) -> None:
        self.groups = [group for group in groups if group[0] > 0]
        self.batch, self.crop, self.augmentation, self.history, self.seed = (
            batch,
            crop,
            augmentation,
            history,
            seed,
        )
        self.share = slice(None)
        self._long_enough: dict[tuple[int, int], list[Sequence]] = {}

    def __len__(self) -> int:
        """Return the number of frames there are: an epoch draws as many crops."""
        return sum(len(sequence.images) for _, sequences, _ in self.groups for sequence in sequences)

    def __call__(self, step: int, length: int) -> Batch:
        """Return the batch of a step, with `length` frames per sequence."""
        own = range(self.batch)[self.share]
        return collate([self._draw(np.random.default_rng([self.seed, step, i]), length) for i in own])

    def _draw(self, generator: np.random.Generator, length: int) -> Batch:
        weights = np.array([group[0] for group in self.groups])
        group = int(generator.choice(len(weights), p=weights / weights.sum()))
        sequences, strides = self._usable(group, length), self.groups[group][2]
        sequence = sequences[int(generator.integers(len(sequences)))]
        fitting = [stride for stride in strides if (length - 1) * stride < len(sequence.images)]
        stride = fitting[int(generator.integers(len(fitting)))]
        start = int(generator.integers(len(sequence.images) - (length - 1) * stride))
        frames = slice(start, start + (length - 1) * stride + 1, stride)
        height, width = sequence.images.shape[1:]
        zoom = generator.uniform(*self.augmentation.zoom)
        side = min(round(self.crop / zoom), height, width)
        top, left = _place(sequence, frames, side, generator)
        sample = cut(
            sequence, frames, slice(top, top + side), slice(left, left + side), self.history, self.crop
        )
        return self._augment(sample, generator)

    def _usable(self, group: int, length: int) -> list[Sequence]:
        """Return the sequences of a group that have `length` frames at its smallest stride."""
        if (group, length) not in self._long_enough:
            _, sequences, strides = self.groups[group]
            found = [s for s in sequences if (length - 1) * min(strides) < len(s.images)]
            if not found:
                longest = max(sequences, key=lambda s: len(s.images))
                raise CellSimError(
                    f"The training sequence {longest.folder} has {len(longest.images)} frames, but {length} are needed."
                )
            self._long_enough[group, length] = found
        return self._long_enough[group, length]

    def _augment(self, sample: Batch, generator: np.random.Generator) -> Batch:
        images = change_appearance(sample.images[0, :, 0], self.augmentation, generator)[None, :, None]
        semantic, flow, valid = sample.semantic, sample.flow, sample.valid
        if self.augmentation.flip and generator.random() < 0.5:
            images, semantic, valid, flow = (
                images.flip(-1),
                semantic.flip(-1),
                valid.flip(-1),
                flip_flow(flow),
            )
        turns = int(generator.integers(4)) if self.augmentation.rotate else 0
        if turns:
            images, semantic, valid = (torch.rot90(x, turns, (-2, -1)) for x in (images, semantic, valid))
            flow = rotate_flow(flow, turns)
        return Batch(images, semantic, flow, valid)


def _place(sequence: Sequence, frames: slice, side: int, generator: np.random.Generator) -> tuple[int, int]:
    """Choose a crop: half of them around a cell, where most of what can be learned happens."""
    height, width = sequence.images.shape[1:]
    top, left = int(generator.integers(height - side + 1)), int(generator.integers(width - side + 1))
    centred = generator.random() < 0.5
    if centred and "semantic" in sequence.known:
        semantic = sequence.semantic[frames.start, ::4, ::4]
        rows, columns = np.nonzero((semantic >= 2) & (semantic != IGNORE))
        if len(rows):
            chosen = int(generator.integers(len(rows)))
            top = int(np.clip(4 * rows[chosen] - side // 2, 0, height - side))
            left = int(np.clip(4 * columns[chosen] - side // 2, 0, width - side))
    return top, left


def cut(
    sequence: Sequence, frames: slice, rows: slice, columns: slice, history: int, size: int | None = None
) -> Batch:
    """Return one normalised crop as a batch of one.

    Parameters
    ----------
    sequence : Sequence
        Source.
    frames : slice
        Which frames. Flow and validity are known for steps of 1 only.
    rows, columns : slice
        Which part of the picture.
    history : int
        Number of leading frames whose percentiles fix the intensity scale.
    size : int, optional
        Resize the crop to a square of this side.
    """
    stride = frames.step or 1
    pictures = sequence.images[frames]  # once: a view of a mapped file, but a reading of a compressed store
    scale = history_scale(pictures[:history])
    raw = np.asarray(pictures[:, rows, columns], np.float32)
    images = torch.from_numpy((raw - np.float32(scale.offset)) / np.float32(scale.gain))
    count, height, width = images.shape
    if "semantic" in sequence.known:
        semantic = torch.from_numpy(np.array(sequence.semantic[frames, rows, columns])).long()
        semantic = torch.where(semantic == IGNORE, UNKNOWN, semantic)
    else:
        semantic = torch.full((count, height, width), UNKNOWN)
    if "flow" in sequence.known and stride == 1:
        start = frames.start or 0
        pairs = slice(start, start + count - 1)
        flow = torch.from_numpy(np.nan_to_num(np.asarray(sequence.flow[pairs, :, rows, columns], np.float32)))
        valid = torch.from_numpy(np.array(sequence.valid[pairs, rows, columns]))
    else:
        flow = torch.zeros(count - 1, 2, height, width)
        valid = torch.zeros(count - 1, height, width, dtype=torch.bool)
    if size is not None and (height, width) != (size, size):
        images = resize_images(images, (size, size))
        semantic = _nearest(semantic, size)
        valid = _nearest(valid, size)
        zoom = torch.tensor([size / width, size / height])[:, None, None]
        flow = functional.interpolate(flow, size=(size, size), mode="bilinear", align_corners=False) * zoom
    return Batch(images[None, :, None], semantic[None], flow[None], valid[None])


def _nearest(maps: Tensor, size: int) -> Tensor:
    if not len(maps):
        return maps.new_zeros(0, size, size)
    resized = functional.interpolate(maps[:, None].float(), size=(size, size), mode="nearest-exact")[:, 0]
    return resized.to(maps.dtype)


def collate(samples: SequenceABC[Batch]) -> Batch:
    """Join batches of equal size along the first axis."""
    return Batch(**{name: torch.cat([getattr(sample, name) for sample in samples]) for name in _FIELDS})


class Prefetcher(Generic[T]):
    """Prepares the items of the next steps in background threads while the present one is used.

    Parameters
    ----------
    make : callable
        ``make(step) -> item``, a pure function of the step.
    workers : int
        Threads, and items made ahead.
    """

    def __init__(self, make: Callable[[int], T], workers: int = 1) -> None:
        self._make, self._workers = make, workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="training-data")
        self._ahead: dict[int, Future[T]] = {}

    def __call__(self, step: int) -> T:
        """Return the item of a step, and start on the following ones."""
        wanted = range(step, step + self._workers + 1)
        kept = {number: future for number, future in self._ahead.items() if number in wanted}
        for number in wanted:
            if number not in kept:
                kept[number] = self._pool.submit(self._make, number)
        self._ahead = kept
        return self._ahead.pop(step).result()

    def close(self) -> None:
        """Stop the background threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
