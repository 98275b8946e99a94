"""Traps of one position: what was found, what a hand removed, moved and added. Nothing here knows Qt or a layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..datasets import Traps

BY_HAND = -1  # in place of the number of a hit
LOWEST = 0.2  # threshold of the search; the slider goes up from here
_SAME = 0.35  # of height and width; hits of two searches that are closer are the same trap
_STAYED = 0.25  # px; a rectangle whose middle moved less is as it was found


class Hits:
    """Hits of a search with a low threshold, and what was changed by hand since.

    Parameters
    ----------
    found : Traps
        All hits above `LOWEST`.
    reference : int
        The frame in which they were found.

    Attributes
    ----------
    removed : set of int
        Numbers of the hits that were deleted or moved.
    added : list of ndarray, (2,)
        Centres (y, x) that were placed by hand, px.
    """

    def __init__(self, found: Traps, reference: int = 0) -> None:
        self.found, self.reference = found, reference
        self.removed: set[int] = set()
        self.added: list[np.ndarray] = []

    def shown(self, threshold: float) -> list[int]:
        """Return the numbers of the found hits above a threshold that nobody removed."""
        return [
            number
            for number in np.flatnonzero(~(self.found.scores < threshold)).tolist()
            if number not in self.removed
        ]

    def rectangles(self, numbers: Iterable[int]) -> list[np.ndarray]:
        """Return the corners (4, 2) of found hits, px."""
        corners = self.found.rectangles()
        return [corners[number] for number in numbers]

    def hand_rectangles(self) -> list[np.ndarray]:
        """Return the corners (4, 2) of what was placed by hand, in the size and angle of the others."""
        return list(self._hand_made().rectangles())

    def traps(self, threshold: float) -> Traps:
        """Return what is to be cropped: hits above the threshold and those placed by hand, from top to bottom."""
        found, hand = self.shown(threshold), self._hand_made()
        centres = np.concatenate([self.found.centres[found], hand.centres])
        order = np.lexsort((centres[:, 1], centres[:, 0]))
        return Traps(
            centres[order],
            np.concatenate([self.found.scores[found], hand.scores])[order],
            np.concatenate([self.found.angles[found], hand.angles])[order],
            self.found.size,
        )

    def read_back(self, written: Iterable[int], numbers: Sequence[int], shapes: Sequence[Any]) -> None:
        """Take over what a hand did to the rectangles.

        Parameters
        ----------
        written : iterable of int
            Numbers of the found hits that had been drawn.
        numbers : sequence of int
            The number that each shape carries now; copies and new shapes may carry any.
        shapes : sequence of array_like (…, 2)
            Vertices of each shape, px.
        """
        seen: set[int] = set()
        added = []
        for number, shape in zip(numbers, shapes, strict=True):
            corners = np.asarray(shape, np.float64)[..., -2:].reshape(-1, 2)
            centre = (corners.min(0) + corners.max(0)) / 2
            known = 0 <= number < len(self.found) and number not in seen
            if known and np.abs(centre - self.found.centres[number]).max() < _STAYED:
                seen.add(number)
            else:
                added.append(centre)
        self.removed |= set(written) - seen
        self.added = added

    def carry_over(self, before: Hits) -> None:
        """Take over what a hand did to the hits of an earlier search in the same frame."""
        if before.reference != self.reference:
            return
        reach = _SAME * np.array(self.found.size)
        for number in before.removed:
            away = np.abs(self.found.centres - before.found.centres[number])
            self.removed |= set(np.flatnonzero((away < reach).all(1)).tolist())
        self.added = list(before.added)

    def _hand_made(self) -> Traps:
        made = Traps.from_centres(np.array(self.added).reshape(-1, 2), self.found.size)
        if len(self.found):
            made.angles[:] = np.median(self.found.angles)
        return made
