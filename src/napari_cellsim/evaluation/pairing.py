"""Paired tests of two models: is one better on the same sequences, or could chance have done it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from ..base import CellSimError
from .bootstrap import bootstrap_interval
from .comparison import METRICS, Estimate, by_horizon, per_sequence
from .report import Report, Score, Strict

PERMUTATIONS = 2**15
"""For up to 15 sequences all sign flips are tried; for more, so many random ones."""


class PairedTest(Strict):
    """Two models on the same sequences, at one horizon and by one metric.

    Attributes
    ----------
    horizon : int
    metric : str
    first, second : str
        Names of the models.
    sequences : int
        Independent pairs.
    means : tuple of float
        Of the first and of the second model over these sequences.
    difference : Estimate
        Mean of first minus second, with the bootstrap interval of the paired differences.
    permutation : float or None
        Two-sided p of the paired permutation test: the share of sign flips of the differences with a mean at least as
        far from 0. None for fewer than two sequences.
    exact : bool
        Whether all sign flips were tried.
    holm : float or None
        The same, corrected by Holm's method for having looked at several horizons.
    wilcoxon : float or None
        Two-sided p of Wilcoxon's signed-rank test; None where all differences are 0.
    smallest : float
        The smallest p that so few sequences can give: if it is not below 0.05, no result could have been significant.
    """

    horizon: int
    metric: str
    first: str
    second: str
    sequences: int
    means: tuple[Score, Score]
    difference: Estimate
    permutation: Score
    exact: bool
    holm: Score = None
    wilcoxon: Score
    smallest: float


def compare_models(
    first: Sequence[Report],
    second: Sequence[Report],
    metric: str = "mse",
    *,
    level: float = 0.95,
    seed: int = 0,
) -> list[PairedTest]:
    """Test two models against each other, horizon by horizon.

    Forecasts of one sequence are averaged first, and the differences of the sequences are tested by a paired
    permutation test (Fisher 1935) and by Wilcoxon's signed-rank test (`scipy.stats.wilcoxon`).

    Parameters
    ----------
    first, second : sequence of Report
        Of one model each, on the same sequences from the same frames; what only one of them has is left out.
    metric : str
        One of `comparison.METRICS`.
    level : float
        Nominal coverage of the interval.
    seed : int
        Of bootstrap and random permutations.

    Returns
    -------
    list of PairedTest
        One per horizon.

    Raises
    ------
    CellSimError
        If the metric is unknown or the models share no forecast.
    """
    if metric not in METRICS:
        raise CellSimError(f"There is no metric {metric!r}: choose one of {', '.join(METRICS)}.")
    keys = {(r.sequence, r.at, r.region) for r in first} & {(r.sequence, r.at, r.region) for r in second}
    shared = [[r for r in reports if (r.sequence, r.at, r.region) in keys] for reports in (first, second)]
    one, two = (by_horizon(reports) for reports in shared)
    found = []
    for step in sorted(set(one) & set(two)):
        names = [name for name in one[step] if name in two[step]]
        values = [per_sequence([part[step][n] for n in names], "model", metric) for part in (one, two)]
        both = np.isfinite(values[0]) & np.isfinite(values[1])
        if both.any():
            tested = _test(values[0][both], values[1][both], level, seed)
            identity = {"first": str(shared[0][0].model["name"]), "second": str(shared[1][0].model["name"])}
            found.append(PairedTest(horizon=step, metric=metric, **identity, **tested))
    if not found:
        raise CellSimError(
            f"The two models share no forecast with {metric}: evaluate both on the same movies and frames."
        )
    corrected = holm([test.permutation for test in found])
    return [test.model_copy(update={"holm": value}) for test, value in zip(found, corrected, strict=True)]


def _test(first: np.ndarray, second: np.ndarray, level: float, seed: int) -> dict[str, Any]:
    differences = first - second
    low, high = bootstrap_interval(differences, level, seed=seed)
    return {
        "sequences": len(first),
        "means": (float(first.mean()), float(second.mean())),
        "difference": Estimate(value=float(differences.mean()), low=low, high=high),
        **paired_p(differences, seed),
    }


def paired_p(differences: npt.NDArray[np.float64], seed: int) -> dict[str, Any]:
    """Return what paired tests say of differences (N,): `permutation`, `exact`, `wilcoxon` and `smallest`.

    They are the fields of these names of `PairedTest`.
    """
    n = len(differences)
    exact = 2**n <= PERMUTATIONS
    return {
        "permutation": sign_flip_test(differences, seed) if n > 1 else None,
        "exact": exact,
        "wilcoxon": float(stats.wilcoxon(differences).pvalue) if n > 1 and differences.any() else None,
        "smallest": 2 / 2**n if exact else 1 / (PERMUTATIONS + 1),
    }


def sign_flip_test(differences: Any, seed: int = 0) -> float:
    """Return the two-sided p of the paired permutation test on the mean of differences.

    If two models were equally good, each difference might as well have the other sign. With up to 15 differences all
    sign patterns are tried and p is the share of patterns whose mean is at least as far from 0; with more, 32768
    random ones, and the pattern that was seen counts as one more (Phipson & Smyth 2010, doi:10.2202/1544-6115.1585).

    Parameters
    ----------
    differences : array (N,)
        One per independent sequence, at least one.
    seed : int
        Of random patterns.

    Returns
    -------
    float
        In (0, 1].
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if 2**n <= PERMUTATIONS:
        signs = 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    else:
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], (PERMUTATIONS, n))
    # Sums of the same numbers in another order differ by rounding, and must count as equal.
    sums, seen = np.abs(signs @ values), abs(values.sum())
    extreme = int((sums >= seen - 1e-12 * np.abs(values).sum()).sum())
    return extreme / len(signs) if 2**n <= PERMUTATIONS else (extreme + 1) / (len(signs) + 1)


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Correct the p of several tests (Holm 1979): the k-th smallest of m is multiplied by m - k + 1; None stays."""
    order = sorted((value, i) for i, value in enumerate(p) if value is not None)
    corrected: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, index) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * value))
        corrected[index] = largest
    return corrected


def table(tests: Sequence[PairedTest]) -> str:
    """Return paired tests as a text table."""
    lines = [
        f"{tests[0].first} - {tests[0].second}, {tests[0].metric}, paired by sequence",
        f"{'step':>4}{'sequences':>11}{'difference':>34}{'p permutation':>15}{'p Holm':>9}{'p Wilcoxon':>12}",
    ]
    for t in tests:
        difference = f"{t.difference.value:.3g}"
        if t.difference.low is not None and t.difference.high is not None:
            difference += f" [{t.difference.low:.3g}, {t.difference.high:.3g}]"
        values = (t.permutation, t.holm, t.wilcoxon)
        shown = ["–" if p is None else f"{p:.4f}" for p in values]
        lines.append(
            f"{t.horizon:>4}{t.sequences:>11}{difference:>34}{shown[0]:>15}{shown[1]:>9}{shown[2]:>12}"
        )
    if tests[0].smallest >= 0.05:
        lines.append(
            f"{tests[0].sequences} sequences are too few: no p below {tests[0].smallest:.2g} is possible."
        )
    return "\n".join(lines)
