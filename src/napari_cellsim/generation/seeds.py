"""Random numbers of a picture from its own seeds alone, so that neither its number nor its batch matters."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from .generated import NO_NOISE

Noise = Literal["random", "fixed", "none"]

_CODE, _NOISE = 0, 1


def check_seed(seed: int) -> int:
    """Return a seed if it is one.

    Raises
    ------
    CellSimError
        If it is negative or no whole number.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise CellSimError(f"The seed is {seed}; it must be a whole number of at least 0.")
    return int(seed)


def code_seeds(seed: int, count: int) -> NDArray[np.int64]:
    """Return the seed (N,) of each picture's z: picture i of a seed is the same however many there are."""
    return _derived(seed, count, _CODE)


def noise_seeds(noise: Noise, seed: int, count: int) -> NDArray[np.int64]:
    """Return the seed (N,) of each picture's noise maps.

    Parameters
    ----------
    noise : {"random", "fixed", "none"}
        Noise of its own for each picture, the same for all pictures of all seeds, or none.
    seed : int
        Seed of the pictures.
    count : int
        Number of pictures.

    Raises
    ------
    CellSimError
        If `noise` is none of these.
    """
    if noise not in get_args(Noise):
        raise CellSimError(f"The noise is {noise!r}; choose one of {', '.join(get_args(Noise))}.")
    if noise == "random":
        return _derived(seed, count, _NOISE)
    return np.full(count, 0 if noise == "fixed" else NO_NOISE, dtype=np.int64)


def _derived(seed: int, count: int, purpose: int) -> NDArray[np.int64]:
    words = [np.random.SeedSequence((seed, i, purpose)).generate_state(1, np.uint64)[0] for i in range(count)]
    # 53 bits survive JSON readers that know only float64
    return (np.array(words, dtype=np.uint64) >> np.uint64(11)).astype(np.int64)
