"""The pictures of one part of a split, as training reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from .splits import Split
from .store import CropStore
from .timewindows import Window


@dataclass(frozen=True)
class PartPictures:
    """One channel and focal plane of a window: slices like an array (T, Y, X), reading what is asked for.

    Parameters
    ----------
    store : CropStore
        Where they are.
    window : Window
        Which sequence and frames.
    channel, plane : int
        Which pictures.
    """

    store: CropStore
    window: Window
    channel: int
    plane: int

    @property
    def name(self) -> str:
        """The window and the plane."""
        return f"{self.window.sequence}@{self.window.start}-{self.window.stop}-z{self.plane}"

    @property
    def info(self) -> dict[str, Any]:
        """What training notes about a sequence: source, pixel_size (µm), interval (minutes), plane, channel."""
        return {
            "source": self.store.path.stem,
            "pixel_size": self.store.pixel_size,
            "interval": self.store.interval,
            "plane": self.plane,
            "channel": self.channel,
        }

    @cached_property
    def _array(self) -> Any:
        return self.store.array(self.window.sequence)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height and width."""
        sequence = self.store.sequence(self.window.sequence)
        return self.window.stop - self.window.start, sequence.shape[3], sequence.shape[4]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        times, *window = key if isinstance(key, tuple) else (key,)
        rows = [slice(None), slice(None)]
        rows[: len(window)] = window
        if isinstance(times, slice):
            chosen = range(*times.indices(len(self)))
        elif not -len(self) <= times < len(self):
            raise IndexError(times)
        else:
            chosen = range(times % len(self), times % len(self) + 1)
        if len(chosen) == 0:
            return np.empty((0, *self.shape[1:]), self._array.dtype)[:, rows[0], rows[1]]
        # whole pictures are the store's chunks
        first, last = chosen[0], chosen[-1]
        read = self._array[self.window.start + first : self.window.start + last + 1, self.channel, self.plane]
        pictures: NDArray[Any] = np.asarray(read)[:: chosen.step, rows[0], rows[1]]
        return pictures if isinstance(times, slice) else np.asarray(pictures[0])


def part_pictures(store: CropStore, part: str, channel: int = 0) -> list[PartPictures]:
    """Return the pictures of one part of a store's split, one entry per window and focal plane.

    Parameters
    ----------
    store : CropStore
        The crops, with a split beside them.
    part : str
        "train", "validation" or "test".
    channel : int
        Bright-field channel.

    Raises
    ------
    CellSimError
        If the store has not been split, or the part is unknown or empty.
    """
    split = Split.open(store)
    if not split.parts.get(part):
        known = ", ".join(name for name, own in split.parts.items() if own)
        raise CellSimError(f"The split of {store.path.name} has no part {part!r}: it has {known}.")
    found = []
    for window in split.parts[part]:
        channels, planes = store.sequence(window.sequence).shape[1:3]
        if channel >= channels:
            raise CellSimError(
                f"{window.sequence} has no channel {channel}: it has {channels}, numbered from 0."
            )
        chosen = range(planes) if window.planes is None else window.planes
        found += [PartPictures(store, window, channel, plane) for plane in chosen]
    return found
