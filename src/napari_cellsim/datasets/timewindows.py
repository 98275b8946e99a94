"""Stretches of time of a sequence: what is reviewed, kept or dropped, and put into one part of a split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..base import CellSimError
from .store import CropStore


@dataclass(frozen=True)
class Window:
    """Consecutive frames of one sequence, all channels.

    Parameters
    ----------
    sequence : str
        Its id in the store.
    start, stop : int
        Frames start … stop-1.
    planes : tuple of int or None
        Focal planes; None for all.
    """

    sequence: str
    start: int
    stop: int
    planes: tuple[int, ...] | None = None

    @property
    def id(self) -> str:
        """``position/trap@start-stop``, with ``#`` and the planes where not all are meant."""
        planes = "" if self.planes is None else "#" + ",".join(map(str, self.planes))
        return f"{self.sequence}@{self.start}-{self.stop}{planes}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "sequence": self.sequence,
            "start": self.start,
            "stop": self.stop,
            "planes": None if self.planes is None else list(self.planes),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Window:
        """Restore it from plain values."""
        planes = values["planes"]
        return cls(
            values["sequence"], values["start"], values["stop"], None if planes is None else tuple(planes)
        )


def windows(store: CropStore, length: int | None = None) -> tuple[Window, ...]:
    """Cut all sequences of a store into windows that follow each other without overlap.

    Parameters
    ----------
    store : CropStore
        The crops.
    length : int or None
        Frames per window; a shorter rest at the end of a sequence is left out. None: each sequence is one window.

    Raises
    ------
    CellSimError
        If no sequence is that long.
    """
    if length is not None and length < 1:
        raise CellSimError(f"The length of a window is {length} frames: give at least 1.")
    found = []
    for sequence in store.sequences:
        times = sequence.shape[0]
        step = length or times
        found += [Window(sequence.id, first, first + step) for first in range(0, times - step + 1, step)]
    if not found:
        longest = max(sequence.shape[0] for sequence in store.sequences)
        raise CellSimError(
            f"No sequence of {store.path.name} has {length} frames: the longest has {longest}, choose shorter windows."
        )
    return tuple(found)
