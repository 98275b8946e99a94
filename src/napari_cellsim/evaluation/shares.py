"""Shares of independent pictures, with their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from .comparison import Estimate


def share(right: Any, level: float = 0.95) -> Estimate:
    """Return how often something is so, with Wilson's interval.

    Parameters
    ----------
    right : array (N,) of bool
        One for each independent picture.
    level : float
        Nominal coverage of the interval.

    Returns
    -------
    Estimate
        Without any picture it says nothing.

    Notes
    -----
    Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    values = np.asarray(right, dtype=bool)
    if not len(values):
        return Estimate(value=None, low=None, high=None)
    ends = stats.binomtest(int(values.sum()), len(values)).proportion_ci(level, method="wilson")
    return Estimate(value=float(values.mean()), low=float(ends.low), high=float(ends.high))
