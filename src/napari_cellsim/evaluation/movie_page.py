"""The HTML report of a `MovieStudy`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..forecasting.prediction import Mode
from . import pages
from .comparison import METRICS, Comparison, Estimate, HorizonSummary
from .movie_study import MovieStudy
from .pairing import PairedTest
from .plots import Point, line_chart
from .report import METHODS, Method

NAMES: dict[Method, str] = {
    "model": "model",
    "sample_mean": "mean of samples",
    "copy_last": "last frame",
    "blurred_copy_last": "last frame, blurred",
    "constant_flow": "motion goes on",
}
HEADS = {
    "mse": "MSE ·10³",
    "l1": "L1 ·10³",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "mse_z": "MSE, standardised",
    "l1_z": "L1, standardised",
    "sharpness": "sharpness (Laplacian)",
    "spectral": "detail (spectral energy)",
    "coverage": "coverage, %",
    "half_width": "half-width of the interval ·10³",
    "crps": "CRPS ·10³",
    "energy": "energy score ·10³",
    "diversity": "RMS between two samples ·10³",
    "diversity_ratio": "the same over their error",
    "psnr_thesis": "PSNR as in Reich 2020",
    "ssim_thesis": "SSIM as in Reich 2020",
    "iou": "IoU of cells",
    "cell_count": "cells counted",
    "count_error": "cells miscounted",
}
MAIN = ("mse", "ssim", "spectral", "cells_mse", "growth_mse", "iou", "count_error")
CERTAIN = tuple(part + name for part in ("", "cells_", "growth_") for name in ("coverage", "half_width"))
TOGETHER = ("crps", "energy", "diversity", "diversity_ratio")
_FACTORS = dict.fromkeys(("mse", "l1", "half_width", "crps", "energy", "diversity"), 1000.0) | {
    "coverage": 100.0
}

READING = (
    "Each forecast is compared with the frames that really came. Intensities are scaled so that the true frame spans "
    "0 to 1 (data range 1 for PSNR and SSIM; SSIM in Gaussian windows of 11 px, σ 1.5), or, where it says "
    "standardised, by its mean and standard deviation. Beside the model stand three forecasts that know nothing of "
    "cells. Skill is the share of the best one's squared error that the model avoids: 0 is no better than that, below "
    "0 is worse."
)
INTERVALS = (
    "In brackets: {level:.0f} % bootstrap intervals over {n} sequences (movies); several forecasts of one movie are "
    "averaged first, since they are not independent."
)
TESTING = (
    "Difference of the first model and another one on the same sequences. p of the paired permutation test (all sign "
    "flips of up to 15 differences, 32768 random ones of more; two-sided), the same after Holm's correction for the "
    "horizons of one metric, and of Wilcoxon's signed-rank test. Metrics are not corrected for: decide beforehand "
    "which one counts."
)
COVERAGE = (
    "The model says how sure it is: the truth should lie within its interval in {nominal:.1f} % of all pixels. More is "
    "too careful, less is too bold. Most pixels are background, so look inside cells and growth, too; and a narrow "
    "interval says more than a wide one of the same coverage."
)
SAMPLES = (
    "The model was asked for {n} possible futures of each movie. In all tables “model, one sample” is what a single "
    "one scores, the mean over samples of each metric, and so is the skill; “mean of samples” is their average "
    "picture, which is blurred where they differ, and has the smaller squared error for it. CRPS (pixel by pixel) and "
    "energy score (whole frames), in the row of the model, are of the samples together, in the fair form; of a single "
    "picture these are its L1 and the root of its MSE, so all rows can be compared. Two samples of a good model differ "
    "as much as each differs from the truth: “over their error” is 1 then, and 0 if they are all the same."
)
ALONE = "There is one sequence only, so there are no intervals, and nothing can be said about other movies."


def html(study: MovieStudy) -> str:
    """Return the document."""
    first = study.comparisons[0]
    names = ", ".join(str(c.model["name"]) for c in study.comparisons)
    movies, forecasts = pages.count(first.sequences, "movie"), pages.count(first.forecasts, "forecast")
    lead = f"{names} on {movies}, {forecasts} of each model. Made {study.time}."
    spread = INTERVALS.format(level=100 * first.level, n=first.sequences) if first.sequences > 1 else ALONE
    body = [
        pages.warnings(study.warnings),
        pages.section(
            "How to read it", pages.paragraph(READING), pages.paragraph(f"{spread} {_judged(study)}")
        ),
        *(_model(comparison, study.command) for comparison in study.comparisons),
    ]
    if study.tests:
        body.append(_tests(study.tests, study.command))
    if study.examples:
        shown = [pages.figure(e.picture, e.caption, e.command) for e in study.examples]
        body.append(pages.section("Examples", *shown))
    body.append(_forecasts(study))
    body.append(_provenance(study))
    return pages.page("How good are the forecasts?", lead, body)


def _judged(study: MovieStudy) -> str:
    report = study.reports[0]
    if report.cells_from is None:
        return "Cells were not looked for."
    said = f"True cells: {report.cells_from}."
    if report.judge is not None:
        named = f"{report.judge['name']} ({str(report.judge['hash'])[:12]})"
        said += f" Cells in the forecasts, of all methods alike: {named}."
    return said + (
        " Growth is where a cell is in the true frame, but none was in the last visible one. Cells are counted if they "
        "can be followed over at least two frames."
    )


def _model(comparison: Comparison, command: str | None) -> str:
    horizons = comparison.horizons
    drawn = [
        _chart("Squared error", comparison, "mse", "MSE ·10³", 1000),
        _skill(comparison),
        _chart("Detail", comparison, "spectral", "spectral energy / true", 1, 1.0),
        _chart("Cells found where they are", comparison, "iou", "IoU", 1),
    ]
    main = [m for m in MAIN if _has(horizons, m)]
    rest = [m for m in METRICS if m not in (*MAIN, *CERTAIN, *TOGETHER) and _has(horizons, m)]
    return pages.section(
        str(comparison.model["name"]),
        pages.charts(*(chart for chart in drawn if chart)),
        pages.command(command),
        _table(comparison, main, skill=True),
        pages.command(command),
        *_certainty(comparison, command),
        pages.details("All other metrics", _table(comparison, rest), pages.command(command)),
    )


def _certainty(comparison: Comparison, command: str | None) -> list[str]:
    """Return what is said of intervals and of several samples, where there are some."""
    parts = []
    nominal = comparison.nominal_coverage
    certain = [m for m in CERTAIN if _has(comparison.horizons, m)]
    if certain and nominal is not None:
        found = [(h.horizon, h.interval_scores or {}) for h in comparison.horizons]
        rows = [[f"{step}", f"{100 * nominal:.1f}", *(_estimate(s, m) for m in certain)] for step, s in found]
        places = {
            "coverage": "whole picture",
            "cells_coverage": "inside cells",
            "growth_coverage": "where cells grew",
        }
        series = [
            (place, [_point(step, s.get(metric), 100) for step, s in found])
            for metric, place in places.items()
            if metric in certain
        ]
        parts += [
            "<h3>Is it as sure as it says?</h3>",
            pages.paragraph(COVERAGE.format(nominal=100 * nominal)),
            pages.charts(
                line_chart(
                    "Coverage; line: as it should be", series, "steps ahead", "truth within, %", 100 * nominal
                )
            ),
            pages.table(["steps", "should be, %", *map(_head, certain)], rows),
            pages.command(command),
        ]
    if _has(comparison.horizons, "crps"):
        parts += [
            "<h3>Possible futures</h3>",
            pages.paragraph(SAMPLES.format(n=comparison.samples)),
            _table(comparison, TOGETHER, own=f"model, {comparison.samples} samples together"),
            pages.command(command),
        ]
    return parts


def _name(method: Method, mode: Mode) -> str:
    return "model, one sample" if (method, mode) == ("model", "sample") else NAMES[method]


def _has(horizons: Sequence[HorizonSummary], metric: str) -> bool:
    return any(metric in h.scores["model"] for h in horizons)


def _chart(
    title: str, comparison: Comparison, metric: str, label: str, factor: float, reference: float | None = None
) -> str:
    if not _has(comparison.horizons, metric):
        return ""
    several = ("sample_mean",) if comparison.samples > 1 else ()
    series = [
        (
            _name(m, comparison.mode),
            [_point(h.horizon, h.scores[m].get(metric), factor) for h in comparison.horizons],
        )
        for m in (*METHODS, *several)  # the mean last, so that the others keep their colours
    ]
    return line_chart(title, series, "steps ahead", label, reference)


def _skill(comparison: Comparison) -> str:
    series = [(_name("model", comparison.mode), [_point(h.horizon, h.skill, 1) for h in comparison.horizons])]
    return line_chart("Skill against the best baseline", series, "steps ahead", "skill", 0.0)


def _point(x: float, estimate: Estimate | None, factor: float) -> Point:
    if estimate is None or estimate.value is None:
        return Point(x, None)
    ends = [None if end is None else factor * end for end in (estimate.low, estimate.high)]
    return Point(x, factor * estimate.value, *ends)


def _table(
    comparison: Comparison, metrics: Sequence[str], skill: bool = False, own: str | None = None
) -> str:
    """Return a table of metrics; `own` is the model's name in it."""
    rows, marked = [], []
    for horizon in comparison.horizons:
        for method in horizon.methods:
            name = own if own and method == "model" else _name(method, comparison.mode)
            row: list[object] = [f"{horizon.horizon}", name]
            row += [_estimate(horizon.scores[method], m) for m in metrics]
            if skill:
                best = "best baseline" if method == horizon.best_baseline else ""
                row.append(_interval(horizon.skill) if method == "model" else best)
            rows.append(row)
            marked.append(method == "model")
    heads = ["steps", "forecast", *(_head(m) for m in metrics), *(["skill"] if skill else [])]
    return pages.table(heads, rows, marked)


