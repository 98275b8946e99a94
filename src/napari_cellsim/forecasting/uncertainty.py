"""From the scale of the error that a model predicts to an interval that holds the truth as often as it says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError
from ..models.card import Calibration

LEVEL = 0.6827
"""Probability of the interval of which `Forecast.uncertainty` is the half-width; one deviation of a Gaussian."""


def half_width(
    scale: Any, calibration: Sequence[Calibration] = (), level: float = LEVEL
) -> npt.NDArray[np.float32]:
    """Return the half-width of the central interval around a forecast.

    Parameters
    ----------
    scale : array (T, Y, X)
        Scale of the Laplace distribution of the error that the model predicts, in any intensity unit, for the horizons
        1 to T; further axes behind the first are allowed.
    calibration : sequence of Calibration
        Of the model, `ModelCard.calibration`; empty if there is none.
    level : float
        Probability that the truth lies within the interval.

    Returns
    -------
    array (T, Y, X)
        Float32, in the unit of `scale`: each horizon's scale times its `interval_factor`.

    Raises
    ------
    CellSimError
        As `interval_factor`, or if the scale has no axis of horizons.
    """
    found = np.asarray(scale, dtype=np.float32)
    if found.ndim < 1:
        raise CellSimError("A scale holds one picture for each horizon, but a single number was given.")
    factors = [interval_factor(calibration, step + 1, level) for step in range(len(found))]
    return found * np.array(factors, dtype=np.float32).reshape(-1, *[1] * (found.ndim - 1))


def interval_factor(calibration: Sequence[Calibration], horizon: int, level: float = LEVEL) -> float:
    """Return what the predicted scale is multiplied by to give the half-width of the central interval.

    Parameters
    ----------
    calibration : sequence of Calibration
        Of the horizons 1, 2, ...; empty if there is none.
    horizon : int
        Steps ahead, from 1; those beyond the calibration take its last one.
    level : float
        Probability that the truth lies within the interval.

    Returns
    -------
    float

    Raises
    ------
    CellSimError
        If the level is not between 0 and 1, or above all that were calibrated, or the horizon is less than 1.

    Notes
    -----
    If the error e follows a Laplace distribution of scale b, ``|e| / b`` is exponential, and the factor is
    -ln(1 - level) (Kotz et al. 2001, "The Laplace Distribution and Generalizations", section 2.1): this holds without a
    calibration. Between the levels of a calibration the factor is interpolated linearly over -ln(1 - level), starting
    from 0 at 0, which is exact for such errors; beyond the last level nothing was measured, so nothing is said.
    """
    if not 0 < level < 1:
        raise CellSimError(f"The level of an interval must lie between 0 and 1, but it is {level}.")
    if horizon < 1:
        raise CellSimError(f"The horizon is {horizon}, but the first forecast frame is horizon 1.")
    exponential = -math.log1p(-level)
    if not calibration:
        return exponential
    table = calibration[min(horizon, len(calibration)) - 1]
    if level > table.levels[-1]:
        raise CellSimError(
            f"The model was calibrated up to the level {table.levels[-1]:g}, so there is no interval of {level:g}: "
            "choose a lower level."
        )
    knots = -np.log1p(-np.array([0.0, *table.levels]))
    return float(np.interp(exponential, knots, [0.0, *table.factors]))
