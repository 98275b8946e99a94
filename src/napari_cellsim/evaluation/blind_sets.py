"""Which photographs a blind test of several classes shows: as many real as generated ones of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base import CellSimError
from .picture_sets import PictureSet


def shares_of(count: int, parts: int) -> list[int]:
    """Return how many of `count` things each of some parts gets, as equally as can be, the first ones more."""
    return [count // parts + (part < count % parts) for part in range(parts)]


def alike(real: PictureSet, generated: PictureSet, each: int, seed: int = 0) -> tuple[PictureSet, PictureSet]:
    """Draw as many real as generated pictures of each class, so that a class tells nothing of what is generated.

    Parameters
    ----------
    real, generated : PictureSet
        Where the classes of one of them are not known, nothing is drawn. Real pictures of classes that are not
        generated are left out.
    each : int
        Pictures of each kind, dealt out to the classes as equally as can be.
    seed : int
        Of the drawing.

    Returns
    -------
    PictureSet, PictureSet
        Real and generated ones.

    Raises
    ------
    CellSimError
        If a class has too few.
    """
    if real.classes is None or generated.classes is None:
        return real, generated
    names = sorted(set(generated.classes))
    counts = dict(zip(names, shares_of(each, len(names)), strict=True))
    generator = np.random.default_rng(seed)
    found = []
    for kind, pictures in (("real", real.of_classes(names)), ("generated", generated)):
        found.append(pictures.rows(_drawn(kind, pictures.classes or (), counts, generator)))
    return found[0], found[1]


def _drawn(
    kind: str, classes: Sequence[str], counts: dict[str, int], generator: np.random.Generator
) -> list[int]:
    rows: list[int] = []
    for name, count in counts.items():
        own = [row for row, one in enumerate(classes) if one == name]
        if len(own) < count:
            raise CellSimError(
                f"There are {len(own)} {kind} pictures of the class {name}, fewer than the {count} that a test with "
                f"{sum(counts.values())} of each kind needs: add some, or make a smaller test."
            )
        rows += generator.choice(own, count, replace=False).tolist()
    return rows
