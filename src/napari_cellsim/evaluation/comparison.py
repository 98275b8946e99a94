"""Many forecasts in one table, with confidence intervals over sequences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np
import numpy.typing as npt

from ..base import CellSimError
from ..forecasting.prediction import Mode
from .bootstrap import bootstrap_interval, ratio_interval, skill_interval
from .report import (
    BASELINES,
    FORMAT_VERSION,
    Horizon,
    JsonFile,
    Method,
    RegionScores,
    Report,
    Score,
    Scores,
    Strict,
    interval_line,
    method_label,
    samples_line,
)

Values = npt.NDArray[np.float64]

WHOLE = tuple(name for name, field in Scores.model_fields.items() if field.is_required())
CERTAINTY = tuple(name for name, field in RegionScores.model_fields.items() if not field.is_required())
TOGETHER = ("crps", "energy", "diversity", "diversity_ratio")
CELLS, GROWTH = (
    tuple(f"{part}_{name}" for name in RegionScores.model_fields) for part in ("cells", "growth")
)
METRICS = (
    *WHOLE,
    "spectral",
    *CERTAINTY,
    *TOGETHER,
    *CELLS,
    *GROWTH,
    "iou",
    "cell_count",
    "count_error",
)
"""Every metric of a method; ``cells_`` and ``growth_`` are those inside these regions alone."""


class Estimate(Strict):
    """A mean or ratio with its confidence interval; the ends are None where one sequence stands alone."""

    value: Score
    low: Score
    high: Score


class HorizonSummary(Strict):
    """All sequences at one horizon.

    Attributes
    ----------
    horizon : int
        Steps ahead, from 1.
    sequences, forecasts : int
        Independent sequences, and forecasts in all.
    scores : dict
        Method -> metric -> mean over sequences. Metrics inside cells are called ``cells_...``, those where cells
        grew ``growth_...``; metrics that no sequence has are left out.
    best_baseline : str
        The baseline with the least mean MSE.
    mse_ratio : dict
        Baseline -> mean MSE of the model over mean MSE of the baseline, paired by sequence; below 1 is
        better.
    skill : Estimate or None
        1 - mean MSE of the model / mean MSE of the best baseline, which is chosen anew in every resample. In the mode
        "sample" it is that of a single sample.
    """

    horizon: int
    sequences: int
    forecasts: int
    scores: dict[Method, dict[str, Estimate]]
    best_baseline: Method
    mse_ratio: dict[Method, Estimate]
    skill: Estimate | None = None

    @property
    def methods(self) -> list[Method]:
        """The methods that there are scores of, the model's first."""
        return [method for method in get_args(Method) if method in self.scores]

    @property
    def interval_scores(self) -> dict[str, Estimate] | None:
        """The scores that tell of the forecast's interval, which lies around the mean of several samples."""
        found = self.scores.get("sample_mean", self.scores["model"])
        return found if "coverage" in found else None


class Comparison(JsonFile):
    """The accuracy of a model over many sequences.

    Attributes
    ----------
    model : dict
        Name and hash.
    sequences, forecasts : int
    level : float
        Nominal coverage of the intervals (percentile bootstrap over sequences).
    mode : "mean" or "sample"
    samples : int
        As in the reports.
    nominal_coverage : float or None
        What the coverage of the forecasts' own intervals should be; None if one of them has none.
    horizons : list of HorizonSummary
    """

    format_version: int = FORMAT_VERSION
    model: dict[str, str | None]
    sequences: int
    forecasts: int
    level: float
    mode: Mode = "mean"
    samples: int = 1
    nominal_coverage: float | None = None
    horizons: list[HorizonSummary]

    def table(self, horizons: Sequence[int] | None = None) -> str:
        """Return the comparison as a text table.

        Parameters
        ----------
        horizons : sequence of int, optional
            Those to show; all by default.
        """
        shown = [h for h in self.horizons if horizons is None or h.horizon in horizons]
        return "\n".join(self._lines(shown))

    def _lines(self, horizons: Sequence[HorizonSummary]) -> Iterator[str]:
        yield (
            f"{self.sequences} sequences, {self.forecasts} forecasts; "
            f"[{100 * self.level:.0f} % bootstrap interval over sequences]"
        )
        # Camera noise counts as detail in the whole picture; inside cells there is more of the cell.
        columns = {
            "mse": "MSE·10³",
            "ssim": "SSIM",
            "sharpness": "sharpness",
            "cells_sharpness": "sharpness in cells",
            "iou": "IoU of cells",
            "count_error": "cells miscounted",
        }
        shown = [name for name in columns if all(name in h.scores["model"] for h in horizons)]
        heads = "".join(f"{columns[name]:>25}" for name in shown)
        yield f"{'step':>4}  {'forecast':<18}{heads}  model MSE / this"
        for horizon in horizons:
            for method in horizon.methods:
                scores = horizon.scores[method]
                values = "".join(f"{text(scores[name], 1000 if name == 'mse' else 1):>25}" for name in shown)
                ratio = horizon.mse_ratio.get(method)
                best = " (best baseline)" if method == horizon.best_baseline else ""
                beside = f"  {text(ratio)}{best}" if ratio else ""
                yield f"{horizon.horizon:>4}  {method_label(method, self.mode):<18}{values}{beside}"
            if horizon.skill is not None:
                alone = "skill of one sample" if self.mode == "sample" else "skill"
                yield f"{'':>4}  {alone} against the best baseline: {text(horizon.skill)}"
            yield from self._certainty(horizon)

    def _certainty(self, horizon: HorizonSummary) -> Iterator[str]:
        found = horizon.interval_scores
        if found is not None and self.nominal_coverage is not None:
            inside = text(found["cells_coverage"], 100, 1) if "cells_coverage" in found else "–"
            yield interval_line(self.nominal_coverage, text(found["coverage"], 100, 1), inside)
        own = horizon.scores["model"]
        if "crps" in own:
            best = min((horizon.scores[b]["crps"] for b in BASELINES), key=lambda e: _or_infinity(e.value))
            numbers = (text(own["crps"], 1000), text(best, 1000), text(own["diversity"], 1000))
            yield samples_line(self.samples, *numbers, text(own["diversity_ratio"]))


