"""Confidence intervals by resampling sequences, the only unit that is independent here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError

RESAMPLES = 4000
_CHUNK = 500  # resamples drawn at once: bounds memory to a few MB for thousands of sequences


def bootstrap_interval(
    values: Any, level: float = 0.95, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean.

    Parameters
    ----------
    values : array (N,)
        One value per independent sequence.
    level : float
        Nominal coverage, in (0, 1).
    resamples : int
        Number of resamples with replacement.
    seed : int
        The interval is a function of the values and this seed.

    Returns
    -------
    tuple of float
        Lower and upper end; NaN, NaN for fewer than two values.

    Raises
    ------
    CellSimError
        If the values are not one-dimensional or the level is out of range.

    Notes
    -----
    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3.
    """
    return ratio_interval(values, np.ones(np.shape(values)), level, resamples=resamples, seed=seed)


def ratio_interval(
    numerators: Any, denominators: Any, level: float = 0.95, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a ratio of two means, paired by sequence.

    Parameters
    ----------
    numerators, denominators : array (N,)
        Two values of each sequence, e.g. the errors of model and baseline. Drawn together, so that what makes
        a sequence difficult for both cancels.
    level, resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    tuple of float
        Lower and upper end; NaN, NaN for fewer than two sequences.

    Raises
    ------
    CellSimError
        If the arrays are not one-dimensional, differ in length, or the level is out of range.
    """
    top = np.asarray(numerators, dtype=np.float64)
    bottom = np.asarray(denominators, dtype=np.float64)
    if top.ndim != 1 or top.shape != bottom.shape:
        raise CellSimError(
            f"A bootstrap needs one value per sequence, but the shapes are {top.shape} and {bottom.shape}."
        )
    return _interval(
        lambda drawn: top[drawn].mean(axis=1) / bottom[drawn].mean(axis=1), len(top), level, resamples, seed
    )


def skill_interval(
    errors: Any, baselines: Any, level: float = 0.95, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the skill score ``1 - mean error / least mean error of a baseline``.

    The best baseline is chosen anew in every resample, so that the interval knows that it might have been another.

    Parameters
    ----------
    errors : array (N,)
        Error of the model on each independent sequence.
    baselines : array (B, N)
        Errors of each baseline on the same sequences.
    level, resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    tuple of float
        Lower and upper end; NaN, NaN for fewer than two sequences.

    Raises
    ------
    CellSimError
        If the arrays do not fit each other or the level is out of range.
    """
    own, others = np.asarray(errors, dtype=np.float64), np.asarray(baselines, dtype=np.float64)
    if own.ndim != 1 or others.ndim != 2 or others.shape[1:] != own.shape or not len(others):
        raise CellSimError(
            f"Skill needs errors (N,) and baselines (B, N) of the same sequences, not {own.shape} and {others.shape}."
        )
    return _interval(
        lambda drawn: 1 - own[drawn].mean(axis=1) / others[:, drawn].mean(axis=2).min(axis=0),
        len(own),
        level,
        resamples,
        seed,
    )


def _interval(
    statistic: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]],
    count: int,
    level: float,
    resamples: int,
    seed: int,
) -> tuple[float, float]:
    """Return the interval of a statistic, which takes the sequences of each resample (R, count) to values (R,)."""
    if not 0 < level < 1:
        raise CellSimError(f"The level of an interval must lie between 0 and 1, but it is {level}.")
    if count < 2:
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    sizes = [min(_CHUNK, resamples - start) for start in range(0, resamples, _CHUNK)]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = [statistic(generator.integers(0, count, (size, count))) for size in sizes]
    low, high = np.nanquantile(np.concatenate(found), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
