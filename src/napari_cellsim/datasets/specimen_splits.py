"""Specimens dealt out to training, validation and test, so that the same picture is never in two parts."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from .splits import PARTS

_FEWEST = 10  # different pictures of a class, so that a tenth of them is one


def check_fractions(fractions: Sequence[float]) -> tuple[float, float, float]:
    """Return the shares of the three parts, if they can be used.

    Raises
    ------
    CellSimError
        If they are not three numbers that add up to 1, the first above 0.
    """
    if len(fractions) != 3 or min(fractions) < 0 or fractions[0] <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise CellSimError(
            f"The shares of training, validation and test are {tuple(fractions)}: give three that add up to 1, the "
            "first not 0."
        )
    train, validation, test = fractions
    return train, validation, test


def check_enough(name: str, count: int, shares: Sequence[float]) -> None:
    """Check that a class has enough different pictures to be split.

    Raises
    ------
    CellSimError
        If it has fewer than 10 that go to several parts.
    """
    if count < _FEWEST and sum(share > 0 for share in shares) > 1:
        raise CellSimError(
            f"The class {name} has {count} different picture{'s' * (count != 1)}, too few to train and test on: add "
            f"some until there are at least {_FEWEST}."
        )


def deal_specimens(
    labels: NDArray[np.int64],
    keys: Sequence[str],
    class_names: Sequence[str],
    fractions: tuple[float, float, float],
    seed: int,
) -> dict[str, NDArray[np.int64]]:
    """Deal each class out by itself; pictures with the same key go to one part.

    Parameters
    ----------
    labels : ndarray of int, (N,)
        Class of each picture.
    keys : sequence of str, (N,)
        The same for identical pictures.
    class_names : sequence of str
        Names of the classes; other classes do not change how one is dealt out.
    fractions : (float, float, float)
        Shares of training, validation and test.
    seed : int
        Seed of the draw.

    Returns
    -------
    dict of str to ndarray of int
        Rows of "train", "validation" and "test", ascending.

    Raises
    ------
    CellSimError
        If a class has fewer than 10 different pictures for several parts, or one picture is in two classes.
    """
    dealt: dict[str, list[int]] = {part: [] for part in PARTS}
    shares = dict(zip(PARTS, fractions, strict=True))
    wanted = [part for part in PARTS if shares[part] > 0]
    for label, name in enumerate(class_names):
        groups: dict[str, list[int]] = {}
        for row in np.flatnonzero(labels == label).tolist():
            groups.setdefault(keys[row], []).append(row)
        check_enough(name, len(groups), fractions)
        own: dict[str, list[int]] = {part: [] for part in PARTS}
        total = sum(map(len, groups.values()))
        ordered = sorted(groups.values())
        generator = np.random.default_rng([seed, 62, zlib.crc32(name.encode())])
        for n, i in enumerate(generator.permutation(len(ordered))):
            empty = [part for part in wanted if not own[part]]
            # the part that lacks most of its share; towards the end those that would stay empty
            choice = empty if len(ordered) - n <= len(empty) else wanted
            part = max(choice, key=lambda p: 1 - len(own[p]) / (shares[p] * total))
            own[part] += ordered[i]
        for part in PARTS:
            dealt[part] += own[part]
    return {part: np.array(sorted(rows), np.int64) for part, rows in dealt.items()}


def check_specimen_leaks(
    parts: Mapping[str, NDArray[np.int64]], keys: Sequence[str], paths: Sequence[str]
) -> None:
    """Check that no picture is in two parts.

    Parameters
    ----------
    parts : mapping of str to ndarray of int
        Rows of each part.
    keys : sequence of str
        The same for identical pictures.
    paths : sequence of str
        Names for the sentence.

    Raises
    ------
    CellSimError
        If one is; the sentence names both files.
    """
    seen: dict[str, tuple[str, int]] = {}
    for part, rows in parts.items():
        for row in rows:
            other, first = seen.setdefault(keys[row], (part, int(row)))
            if other != part:
                raise CellSimError(
                    f"The split leaks: {paths[first]} in {other} and {paths[row]} in {part} are the same picture; "
                    "split again, so that they stay together."
                )