def compare_sequences(reports: Sequence[Report], *, level: float = 0.95, seed: int = 0) -> Comparison:
    """Average reports over sequences, with bootstrap intervals.

    Forecasts of one sequence (equal `Report.sequence`) are averaged first: overlapping windows of one movie
    are not independent, and pretending so would make the intervals too narrow.

    Parameters
    ----------
    reports : sequence of Report
        All of one model.
    level : float
        Nominal coverage of the intervals.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Comparison

    Raises
    ------
    CellSimError
        If there are no reports with truth, or they are of different models, modes or numbers of samples.
    """
    found = [report for report in reports if report.horizons]
    if not found:
        raise CellSimError("There is nothing to compare: no report has a frame with truth.")
    if any(report.model != found[0].model for report in found):
        raise CellSimError(
            "The reports are of different models: compare the forecasts of one model at a time."
        )
    if len({(report.mode, report.samples) for report in found}) > 1:
        raise CellSimError(
            "Some reports are of the expected frame, some of samples, or of more of them: compare equal ones."
        )
    groups = by_horizon(found)
    nominal = {report.nominal_coverage for report in found}
    return Comparison(
        model=found[0].model,
        sequences=len({report.sequence for report in found}),
        forecasts=len(found),
        level=level,
        mode=found[0].mode,
        samples=found[0].samples,
        nominal_coverage=nominal.pop() if len(nominal) == 1 else None,
        horizons=[_summary(step, list(groups[step].values()), level, seed) for step in sorted(groups)],
    )


def by_horizon(reports: Sequence[Report]) -> dict[int, dict[str, list[Horizon]]]:
    """Return the horizons of reports by step and, within it, by sequence."""
    groups: dict[int, dict[str, list[Horizon]]] = defaultdict(lambda: defaultdict(list))
    for report in reports:
        for horizon in report.horizons:
            groups[horizon.horizon][report.sequence].append(horizon)
    return groups


def _summary(step: int, sequences: list[list[Horizon]], level: float, seed: int) -> HorizonSummary:
    methods = sequences[0][0].methods
    table = {
        method: {metric: per_sequence(sequences, method, metric) for metric in METRICS} for method in methods
    }
    known = [m for m in METRICS if m in WHOLE or any(np.isfinite(row[m]).any() for row in table.values())]

    def mean(values: Values) -> Estimate:
        kept = values[np.isfinite(values)]
        low, high = bootstrap_interval(kept, level, seed=seed)
        return Estimate(value=float(kept.mean()) if len(kept) else None, low=low, high=high)

    def ratio(baseline: Method) -> Estimate:
        top, bottom = table["model"]["mse"], table[baseline]["mse"]
        both = np.isfinite(top) & np.isfinite(bottom)
        low, high = ratio_interval(top[both], bottom[both], level, seed=seed)
        value = top[both].mean() / bottom[both].mean() if both.any() and bottom[both].any() else None
        return Estimate(value=value, low=low, high=high)

    scores = {method: {metric: mean(row[metric]) for metric in known} for method, row in table.items()}
    return HorizonSummary(
        horizon=step,
        sequences=len(sequences),
        forecasts=sum(map(len, sequences)),
        scores=scores,
        best_baseline=min(BASELINES, key=lambda b: _or_infinity(scores[b]["mse"].value)),
        mse_ratio={baseline: ratio(baseline) for baseline in BASELINES},
        skill=_skill(table["model"]["mse"], np.array([table[b]["mse"] for b in BASELINES]), level, seed),
    )


def _or_infinity(value: float | None) -> float:
    return float("inf") if value is None else value


def _skill(errors: Values, baselines: Values, level: float, seed: int) -> Estimate:
    known = np.isfinite(errors) & np.isfinite(baselines).all(axis=0)
    errors, baselines = errors[known], baselines[:, known]
    best = baselines.mean(axis=1).min() if known.any() else 0.0
    low, high = skill_interval(errors, baselines, level, seed=seed)
    return Estimate(value=float(1 - errors.mean() / best) if best else None, low=low, high=high)


def per_sequence(sequences: Sequence[Sequence[Horizon]], method: Method, metric: str) -> Values:
    """Return one mean per sequence of its horizons' values of a metric of `METRICS`; NaN where none exists."""
    means = []
    for sequence in sequences:
        values = [value for h in sequence if (value := metric_of(h.scores(method), metric)) is not None]
        means.append(sum(values) / len(values) if values else float("nan"))
    return np.array(means)


def metric_of(scores: Scores, metric: str) -> float | None:
    """Return a metric of `METRICS` by its name."""
    holder: RegionScores | None = scores
    for part in ("cells", "growth"):
        if metric.startswith(f"{part}_"):
            holder, metric = getattr(scores, part), metric.removeprefix(f"{part}_")
    value: float | None = getattr(holder, metric, None)
    return value


def text(estimate: Estimate, factor: float = 1, digits: int = 3) -> str:
    """Return value and interval as text."""
    if estimate.value is None:
        return "–"
    value = f"{factor * estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{factor * estimate.low:.{digits}f}, {factor * estimate.high:.{digits}f}]"
