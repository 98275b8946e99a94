"""What a blind assessment shows: accuracy, confidence and confusion, for each assessor and for all."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field
from scipy import stats

from ..base import CellSimError, now, versions
from . import pages
from .bootstrap import bootstrap_interval
from .comparison import Estimate
from .report import Score, Strict
from .shares import share
from .study import Study

if TYPE_CHECKING:
    from .assessment import Answer, Assessment

ALL = "all assessors"


class Shares(Strict):
    """How often answers were right.

    Attributes
    ----------
    all, real, generated : Estimate
        Over all pictures, and over those of one kind. Of one assessor with Wilson's interval for a share; of all
        assessors with a bootstrap interval over pictures, since answers about one picture are not independent.
    """

    all: Estimate
    real: Estimate
    generated: Estimate


class AssessorResult(Strict):
    """One assessor, or all of them.

    Attributes
    ----------
    assessor : str
    answers : int
    kind : Shares
        Real or generated? Guessing is right half the time.
    chance : float or None
        Two-sided p of the exact binomial test against guessing; None for several assessors together.
    cell_class : Shares or None
        The right class, among those that have one.
    confidence_real, confidence_generated : float or None
        Mean confidence, 1 to 5, about real and generated pictures.
    confusion : dict
        ``{"real": {"real": n, "generated": n}, "generated": {…}}``: truth, then answer.
    class_confusion : dict
        The same for classes.
    by_confidence : dict
        Confidence 1 to 5 -> (answers, share that was right about real or generated).
    """

    assessor: str
    answers: int
    kind: Shares
    chance: Score
    cell_class: Shares | None
    confidence_real: Score
    confidence_generated: Score
    confusion: dict[str, dict[str, int]]
    class_confusion: dict[str, dict[str, int]]
    by_confidence: dict[int, tuple[int, Score]]


class AssessmentResult(Study):
    """The result table of a blind assessment.

    Attributes
    ----------
    pictures : int
        In the assessment, half of them generated.
    level : float
        Nominal coverage of the intervals.
    assessors : list of AssessorResult
        Each alone, and all together where there are several.
    """

    pictures: int
    level: float
    assessors: list[AssessorResult] = Field(default_factory=list)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one dictionary per number."""
        for one in self.assessors:
            for metric, estimate in _estimates(one):
                yield {"assessor": one.assessor, "metric": metric, **estimate.model_dump()}
            plain = {
                "answers": one.answers,
                "p against guessing": one.chance,
                "confidence, real": one.confidence_real,
                "confidence, generated": one.confidence_generated,
            }
            for metric, value in plain.items():
                yield {"assessor": one.assessor, "metric": metric, "value": value, "low": None, "high": None}

    def table(self) -> str:
        """Return accuracies and confidence as text."""
        lines = [
            f"{'assessor':<20}{'answers':>8}  {'real or generated?':<26}{'real':>7}{'generated':>11}  confidence"
        ]
        for one in self.assessors:
            right = pages.interval(one.kind.all.value, one.kind.all.low, one.kind.all.high)
            parts = [_percent(one.kind.real.value), _percent(one.kind.generated.value)]
            sure = " / ".join(
                "–" if c is None else f"{c:.2f}" for c in (one.confidence_real, one.confidence_generated)
            )
            lines.append(
                f"{one.assessor:<20}{one.answers:>8}  {right:<26}{parts[0]:>7}{parts[1]:>11}  {sure}"
            )
        return "\n".join(lines)

    def html(self) -> str:
        """Return the report as one HTML document that needs nothing else."""
        under = pages.command(self.command)
        parts = [pages.section(one.assessor, *_page(one), under) for one in self.assessors]
        lead = (
            f"{self.pictures} pictures, half of them generated, in random order. Guessing is right half the time. In "
            f"brackets: {100 * self.level:.0f} % intervals. Made {self.time}."
        )
        said = pages.warnings(self.warnings)
        return pages.page("Can people tell generated pictures from real ones?", lead, [said, *parts])


