"""What the Evaluate dock's tables and lines say of a study; knows no Qt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..evaluation import AssessmentResult, AugmentationStudy, GeneratorStudy, MovieStudy
    from ..evaluation.class_assessment import ClassAnswers
    from ..evaluation.comparison import Estimate, HorizonSummary

METRICS = {
    "MSE · 10³": ("mse", 1000.0),
    "SSIM": ("ssim", 1.0),
    "Sharpness": ("sharpness", 1.0),
    "MSE · 10³ in cells": ("cells_mse", 1000.0),
    "IoU of cells": ("iou", 1.0),
    "Cells miscounted": ("count_error", 1.0),
    "Coverage, %": ("coverage", 100.0),
    "CRPS · 10³": ("crps", 1000.0),
    "Diversity / error": ("diversity_ratio", 1.0),
}
"""Name in the dock -> metric of a study and factor."""
TOGETHER = ("crps", "diversity_ratio")
"""Metrics of several samples together."""
COVERED = {
    "Whole picture": "coverage",
    "Inside cells": "cells_coverage",
    "Where cells grew": "growth_coverage",
}
FORECASTS = {
    "model": "Model",
    "sample_mean": "Mean of samples",
    "copy_last": "Copy last",
    "blurred_copy_last": "Blurred copy",
    "constant_flow": "Constant flow",
}
_SPREAD = (
    "Spread is the standard deviation of the trainings. In brackets 95 % intervals: of a mean for other trainings, of "
    "a difference for other trainings and other test pictures."
)
Table = tuple[list[str], list[list[str]]]


def warnings_of(study: Any) -> list[str]:
    """Return a study's warnings for the notes below its table."""
    return [f"⚠ {warning}" for warning in study.warnings]


def forecast_tables(study: MovieStudy) -> dict[str, Table]:
    """Return a table for each of the `METRICS` that a study has."""
    scores = [horizon.scores["model"] for one in study.comparisons for horizon in one.horizons]
    known = [name for name, (metric, _) in METRICS.items() if any(metric in one for one in scores)]
    return {name: _forecast_table(study, name) for name in known}


def _forecast_table(study: MovieStudy, name: str) -> Table:
    """Return one row per model and step of a metric of `METRICS`, with the skill or what coverage should be."""
    metric, factor = METRICS[name]
    if metric == "coverage":
        return _coverage_table(study)
    horizons = [horizon for one in study.comparisons for horizon in one.horizons]
    methods = [m for m in FORECASTS if m == "model" or any(_known(h.scores.get(m), metric) for h in horizons)]
    heads = [FORECASTS[method] for method in methods]
    if study.comparisons[0].mode == "sample":
        heads[0] = "Samples together" if metric in TOGETHER else "One sample"
    rows = [
        [step, _skill(horizon.skill), *(_value(horizon.scores[m].get(metric), factor) for m in methods)]
        for step, _, horizon in _steps(study)
    ]
    return ["Step", "Skill", *heads], rows


def _coverage_table(study: MovieStudy) -> Table:
    """Return how often the truth lies in a model's interval; a model without an interval has no row."""
    found = [
        (step, nominal, horizon.interval_scores)
        for step, nominal, horizon in _steps(study)
        if nominal is not None
    ]
    columns = {head: m for head, m in COVERED.items() if any(_known(scores, m) for _, _, scores in found)}
    rows = [
        [step, f"{100 * nominal:.1f}", *(_value(scores.get(m), 100.0) for m in columns.values())]
        for step, nominal, scores in found
        if scores is not None
    ]
    return ["Step", "Should be, %", *columns], rows


def _steps(study: MovieStudy) -> Iterator[tuple[str, float | None, HorizonSummary]]:
    """Yield the name of each model's step, what its coverage should be, and its scores."""
    several = len(study.comparisons) > 1
    for one in study.comparisons:
        for horizon in one.horizons:
            step = f"{horizon.horizon} · {one.model['name']}" if several else str(horizon.horizon)
            yield step, one.nominal_coverage, horizon