def _estimate(scores: Mapping[str, Estimate], metric: str) -> str:
    return _interval(scores.get(metric), _FACTORS.get(_bare(metric), 1))


def _interval(estimate: Estimate | None, factor: float = 1) -> str:
    return "–" if estimate is None else pages.interval(estimate.value, estimate.low, estimate.high, factor)


def _bare(metric: str) -> str:
    return metric.removeprefix("cells_").removeprefix("growth_")


def _head(metric: str) -> str:
    for part, words in (("cells_", " inside cells"), ("growth_", " where cells grew")):
        if metric.startswith(part):
            return HEADS[metric.removeprefix(part)] + words
    return HEADS[metric]


def _tests(tests: Sequence[PairedTest], command: str | None) -> str:
    rows = [
        [
            f"{t.first} - {t.second}",
            _head(t.metric),
            str(t.horizon),
            t.sequences,
            pages.interval(t.difference.value, t.difference.low, t.difference.high),
            _p(t.permutation),
            _p(t.holm),
            _p(t.wilcoxon),
        ]
        for t in tests
    ]
    said = [TESTING]
    if tests[0].smallest >= 0.05:
        said.append(
            f"{tests[0].sequences} sequences are too few: no p below {tests[0].smallest:.2g} is possible, whatever "
            "the difference."
        )
    heads = [
        "models",
        "metric",
        "steps",
        "sequences",
        "difference",
        "p permutation",
        "p after Holm",
        "p Wilcoxon",
    ]
    return pages.section(
        "Is the difference between models real?",
        *(pages.paragraph(line) for line in said),
        pages.table(heads, rows),
        pages.command(command),
    )


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}" if value >= 1e-4 else "< 0.0001"


