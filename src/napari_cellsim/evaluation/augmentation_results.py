"""The result of the augmentation study: whether generated pictures help a classifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from .accuracies import AccuracyTest, compare_accuracies
from .bootstrap import bootstrap_interval
from .comparison import Estimate
from .recognition import Recognition, UncertainCase
from .report import Score, Strict
from .study import Study


class Training(Strict):
    """One training of a classifier.

    Attributes
    ----------
    seed : int
        Of initial weights, order of the pictures and their changes: trainings of one seed differ in the generated
        pictures alone.
    accuracy : float
        On the test part.
    validation : float
        Accuracy on the validation part, of the weights that were kept.
    best_step, steps : int
        Step whose weights were kept, and steps done.
    guesses : list of int
        Class of each test picture.
    """

    seed: int
    accuracy: float
    validation: float
    best_step: int
    steps: int
    guesses: list[int]


class Arm(Strict):
    """All trainings with so many generated pictures per class.

    Attributes
    ----------
    per_class : int
        0 for real pictures alone.
    trainings : list of Training
    mean : Estimate
        Of the test accuracies, with its bootstrap interval over the trainings.
    deviation : float or None
        Standard deviation (n - 1).
    best, worst : float
    by_class : dict
        Mean accuracy of each class.
    """

    per_class: int
    trainings: list[Training]
    mean: Estimate
    deviation: Score
    best: float
    worst: float
    by_class: dict[str, float]

    @classmethod
    def of(
        cls, per_class: int, trainings: Sequence[Training], truth: npt.NDArray[np.int64], names: Sequence[str]
    ) -> Self:
        """Return the arm of some trainings.

        Parameters
        ----------
        per_class : int
        trainings : sequence of Training
        truth : array (N,)
            Classes of the test pictures.
        names : sequence of str
            Of the classes.
        """
        values = np.array([training.accuracy for training in trainings])
        low, high = bootstrap_interval(values)
        right = correct(trainings, truth)
        return cls(
            per_class=per_class,
            trainings=list(trainings),
            mean=Estimate(value=float(values.mean()), low=low, high=high),
            deviation=float(values.std(ddof=1)) if len(values) > 1 else None,
            best=float(values.max()),
            worst=float(values.min()),
            by_class={
                name: float(right[:, truth == label].mean())
                for label, name in enumerate(names)
                if (truth == label).any()
            },
        )


class AugmentationStudy(Study):
    """Classifiers with and without generated pictures, trained alike from the same initial weights.

    Attributes
    ----------
    specimens : dict
        Folder, classes, counts of each part, seed of the split.
    synthetic : dict
        Where the generated pictures are from, and how many of each class there are.
    settings : dict
        Of the classifier and its training.
    test : list of str
        The test pictures.
    truth : list of int
        Their classes.
    arms : list of Arm
        The first without generated pictures.
    tests : list of AccuracyTest
        Each other arm against the first.
    real, generated : list of Recognition
        What each classifier of the first arm makes of the test part, and of the generated pictures, which it has not
        seen either.
    uncertain : list of UncertainCase
        Test pictures that the first of these classifiers is least sure of.
    """

    specimens: dict[str, Any]
    synthetic: dict[str, Any]
    settings: dict[str, Any]
    test: list[str]
    truth: list[int]
    arms: list[Arm]
    tests: list[AccuracyTest]
    real: list[Recognition]
    generated: list[Recognition]
    uncertain: list[UncertainCase]
    sheets: dict[str, bytes] = Field(default_factory=dict, exclude=True)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes."""
        return list(self.specimens["class_names"])

    @property
    def verdict(self) -> str:
        """Whether generated pictures help or harm, in one sentence."""
        said = []
        for word, better in (("help", True), ("harm", False)):
            counts = [
                str(test.per_class)
                for test in self.tests
                if test.significant and ((test.difference.value or 0) > 0) == better
            ]
            if counts:
                said.append(f"{word} with {' and '.join(counts)} per class")
        if not said:
            return "No significant difference: the study does not show that generated pictures help or harm."
        return f"A significant difference: generated pictures {', and '.join(said)}."

    @property
    def recognised(self) -> dict[str, tuple[float | None, float | None]]:
        """How often classifiers of real pictures alone name a class, and "all": of real and of generated pictures."""
        both = (self.real, self.generated)
        found = {
            name: [[one.by_class[name] for one in several if name in one.by_class] for several in both]
            for name in self.class_names
        }
        found["all"] = [[one.accuracy for one in several] for several in both]
        return {name: (_mean(real), _mean(made)) for name, (real, made) in found.items()}

    def html(self) -> str:
        """Return the report as one HTML document that needs nothing else."""
        from .augmentation_page import html

        return html(self)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one dictionary per number."""

        def row(part: str, per_class: int, seed: int | None, metric: str, value: Any) -> dict[str, Any]:
            return {"part": part, "per_class": per_class, "seed": seed, "metric": metric, "value": value}

        for arm in self.arms:
            for one in arm.trainings:
                for metric in ("accuracy", "validation", "best_step", "steps"):
                    yield row("training", arm.per_class, one.seed, metric, getattr(one, metric))
            summary = {"mean": arm.mean.value, "low": arm.mean.low, "high": arm.mean.high}
            summary |= {"deviation": arm.deviation, "best": arm.best, "worst": arm.worst}
            for metric, value in summary.items():
                yield row("all trainings", arm.per_class, None, metric, value)
            for name, value in arm.by_class.items():
                yield row("all trainings", arm.per_class, None, f"accuracy of {name}", value)
        for test in self.tests:
            numbers = test.model_dump(exclude={"per_class", "conclusion", "difference", "anywhere"})
            for name, estimate in (("difference", test.difference), ("anywhere", test.anywhere)):
                numbers |= {f"{name}_{end}": value for end, value in estimate.model_dump().items()}
            for metric, value in numbers.items():
                yield row("against real alone", test.per_class, None, metric, value)
        for training, real, made in zip(self.arms[0].trainings, self.real, self.generated, strict=True):
            yield row("classifier of real pictures", 0, training.seed, "accuracy on real", real.accuracy)
            yield row("classifier of real pictures", 0, training.seed, "accuracy on generated", made.accuracy)

    def table(self) -> str:
        """Return the main numbers as text."""
        heads = ("runs", "mean %", "deviation", "best %", "95 % interval", "p (Holm)")
        lines = [f"{'generated per class':<20}" + "".join(f"{head:>16}" for head in heads)]
        corrected = {test.per_class: test.holm for test in self.tests}
        for arm in self.arms:
            p = corrected.get(arm.per_class)
            cells = [
                str(len(arm.trainings)),
                _percent(arm.mean.value),
                _percent(arm.deviation),
                _percent(arm.best),
                f"{_percent(arm.mean.low)} to {_percent(arm.mean.high)}",
                "–" if p is None else f"{p:.3g}",
            ]
            lines.append(f"{arm.per_class:<20}" + "".join(f"{cell:>16}" for cell in cells))
        lines += [test.conclusion for test in self.tests]
        lines.append(self.judgement)
        return "\n".join(lines)

    @property
    def judgement(self) -> str:
        """What classifiers of real pictures make of the generated ones, in words."""
        real, made = (np.array([one.accuracy for one in found]) for found in (self.real, self.generated))
        return (
            f"Classifiers that saw real pictures alone name the class of {100 * made.mean():.1f} % of the "
            f"{self.generated[0].pictures} generated pictures and of {100 * real.mean():.1f} % of the "
            f"{self.real[0].pictures} real test pictures."
        )


def correct(trainings: Sequence[Training], truth: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which test pictures (R, N) each training classifies correctly."""
    return np.array([np.array(training.guesses) == truth for training in trainings])


def compared(arms: Sequence[Arm], truth: npt.NDArray[np.int64], seed: int = 0) -> list[AccuracyTest]:
    """Test each further arm against the first."""
    first, *others = arms
    pairs = [(arm.per_class, correct(arm.trainings, truth)) for arm in others]
    return compare_accuracies(correct(first.trainings, truth), pairs, seed)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"
