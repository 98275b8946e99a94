"""The HTML report of an `AugmentationStudy`."""

from __future__ import annotations

import numpy as np

from . import pages
from .augmentation_results import AugmentationStudy
from .plots import Point, line_chart

READING = (
    "Every classifier was trained with the same steps, the same classical augmentation and the same share of each "
    "class; trainings of one seed began with the same weights and differ in the generated pictures alone. The "
    "validation part says which weights to keep; the test part was looked at once, by the finished classifiers. "
    "Intervals of the mean are for other initialisations."
)
TESTING = (
    "Paired by seed. The first interval is for other initialisations and these very test pictures, the second for "
    "other test pictures too; p is that of the paired permutation test, corrected by Holm's method for the number of "
    "rows. A difference is called significant if that p is below 0.05 and the second interval does not hold 0. Welch's "
    "p is what one gets from means and deviations alone. All of it is for these generated pictures: another generator, "
    "trained anew, may do otherwise."
)
JUDGING = (
    "Generated pictures that such classifiers name as often as real ones show what tells the classes apart; that they "
    "are varied, or look real, it does not show."
)
SURE = (
    "Units of the network were left out at random, again and again (Monte-Carlo dropout). Unsure: entropy of the mean "
    "answer, from 0 (sure) to 1 (all classes alike); of it, what comes from samples that contradict each other."
)


def html(study: AugmentationStudy) -> str:
    """Return the document."""
    folder = study.specimens["folder"]
    runs = pages.count(len(study.arms[0].trainings), "initialisation")
    lead = f"{folder}: {runs}, {pages.count(len(study.truth), 'test picture')}. Made {study.time}."
    said = "".join(map(pages.paragraph, (study.verdict, *(test.conclusion for test in study.tests))))
    body = [
        pages.warnings(study.warnings),
        pages.section("Answer", said),
        pages.section("Accuracy", pages.paragraph(READING), _accuracies(study), pages.command(study.command)),
        pages.section("Tests", pages.paragraph(TESTING), _tests(study), pages.command(study.command)),
        pages.section("By class", _classes(study), pages.command(study.command)),
        pages.section(
            "What classifiers of real pictures make of the generated ones",
            pages.paragraph(study.judgement),
            pages.paragraph(JUDGING),
            _judged(study),
            pages.command(study.command),
        ),
    ]
    if study.uncertain:
        body.append(_uncertain(study))
    if "generated" in study.sheets:
        caption = "Generated pictures, the first of each class."
        body.append(
            pages.section(
                "Generated pictures", pages.figure(study.sheets["generated"], caption, study.command)
            )
        )
    known = {
        "specimens": study.specimens,
        "generated pictures": study.synthetic,
        "settings": study.settings,
    }
    body.append(pages.section("Provenance", pages.provenance(study, known)))
    return pages.page("Do generated pictures help the classifier?", lead, body)


def _accuracies(study: AugmentationStudy) -> str:
    rows = [
        [
            arm.per_class,
            len(arm.trainings),
            pages.interval(arm.mean.value, arm.mean.low, arm.mean.high, 100),
            None if arm.deviation is None else 100 * arm.deviation,
            100 * arm.best,
            100 * arm.worst,
            100 * float(np.mean([one.validation for one in arm.trainings])),
            float(np.mean([one.best_step for one in arm.trainings])),
        ]
        for arm in study.arms
    ]
    heads = (
        "generated per class",
        "trainings",
        "mean accuracy, %",
        "deviation",
        "best",
        "worst",
        "validation",
        "step kept",
    )
    points = [
        Point(
            arm.per_class,
            *(None if v is None else 100 * v for v in (arm.mean.value, arm.mean.low, arm.mean.high)),
        )
        for arm in study.arms
    ]
    reference = points[0].value
    chart = line_chart(
        "Test accuracy", [("mean of all trainings", points)], "generated pictures per class", "%", reference
    )
    one = 100 / len(study.truth)
    note = f"One test picture more or less is {one:.2f} percentage points."
    marked = [arm.per_class == 0 for arm in study.arms]
    return pages.table(heads, rows, marked) + pages.paragraph(note) + pages.charts(chart)


def _tests(study: AugmentationStudy) -> str:
    rows = [
        [
            test.per_class,
            _points(test.difference.value, test.difference.low, test.difference.high),
            _points(test.anywhere.value, test.anywhere.low, test.anywhere.high),
            test.permutation,
            test.holm,
            test.wilcoxon,
            test.welch,
            test.significant,
        ]
        for test in study.tests
    ]
    heads = (
        "generated per class",
        "difference, percentage points",
        "with other test pictures",
        "p permutation",
        "p Holm",
        "p Wilcoxon",
        "p Welch",
        "significant",
    )
    return pages.table(heads, rows)


def _points(value: float | None, low: float | None, high: float | None) -> str:
    return pages.interval(value, low, high, 100)


def _classes(study: AugmentationStudy) -> str:
    heads = ["class", "test pictures", *(f"{arm.per_class} generated, %" for arm in study.arms)]
    truth = np.array(study.truth)
    rows = [
        [name, int((truth == label).sum()), *(100 * arm.by_class[name] for arm in study.arms)]
        for label, name in enumerate(study.class_names)
        if name in study.arms[0].by_class
    ]
    return pages.table(heads, rows)


def _judged(study: AugmentationStudy) -> str:
    rows = [
        [name, *(None if value is None else 100 * value for value in both)]
        for name, both in study.recognised.items()
    ]
    return pages.table(["class", "real test pictures, %", "generated pictures, %"], rows)


def _uncertain(study: AugmentationStudy) -> str:
    rows = [
        [case.name, case.truth, case.guess, case.probability, case.entropy, case.disagreement]
        for case in study.uncertain
    ]
    heads = ["picture", "true class", "guess", "its probability", "unsure", "of it contradiction"]
    shown = ""
    if "uncertain" in study.sheets:
        shown = pages.figure(study.sheets["uncertain"], "These pictures, in the order of the table.")
    return pages.section(
        "Test pictures that the classifier is least sure of",
        pages.paragraph(SURE),
        shown,
        pages.table(heads, rows),
        pages.command(study.command),
    )
