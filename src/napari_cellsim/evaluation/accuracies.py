"""Two classifiers, each trained several times: is one better, or could chance have done it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from ..base import CellSimError
from .bootstrap import RESAMPLES, bootstrap_interval
from .comparison import Estimate
from .pairing import holm, paired_p
from .report import Score, Strict

LEVEL = 0.05


class Welch(NamedTuple):
    """Welch's test: `t`, its degrees of freedom, and two-sided `p`."""

    t: float
    freedom: float
    p: float


class Summary(NamedTuple):
    """What a paper prints of several runs: mean, standard deviation (with n - 1), and their number."""

    mean: float
    deviation: float
    runs: int


def welch_test(first: Summary, second: Summary) -> Welch:
    """Test whether the mean of the second differs from that of the first, without the runs themselves.

    Parameters
    ----------
    first, second : Summary
        In one unit; deviations not both 0.

    Notes
    -----
    Welch 1947, doi:10.1093/biomet/34.1-2.28.
    """
    parts = [summary.deviation**2 / summary.runs for summary in (first, second)]
    t = (second.mean - first.mean) / math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (summary.runs - 1) for part, summary in zip(parts, (first, second), strict=True)
    )
    return Welch(t, freedom, float(2 * stats.t.sf(abs(t), freedom)))


def runs_needed(difference: float, deviations: tuple[float, float], power: float = 0.8) -> int:
    """Return how many runs of each kind find a true difference at the level 0.05 with a probability of `power`.

    By the normal approximation: ``(z(0.975) + z(power))² (s₁² + s₂²) / difference²``.
    """
    z = stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(power)
    return math.ceil(float(z) ** 2 * sum(s**2 for s in deviations) / difference**2)


class AccuracyTest(Strict):
    """Classifiers with so many generated pictures per class against those without.

    Attributes
    ----------
    per_class : int
        Generated pictures of each class.
    runs, pictures : int
        Pairs of trainings from the same initial weights, and test pictures.
    difference : Estimate
        Mean accuracy with minus without, and its bootstrap interval over the pairs: other initialisations, the
        same test pictures.
    anywhere : Estimate
        The same difference with an interval for other initialisations and other test pictures: both are resampled
        (Owen 2007, doi:10.1214/07-AOAS122, which is rather too wide than too narrow).
    permutation : float or None
        Two-sided p of the paired permutation test over the pairs; None for a single one.
    exact : bool
        Whether all sign flips were tried.
    holm : float or None
        The same, corrected by Holm's method for the number of comparisons.
    wilcoxon : float or None
        Two-sided p of Wilcoxon's signed-rank test; None where all differences are 0.
    welch : float or None
        Two-sided p of Welch's unpaired test, as one gets it from printed means and deviations.
    smallest : float
        The smallest p that so few pairs can give.
    significant : bool
        Whether `holm` is below 0.05 and the interval `anywhere` does not hold 0.
    conclusion : str
        In words.
    """

    per_class: int
    runs: int
    pictures: int
    difference: Estimate
    anywhere: Estimate
    permutation: Score
    exact: bool
    holm: Score = None
    wilcoxon: Score
    welch: Score
    smallest: float
    significant: bool = False
    conclusion: str = ""


def compare_accuracies(
    without: npt.NDArray[np.bool_], others: Sequence[tuple[int, npt.NDArray[np.bool_]]], seed: int = 0
) -> list[AccuracyTest]:
    """Test classifiers with generated pictures against those without.

    Parameters
    ----------
    without : array (R, N) of bool
        Which of N test pictures each of R trainings without generated pictures classifies correctly.
    others : sequence of (int, array (R, N) of bool)
        Number of generated pictures per class, and the same of trainings with them; row i began as row i of `without`.
    seed : int
        Of bootstrap and random permutations.

    Returns
    -------
    list of AccuracyTest
        One for each of `others`.

    Raises
    ------
    CellSimError
        If the arrays do not fit each other.
    """
    for _, with_them in others:
        if with_them.shape != without.shape or without.ndim != 2:
            raise CellSimError(
                f"Accuracies can be compared of the same trainings and pictures only, not of {without.shape} and "
                f"{with_them.shape}."
            )
    tests = [_test(count, without, with_them, seed) for count, with_them in others]
    corrected = holm([test.permutation for test in tests])
    return [_concluded(test, p, len(tests)) for test, p in zip(tests, corrected, strict=True)]


def _test(
    count: int, without: npt.NDArray[np.bool_], with_them: npt.NDArray[np.bool_], seed: int
) -> AccuracyTest:
    runs, pictures = without.shape
    by_run = with_them.mean(1) - without.mean(1)
    value = float(by_run.mean())
    low, high = bootstrap_interval(by_run, seed=seed)
    ends = two_way_interval(with_them.astype(float) - without, seed=seed)
    spread = without.mean(1).std(ddof=1) + with_them.mean(1).std(ddof=1) if runs > 1 else 0.0
    return AccuracyTest(
        per_class=count,
        runs=runs,
        pictures=pictures,
        difference=Estimate(value=value, low=low, high=high),
        anywhere=Estimate(value=value, low=ends[0], high=ends[1]),
        welch=float(stats.ttest_ind(with_them.mean(1), without.mean(1), equal_var=False).pvalue)
        if spread > 0
        else None,
        **paired_p(by_run, seed),
    )


def two_way_interval(
    values: Any, level: float = 0.95, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of a table whose rows and columns are both samples.

    Parameters
    ----------
    values : array (R, N)
        E.g. of R trainings on N pictures. Rows and columns are resampled independently.
    level, resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    tuple of float
        Lower and upper end; NaN, NaN for fewer than two rows or columns.

    Notes
    -----
    Owen 2007, "The pigeonhole bootstrap", doi:10.1214/07-AOAS122.
    """
    table = np.asarray(values, dtype=np.float64)
    if min(table.shape) < 2:
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    rows, columns = (generator.multinomial(n, np.full(n, 1 / n), resamples) / n for n in table.shape)
    means = np.einsum("bn,bn->b", rows @ table, columns)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _concluded(test: AccuracyTest, corrected: float | None, tests: int) -> AccuracyTest:
    possible = min(1.0, tests * test.smallest)
    low, high = test.anywhere.low, test.anywhere.high
    elsewhere = low is not None and high is not None and (low > 0 or high < 0)
    by_chance = corrected is None or corrected >= LEVEL
    points = 100 * (test.difference.value or 0.0)
    p = "no p" if corrected is None else f"p = {corrected:.2g}"
    said = (
        f"With {test.per_class} generated pictures per class the mean accuracy changes by {points:+.2f} percentage "
        "points"
    )
    if not by_chance and elsewhere:
        ends = f"[{100 * (low or 0):+.2f}, {100 * (high or 0):+.2f}]"
        text = (
            f"{said}, {ends} with other weights and other test pictures; the difference is significant ({p})."
        )
    elif by_chance:
        text = f"{said}; the difference is not significant ({p}), so it does not show that they help or harm."
        if possible >= LEVEL:
            text += f" {test.runs} initialisations are too few: no p below {possible:.2g} is possible."
    else:
        text = (
            f"{said}; that holds for these {test.pictures} test pictures ({p}), but they are too few to say it of "
            "others: the difference is not significant."
        )
    done = {"holm": corrected, "significant": not by_chance and elsewhere, "conclusion": text}
    return test.model_copy(update=done)