def _known(scores: dict[str, Estimate] | None, metric: str) -> bool:
    return scores is not None and metric in scores and scores[metric].value is not None


def forecast_summary(study: MovieStudy) -> str:
    """Return what was compared, in one sentence or two."""
    one = study.comparisons[0]
    many = "one sequence" if one.sequences == 1 else f"{one.sequences} sequences"
    forecasts = "one forecast" if one.forecasts == 1 else f"{one.forecasts} forecasts"
    where = (
        f"; in brackets {100 * one.level:.0f} % intervals over sequences"
        if one.sequences > 1
        else ": no interval, which needs several movies"
    )
    text = f"{many}, {forecasts} per model{where}."
    whose = " of a single sample" if one.mode == "sample" else ""
    return f"{text[0].upper()}{text[1:]} Skill{whose} is against the best baseline: above 0 is better, 1 is perfect."


def difference_lines(study: MovieStudy) -> list[str]:
    """Return the paired tests of the MSE at the last step, in words."""
    found = [test for test in study.tests if test.metric == "mse"]
    last = max((test.horizon for test in found), default=0)
    lines = []
    for test in found:
        if test.horizon == last:
            p = "too few movies for a test" if test.permutation is None else f"p = {test.permutation:.3g}"
            lines.append(f"MSE of {test.first} against {test.second} at {last} steps, paired by movie: {p}.")
    return lines


def generator_table(study: GeneratorStudy) -> Table:
    """Return one row per measure: of generated pictures, and of real ones for comparison."""
    own, other = study.distances, study.reference

    def row(name: str, key: str, factor: float = 1.0) -> list[str]:
        return [name, f"{factor * getattr(own, key):.3g}", _reference(other, key, factor)]

    rows = [
        row("KID · 10³", "kid", 1000.0),
        row("Fréchet distance", "frechet"),
        row("Precision", "precision"),
        row("Recall", "recall"),
    ]
    if study.recognised is not None:
        rows += list(_recognised(study.recognised.generated, study.recognised.real))
    if study.copies is not None:
        rows.append(["Copies of real pictures", f"{100 * study.copies.share:.1f} %", "1 %"])
    if study.grid is not None:
        found = f"every {study.grid.period} px" if study.grid.found else "not found"
        rows.append(
            ["Grid in the pictures", f"{study.grid.generated:.1f} ({found})", f"{study.grid.real:.1f}"]
        )
    if study.walks is not None:
        rows.append(["Largest step of walks", f"{study.walks.evenness:.2f}", "1 is even"])
    return ["Measure", "Generated", "Real, half to half"], rows


def _recognised(generated: ClassAnswers, real: ClassAnswers | None) -> Iterator[list[str]]:
    """Yield how often a classifier names the class, or what it sees where the classes are not known."""
    for name in generated.right:
        if name == "all" and len(generated.right) == 2:
            continue  # one class, which has its row
        yield [f"Classifier right, {name}", _of(generated, name), f"not seen before: {_of(real, name)}"]
    if not generated.right:
        for name, count in generated.called.items():
            beside = "–" if real is None else f"not seen before: {real.called[name]} of {real.pictures}"
            yield [f"Called {name}", f"{count} of {generated.pictures}", beside]


def _of(answers: ClassAnswers | None, name: str) -> str:
    if answers is None or name not in answers.right:
        return "–"
    return f"{_percent(answers.right[name])} of {answers.counts.get(name, answers.pictures)}"


def generator_summary(study: GeneratorStudy) -> str:
    """Return what was compared."""
    own = study.distances
    return (
        f"{own.fake} pictures of {study.generator['name']} against {own.real} real ones. "
        f"Features: {study.extractor}; {study.preprocessing}."
    )


