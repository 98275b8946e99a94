"""From values per sequence to what the results file says: means, ratios, tests, each with its interval.

All intervals are 95 % bootstrap intervals over sequences; an estimate is ``{"value", "low", "high"}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from competitors import BASELINES
from measure import LEVELS, SAMPLES, Scores

from napari_cellsim.evaluation.bootstrap import bootstrap_interval, ratio_interval, skill_interval
from napari_cellsim.evaluation.pairing import sign_flip_test

Estimate = dict[str, float]


def values(scores: Scores, horizon: int, metric: str) -> np.ndarray:
    """Return one value per sequence, NaN where there is none."""
    return np.array(scores[horizon][metric], dtype=np.float64)


def mean(of: np.ndarray) -> Estimate | None:
    """Return the mean of what is known, with its interval, or None if nothing is."""
    known = of[np.isfinite(of)]
    if not known.size:
        return None
    return estimate(float(known.mean()), bootstrap_interval(known))


def estimate(value: float, interval: tuple[float, float]) -> Estimate:
    # JSON knows no NaN: where one sequence gives no interval, it is as wide as a point
    low, high = (value if np.isnan(end) else end for end in interval)
    return {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6)}


def table(scores: Scores) -> dict[int, dict[str, Estimate | None]]:
    """Return mean and interval of every metric at every horizon."""
    return {h: {name: mean(values(scores, h, name)) for name in found} for h, found in scores.items()}


def ratios(
    scores: Scores, baselines: Mapping[str, Scores], metric: str = "mse", chosen: np.ndarray | None = None
) -> dict[int, dict[str, Any]]:
    """Return the ratio of mean errors to the best baseline at each horizon, and which baseline that is.

    Parameters
    ----------
    scores, baselines : Scores, dict of Scores
        Of the same sequences; the best of the baselines is chosen anew in every resample of the interval.
    metric : str
    chosen : array of bool, optional
        Which sequences.
    """
    found: dict[int, dict[str, Any]] = {}
    for h in scores:
        own = values(scores, h, metric)
        others = np.array([values(one, h, metric) for one in baselines.values()])
        use = np.isfinite(own) & np.isfinite(others).all(0)
        if chosen is not None:
            use &= chosen
        if not use.any():
            continue
        means = others[:, use].mean(1)
        low, high = skill_interval(own[use], others[:, use])
        found[h] = {
            **estimate(float(own[use].mean() / means.min()), (1 - high, 1 - low)),
            "baseline": list(baselines)[int(means.argmin())],
            "sequences": int(use.sum()),
        }
    return found


def versus(scores: Scores, other: Scores) -> dict[int, dict[str, Any]]:
    """Return how one forecaster differs from another on the same sequences.

    Returns
    -------
    dict
        Per horizon: ``mse``, ``cells_mse``, ``growth_mse``: ratios of mean errors; ``ssim``, ``sharpness``: differences
        of means; ``p``: two-sided, of the paired permutation test on the MSE; ``holm``: corrected for several horizons.
    """
    found: dict[int, dict[str, Any]] = {}
    for h in scores:
        row: dict[str, Any] = {}
        for name in ("mse", "cells_mse", "growth_mse"):
            one, two = values(scores, h, name), values(other, h, name)
            use = np.isfinite(one) & np.isfinite(two)
            if use.any():
                ratio = float(one[use].mean() / two[use].mean())
                row[name] = estimate(ratio, ratio_interval(one[use], two[use]))
        for name in ("ssim", "sharpness"):
            row[name] = mean(values(scores, h, name) - values(other, h, name))
        row["p"] = sign_flip_test(values(scores, h, "mse") - values(other, h, "mse"))
        found[h] = row
    for h, corrected in zip(found, holm([row["p"] for row in found.values()]), strict=True):
        found[h]["holm"] = corrected
    return found


def holm(probabilities: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm 1979): the k-th smallest of m is multiplied by m - k + 1."""
    count, largest = len(probabilities), 0.0
    corrected = [0.0] * count
    for rank, index in enumerate(np.argsort(probabilities, kind="stable")):
        largest = max(largest, min(1.0, (count - rank) * probabilities[index]))
        corrected[index] = largest
    return corrected


def by_stratum(
    scores: Scores, baselines: Mapping[str, Scores], strata: Mapping[str, Sequence[Any]]
) -> dict[str, dict[str, Any]]:
    """Return the ratios of errors in each stratum: key -> value -> horizon -> estimate."""
    return {
        key: {
            str(level): ratios(scores, baselines, chosen=np.array([one == level for one in of]))
            for level in sorted(set(of), key=str if isinstance(of[0], str) else float)
        }
        for key, of in strata.items()
    }


def samples(scores: Scores, copied: Scores, count: int = SAMPLES) -> dict[int, dict[str, Any]]:
    """Return what `measure_samples` found, with ratios.

    Returns
    -------
    dict
        Per horizon the means of all metrics, and ``to_copy``, ``mean_to_copy``: MSE of single samples and of their mean
        over that of the copied last frame; ``spread``: root of the variance among samples over the root mean squared
        error of their mean, corrected for their number: 1 if the truth is like one more sample (Fortin et al. 2014,
        doi:10.1175/JHM-D-14-0008.1).
    """
    found = {}
    for h, row in table(scores).items():
        one, other = values(scores, h, "mse"), values(copied, h, "mse")
        together, variance = values(scores, h, "mean_mse"), values(scores, h, "variance")
        # for n samples the expected squared error of their mean is (1 + 1/n) times their variance
        wide = (1 + 1 / count) * variance
        found[h] = {
            **row,
            "to_copy": estimate(float(one.mean() / other.mean()), ratio_interval(one, other)),
            "mean_to_copy": estimate(float(together.mean() / other.mean()), ratio_interval(together, other)),
            "spread": root(estimate(float(wide.mean() / together.mean()), ratio_interval(wide, together))),
        }
    return found


def root(of: Estimate) -> Estimate:
    return {name: round(float(np.sqrt(value)), 6) for name, value in of.items()}


def coverage(scores: Scores) -> dict[int, dict[str, Any]]:
    """Return what `measure_coverage` found; ``worst``: the largest distance from nominal over all levels, in points."""
    found = {}
    for h, row in table(scores).items():
        away = [100 * abs(one["value"] - level) for level in LEVELS if (one := row[f"{level:g}"])]
        found[h] = {**row, "worst": round(max(away), 3)}
    return found


def baselines_of(scores: Mapping[str, Scores]) -> dict[str, Scores]:
    """Return the scores of the baselines alone."""
    return {name: scores[name] for name in BASELINES}