def summarise(assessment: Assessment, level: float) -> AssessmentResult:
    """Compare the answers of an assessment with its key."""
    answers = assessment.answers()
    if not answers:
        raise CellSimError(f"Nobody has answered in {assessment.folder} yet.")
    if not 0 < level < 1:
        raise CellSimError(f"The level of an interval must lie between 0 and 1, but it is {level}.")
    key = assessment.key()
    names = sorted({answer.assessor for answer in answers})
    groups = [(name, [a for a in answers if a.assessor == name]) for name in names]
    said = [
        f"{name} has judged {len(own)} of {len(assessment)} pictures so far."
        for name, own in groups
        if len(own) < len(assessment)
    ]
    if len(names) > 1:
        groups.append((ALL, answers))
    script = (
        "from napari_cellsim.evaluation import Assessment; "
        f"print(Assessment({str(assessment.folder)!r}).results({level:g}).table())"
    )
    return AssessmentResult(
        command=shlex.join(["python", "-c", script]),
        time=now(),
        versions=versions(),
        warnings=said,
        pictures=len(assessment),
        level=level,
        assessors=[
            _result(name, own, key, level, pooled=name == ALL and len(names) > 1) for name, own in groups
        ],
    )


def _result(
    name: str, answers: Sequence[Answer], key: dict[str, Any], level: float, pooled: bool
) -> AssessorResult:
    made = np.array([key["generated"][a.picture] for a in answers], dtype=bool)
    taken = np.array([a.generated for a in answers], dtype=bool)
    sure = np.array([a.confidence for a in answers])
    number = np.array([a.picture for a in answers])
    right = made == taken
    truth = [key["class"][a.picture] for a in answers]
    has = np.array([one is not None for one in truth], dtype=bool)
    named = np.array([one == a.cell_class for one, a in zip(truth, answers, strict=True)], dtype=bool)
    kinds = ("real", "generated")
    classes = sorted(
        {one for one in truth if one is not None} | {a.cell_class for a in answers if a.cell_class}
    )
    return AssessorResult(
        assessor=name,
        answers=len(answers),
        kind=_shares(right, made, number, level, pooled),
        chance=None if pooled else float(stats.binomtest(int(right.sum()), len(right), 0.5).pvalue),
        cell_class=_shares(named[has], made[has], number[has], level, pooled) if has.any() else None,
        confidence_real=float(sure[~made].mean()) if (~made).any() else None,
        confidence_generated=float(sure[made].mean()) if made.any() else None,
        confusion={
            kinds[t]: {kinds[a]: int(((made == t) & (taken == a)).sum()) for a in (0, 1)} for t in (0, 1)
        },
        class_confusion={
            one: {
                other: sum(t == one and a.cell_class == other for t, a in zip(truth, answers, strict=True))
                for other in classes
            }
            for one in classes
        },
        by_confidence={
            c: (int((sure == c).sum()), float(right[sure == c].mean()) if (sure == c).any() else None)
            for c in range(1, 6)
        },
    )


def _shares(right: Any, made: Any, number: Any, level: float, pooled: bool) -> Shares:
    def of(chosen: Any) -> Estimate:
        own, pictures = right[chosen], number[chosen]
        if pooled and len(own):
            # Pictures, not answers, are drawn anew; each counts by the mean over those who judged it.
            values = np.array([own[pictures == one].mean() for one in np.unique(pictures)])
            low, high = bootstrap_interval(values, level)
            return Estimate(value=float(values.mean()), low=low, high=high)
        return share(own, level)

    return Shares(all=of(np.ones(len(right), bool)), real=of(~made), generated=of(made))


def _estimates(one: AssessorResult) -> Iterator[tuple[str, Estimate]]:
    for what, shares in (("real or generated", one.kind), ("class", one.cell_class)):
        if shares is not None:
            for part in ("all", "real", "generated"):
                yield f"{what}, {part}", getattr(shares, part)


def _page(one: AssessorResult) -> Iterator[str]:
    rows = [[metric, pages.interval(e.value, e.low, e.high)] for metric, e in _estimates(one)]
    yield pages.table(
        ["share that was right", "all answers of this assessor" if one.assessor != ALL else "mean"], rows
    )
    if one.chance is not None:
        yield pages.paragraph(f"p against guessing, exact binomial test: {one.chance:.4g}.")
    sure = (one.confidence_real, one.confidence_generated)
    yield pages.table(["mean confidence, 1 to 5", ""], [["real", sure[0]], ["generated", sure[1]]])
    for title, table in (("is \\ taken for", one.confusion), ("is \\ called", one.class_confusion)):
        if table:
            names = list(table)
            yield pages.table(
                [title, *names], [[name, *(table[name][other] for other in names)] for name in names]
            )
    shares = [[str(c), n, share] for c, (n, share) in one.by_confidence.items()]
    yield pages.table(["confidence", "answers", "right"], shares)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