def blind_table(result: AssessmentResult) -> Table:
    """Return one row per assessor: accuracy with interval, parts, confidence, confusion."""
    heads = ["Assessor", "Right", "Real right", "Generated right", "p (guessing)", "Class right"]
    heads += [
        "Confidence real",
        "Confidence generated",
        "Real called generated",
        "Generated called real",
        "Answers",
    ]
    return heads, [_assessor_row(one) for one in result.assessors]


def blind_summary(result: AssessmentResult) -> str:
    """Return what the table means."""
    return (
        f"{result.pictures} pictures, half of them generated. Guessing is right half the time. In brackets "
        f"{100 * result.level:.0f} % intervals."
    )


def augmentation_tables(study: AugmentationStudy) -> dict[str, Table]:
    """Return a row per kind of training, per class, and per picture that the classifiers are least sure of."""
    tests = {test.per_class: test for test in study.tests}
    arms = {"real only" if not arm.per_class else f"+ {arm.per_class} per class": arm for arm in study.arms}
    heads = ["Trained on", "Mean, %", "Difference, points", "p (Holm)", "Significant", "Spread", "Best, %"]
    rows = []
    for name, arm in arms.items():
        test = tests.get(arm.per_class)
        against = ["–"] * 3
        if test is not None:
            p = "–" if test.holm is None else f"{test.holm:.2g}"
            against = [_points(test.anywhere), p, "yes" if test.significant else "no"]
        rows.append(
            [name, _value(arm.mean, 100.0), *against, _hundredfold(arm.deviation), _hundredfold(arm.best)]
        )
    classes = [
        [name, *(_hundredfold(arm.by_class.get(name)) for arm in arms.values()), _hundredfold(made)]
        for name, (_, made) in study.recognised.items()
        if name in study.class_names
    ]
    found = {
        "Accuracy": (heads, rows),
        "Each class": (["Class", *(f"{name}, %" for name in arms), "Generated named right, %"], classes),
    }
    if study.uncertain:
        unsure = [
            [one.name, one.truth or "–", one.guess, _hundredfold(one.probability), f"{one.entropy:.2f}"]
            for one in study.uncertain
        ]
        found["Unsure test pictures"] = (["Picture", "Class", "Called", "Sure, %", "Unsure, 0 to 1"], unsure)
    return found


def augmentation_notes(study: AugmentationStudy) -> list[str]:
    """Return the answer for each number of generated pictures, and what to know of the numbers."""
    return [
        *(test.conclusion for test in study.tests),
        study.judgement,
        _SPREAD,
    ]


def _hundredfold(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _points(estimate: Estimate) -> str:
    value, low, high = (
        None if v is None else f"{100 * v:+.1f}" for v in (estimate.value, estimate.low, estimate.high)
    )
    return str(value) if low is None or high is None else f"{value} [{low}, {high}]"


def _reference(other: Any, key: str, factor: float) -> str:
    return "–" if other is None else f"{factor * getattr(other, key):.3g}"


def _value(estimate: Any, factor: float) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    text = _digits(factor * estimate.value)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{_digits(factor * estimate.low)}, {_digits(factor * estimate.high)}]"


def _skill(estimate: Any) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _digits(value: float) -> str:
    """Return three digits, zeros included."""
    return f"{value:#.3g}".removesuffix(".")


def _percent(estimate: Any) -> str:
    if estimate.value is None:
        return "–"
    text = f"{100 * estimate.value:.0f} %"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"


def _assessor_row(one: Any) -> list[str]:
    sure = (one.confidence_real, one.confidence_generated)
    return [
        one.assessor,
        *(_percent(getattr(one.kind, part)) for part in ("all", "real", "generated")),
        "–" if one.chance is None else f"{one.chance:.3g}",
        "–" if one.cell_class is None else _percent(one.cell_class.all),
        *("–" if value is None else f"{value:.2f}" for value in sure),
        str(one.confusion["real"]["generated"]),
        str(one.confusion["generated"]["real"]),
        str(one.answers),
    ]
