"""Is a forecast as sure as it says: calibration and coverage of intervals, scores of samples.

Needs no torch. Intensities may be in any unit; scores of samples are in that unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError
from ..models.card import Calibration
from .bootstrap import bootstrap_interval
from .report import Score, Strict

Values = npt.NDArray[np.float64]

LEVELS = (0.5, 0.6827, 0.8, 0.9, 0.95, 0.99)
"""Levels of a calibration."""


def fit_calibration(
    errors: Sequence[Sequence[Any]], scales: Sequence[Sequence[Any]], levels: Sequence[float] = LEVELS
) -> list[Calibration]:
    """Measure how large errors really are in units of the scale that was predicted for them.

    Parameters
    ----------
    errors : sequence over horizons of sequences of arrays
        ``errors[h][n]`` holds the errors (their sign is not used) at horizon h + 1 of validation sequence n, of any
        shape; several forecasts of one sequence belong into one array. NaN pixels are left out.
    scales : the same
        The scales predicted for them, above 0.
    levels : sequence of float
        Rising, between 0 and 1.

    Returns
    -------
    list of Calibration
        One for each horizon. The factor of a level is the smallest number that so large a share of ``|error| / scale``
        does not exceed; each sequence counts the same, however many pixels it has.

    Raises
    ------
    CellSimError
        If errors and scales do not belong together, a scale is not above 0, or a horizon has no errors.
    """
    if len(errors) != len(scales):
        raise CellSimError(f"There are errors of {len(errors)} horizons, but scales of {len(scales)}.")
    return [
        Calibration(horizon=step, levels=list(levels), factors=_quantiles(ratios, levels))
        for step, ratios in enumerate(map(_ratios, errors, scales), 1)
    ]


def _ratios(errors: Sequence[Any], scales: Sequence[Any]) -> list[Values]:
    """Return ``|error| / scale`` of each sequence (N,) that has any."""
    if len(errors) != len(scales):
        raise CellSimError(f"There are errors of {len(errors)} sequences, but scales of {len(scales)}.")
    found = []
    for error, scale in zip(errors, scales, strict=True):
        e, b = (np.asarray(a, dtype=np.float64) for a in (error, scale))
        if e.shape != b.shape:
            raise CellSimError(f"Errors of the shape {e.shape} cannot have scales of the shape {b.shape}.")
        known = np.isfinite(e) & np.isfinite(b)
        if (b[known] <= 0).any():
            raise CellSimError("A predicted scale is 0 or less, so errors cannot be measured in units of it.")
        if known.any():
            found.append(np.abs(e[known]) / b[known])
    if not found:
        raise CellSimError("There is nothing to calibrate with: a horizon has no errors.")
    return found


def _quantiles(ratios: list[Values], levels: Sequence[float]) -> list[float]:
    pooled = np.concatenate(ratios)
    weights = np.concatenate([np.full(len(part), 1 / (len(part) * len(ratios))) for part in ratios])
    order = np.argsort(pooled)
    share = np.cumsum(weights[order])
    # The sum is rounded: a share that should equal the level must not miss it by 1e-16.
    places = np.searchsorted(share, np.array(levels) * (1 - 1e-9))
    return [float(value) for value in pooled[order][np.minimum(places, len(pooled) - 1)]]


def coverage(prediction: Any, half_width: Any, target: Any, mask: Any = None) -> float:
    """Return the share of pixels whose truth lies within the interval around the prediction.

    Parameters
    ----------
    prediction, half_width, target : array (..., Y, X)
        In one intensity unit. Pixels that are no number in any of them are left out.
    mask : array of bool (..., Y, X), optional
        The pixels to look at.

    Returns
    -------
    float
        From 0 to 1; NaN if there is no pixel.
    """
    guess, width, truth = (np.asarray(a, dtype=np.float64) for a in (prediction, half_width, target))
    known = np.isfinite(guess) & np.isfinite(width) & np.isfinite(truth)
    if mask is not None:
        known &= np.asarray(mask, dtype=bool)
    inside = np.abs(guess - truth) <= width
    return float(inside[known].mean()) if known.any() else float("nan")


class HorizonCoverage(Strict):
    """Coverage at one horizon, over sequences.

    Attributes
    ----------
    horizon : int
        Steps ahead, from 1.
    sequences : int
        Independent sequences that reach so far.
    value, low, high : float or None
        Mean over sequences and the ends of its bootstrap interval; the ends are None for fewer than two.
    """

    horizon: int
    sequences: int
    value: Score
    low: Score
    high: Score


def coverage_by_horizon(
    predictions: Sequence[Any],
    half_widths: Sequence[Any],
    targets: Sequence[Any],
    *,
    level: float = 0.95,
    seed: int = 0,
) -> list[HorizonCoverage]:
    """Return the coverage at each horizon with bootstrap intervals over sequences.

    Parameters
    ----------
    predictions, half_widths, targets : sequence of arrays (T, Y, X)
        One forecast of each sequence, with its half-widths and the true frames; sequences may differ in size and in T.
    level : float
        Nominal coverage of the bootstrap intervals, not of those that are judged.
    seed : int
        Of the bootstrap.

    Returns
    -------
    list of HorizonCoverage

    Raises
    ------
    CellSimError
        If there is no sequence, or there are not as many of one kind as of another.
    """
    if not predictions or not len(predictions) == len(half_widths) == len(targets):
        raise CellSimError(
            f"Coverage needs predictions, half-widths and true frames of the same sequences, not {len(predictions)}, "
            f"{len(half_widths)} and {len(targets)} of them."
        )
    found = []
    for step in range(max(len(target) for target in targets)):
        shares = [
            coverage(guess[step], width[step], truth[step])
            for guess, width, truth in zip(predictions, half_widths, targets, strict=True)
            if step < len(truth)
        ]
        values = np.array([share for share in shares if np.isfinite(share)])
        low, high = bootstrap_interval(values, level, seed=seed)
        mean = float(values.mean()) if len(values) else float("nan")
        found.append(HorizonCoverage(horizon=step + 1, sequences=len(values), value=mean, low=low, high=high))
    return found


def crps(samples: Any, target: Any, *, fair: bool = True) -> float:
    """Continuous ranked probability score of samples, averaged over pixels; 0 is perfect.

    The mean error ``|x - y|`` of a sample minus half the mean difference ``|x - x'|`` of two: an error that allows
    for what the samples themselves call uncertain. For a forecast that is one picture it is the mean absolute error.

    Parameters
    ----------
    samples : array (S, ...)
        At least two samples if `fair`.
    target : array (...)
        Pixels that are no number are left out.
    fair : bool
        Whether pairs of a sample with itself are left out, so that the expected score does not depend on the number of
        samples and that of samples of the truth's own distribution is the least.

    Returns
    -------
    float
        In intensity units; NaN if there is no pixel. A fair score of few samples may be below 0 by chance.

    Raises
    ------
    CellSimError
        If there are too few samples or shapes differ.

    Notes
    -----
    Gneiting & Raftery 2007, "Strictly proper scoring rules, prediction, and estimation", eq. 21; the fair form is that
    of Ferro 2014, "Fair scores for ensemble forecasts", eq. 2.
    """
    drawn, truth = _samples(samples, target, fair)
    known = np.isfinite(truth)
    if not known.any():
        return float("nan")
    values, count = np.sort(drawn[:, known], axis=0), len(drawn)
    error = np.abs(values - truth[known]).mean()
    # Sum of |x_i - x_j| over pairs i < j: the k-th smallest is added k times and taken away count - 1 - k times.
    order = 2 * np.arange(count) - (count - 1)
    pairs = np.tensordot(order, values, axes=1).mean()
    return float(error - pairs / (count * (count - 1 if fair else count)))


def energy_score(samples: Any, target: Any, *, fair: bool = True) -> float:
    """Energy score of samples of one frame; 0 is perfect.

    As `crps`, but with the root-mean-square difference of whole frames instead of the difference of each pixel, so
    that it also sees whether neighbouring pixels belong together. For a forecast that is one picture it is the
    root-mean-square error.

    Parameters
    ----------
    samples : array (S, Y, X)
        At least two samples if `fair`.
    target : array (Y, X)
        Pixels that are no number are left out.
    fair : bool
        As for `crps`.

    Returns
    -------
    float
        In intensity units; NaN if there is no pixel.

    Raises
    ------
    CellSimError
        If there are too few samples or shapes differ.

    Notes
    -----
    Gneiting & Raftery 2007, eq. 22 with β = 1, divided by the square root of the number of pixels.
    """
    drawn, truth = _samples(samples, target, fair)
    known = np.isfinite(truth)
    if not known.any():
        return float("nan")
    values, count = drawn[:, known], len(drawn)
    error = np.sqrt(((values - truth[known]) ** 2).mean(axis=1)).mean()
    return float(error - _distances(values).sum() / (count * (count - 1 if fair else count)))


def diversity(samples: Any) -> float:
    """Return how much samples differ: the mean over all pairs of the root-mean-square difference of their pixels.

    Samples of the truth's own distribution differ from each other as much as each differs from the truth.

    Parameters
    ----------
    samples : array (S, ...)
        At least two; pixels that are no number are left out.

    Returns
    -------
    float
        In intensity units; NaN if there is no pixel.

    Raises
    ------
    CellSimError
        If there are fewer than two samples.
    """
    drawn = np.asarray(samples, dtype=np.float64)
    if drawn.ndim < 1 or len(drawn) < 2:
        raise CellSimError("Only two samples or more can differ: draw more of them.")
    values = drawn.reshape(len(drawn), -1)
    values = values[:, np.isfinite(values).all(axis=0)]
    return float(_distances(values).mean()) if values.size else float("nan")


def _distances(values: Values) -> Values:
    """Return the root-mean-square difference of each pair of samples (S, N)."""
    rows, columns = np.triu_indices(len(values), 1)
    # Pair by pair: all differences at once would take S² / 2 frames of memory.
    return np.array(
        [np.sqrt(((values[i] - values[j]) ** 2).mean()) for i, j in zip(rows, columns, strict=True)]
    )


def _samples(samples: Any, target: Any, fair: bool) -> tuple[Values, Values]:
    drawn, truth = np.asarray(samples, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if drawn.shape[1:] != truth.shape or drawn.ndim != truth.ndim + 1:
        raise CellSimError(f"Samples of the shape {drawn.shape} are no samples of {truth.shape}.")
    if len(drawn) < (2 if fair else 1):
        raise CellSimError("A fair score needs at least two samples: draw more of them.")
    return drawn, truth