def _forecasts(study: MovieStudy) -> str:
    rows = []
    for report in study.reports:
        for h in report.horizons:
            mse = None if h.model.mse is None else f"{1000 * h.model.mse:.4g}"
            values = (mse, h.mse_ratio, h.skill, h.model.ssim, h.model.spectral, h.model.iou, h.true_count)
            place = (str(report.model["name"]), report.input, str(report.at), str(h.horizon))
            rows.append([*place, *values, h.model.cell_count, report.command])
    heads = [
        "model",
        "movie",
        "last visible frame",
        "steps",
        "MSE ·10³",
        "MSE / best baseline",
        "skill",
        "SSIM",
    ]
    heads += ["detail", "IoU", "true cells", "cells", "command"]
    blurs = sorted(
        {f"{', '.join(f'{s:g}' for s in r.blur_sigma)} px, tuned on {r.blur_tuned_on}" for r in study.reports}
    )
    return pages.section(
        "Every forecast",
        pages.details(pages.count(len(study.reports), "forecast"), pages.table(heads, rows)),
        pages.details("Blur of the blurred last frame, per step", *(pages.paragraph(line) for line in blurs)),
    )


def _provenance(study: MovieStudy) -> str:
    first = study.reports[0]
    known = {
        "models": [c.model for c in study.comparisons],
        "judge": first.judge,
        "first forecast": first.provenance,
    }
    return pages.section(
        "Provenance", pages.details("Models, versions, first forecast", pages.provenance(study, known))
    )
