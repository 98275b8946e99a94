"""The result of evaluating a generator, and its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy.typing as npt
from pydantic import Field

from .class_assessment import ClassAnswers, ClassAssessment
from .distributions import frechet_distance, kid, precision_recall
from .report import Strict
from .small_samples import Spread, kid_of_subsets
from .study import Study


class Distances(Strict):
    """One set of pictures against real ones, in features.

    Attributes
    ----------
    real, fake : int
        Pictures in the sets.
    frechet, kid : float
        Fréchet distance, and unbiased kernel distance of the whole sets.
    kid_mean, kid_deviation : float
        Over `kid_subsets` random subsets of `kid_size` pictures.
    precision, recall : float
        Share of fakes that look real, and of real ones that are covered.
    """

    real: int
    fake: int
    frechet: float
    kid: float
    kid_mean: float
    kid_deviation: float
    kid_subsets: int
    kid_size: int
    precision: float
    recall: float

    @classmethod
    def between(cls, real: npt.NDArray[Any], fake: npt.NDArray[Any], seed: int) -> Distances:
        """Compare two sets of features (N, D)."""
        subsets = kid_of_subsets(real, fake, seed=seed)
        share = precision_recall(real, fake)
        return cls(
            real=len(real),
            fake=len(fake),
            frechet=frechet_distance(real, fake),
            kid=kid(real, fake),
            kid_mean=subsets.mean,
            kid_deviation=subsets.deviation,
            kid_subsets=subsets.subsets,
            kid_size=subsets.size,
            precision=share.precision,
            recall=share.recall,
        )


class Copies(Strict):
    """`memorising.memorisation` in numbers; distances are 0 for the same picture and about √2 for unrelated ones."""

    share: float
    threshold: float
    smallest: float
    median: float
    nearest: list[float]
    real: list[float]


class Walks(Strict):
    """`memorising.walk_steps` in numbers."""

    walks: int
    steps: int
    length: float
    evenness: float
    sharpest: float
    encoder: str


class Grid(Strict):
    """`spectrum.grid_artefact` of generated and of real pictures."""

    generated: float
    period: int
    real: float
    found: bool


class GeneratorStudy(Study):
    """How good generated pictures are.

    Attributes
    ----------
    generator : dict
        Name and hash of the model, or the file of the pictures; settings of the generator.
    movies : int
        Files that the real pictures come from: pictures of one file are not independent.
    photographs : bool
        Whether the pictures are photographs of specimens, which have no range of their own.
    extractor, preprocessing : str
        What made the features. Distances of other features, or of pictures brought to them otherwise, do not compare.
    distances : Distances
        Generated against real.
    reference : Distances or None
        One random half of the real pictures against the other: what a perfect generator would get from sets of that
        size.
    halves : Spread
        Mean and deviation of the Fréchet distance between random halves of the real pictures: its bias, from above.
    inception : Spread or None
        Inception score of the probabilities that were brought.
    inception_network : str or None
        What made these.
    recognised : ClassAssessment or None
        What a classifier of specimens says of generated and of real ones.
    copies : Copies or None
    walks : Walks or None
    grid : Grid or None
    epochs : dict or None
        ``{"steps": [...], "change": {side: [...]}}`` of `convergence.change_of_previews`.
    """

    generator: dict[str, Any]
    movies: int
    photographs: bool = False
    extractor: str
    preprocessing: str
    distances: Distances
    reference: Distances | None = None
    halves: Spread
    inception: Spread | None = None
    inception_network: str | None = None
    recognised: ClassAssessment | None = None
    copies: Copies | None = None
    walks: Walks | None = None
    grid: Grid | None = None
    epochs: dict[str, Any] | None = None
    sheets: dict[str, bytes] = Field(default_factory=dict, exclude=True)

    def html(self) -> str:
        """Return the report as one HTML document that needs nothing else."""
        from .generator_page import html

        return html(self)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one dictionary per number."""
        parts: dict[str, Any] = {
            "generated against real": self.distances.model_dump(),
            "real half against half": self.reference.model_dump() if self.reference else {},
            "random halves of the real ones": {
                "frechet_mean": self.halves.mean,
                "frechet_deviation": self.halves.deviation,
            },
            "copies": self.copies.model_dump(exclude={"nearest", "real"}) if self.copies else {},
            "walks": self.walks.model_dump(exclude={"encoder"}) if self.walks else {},
            "grid": self.grid.model_dump() if self.grid else {},
        }
        if self.inception is not None:
            parts["Inception score"] = {"mean": self.inception.mean, "deviation": self.inception.deviation}
        if self.recognised is not None:
            for what, answers in (("generated", self.recognised.generated), ("real", self.recognised.real)):
                if answers is not None:
                    parts[f"classes seen in {what} pictures"] = _numbers(answers)
        if self.epochs is not None:
            for side, values in self.epochs["change"].items():
                parts[f"change at {side} px"] = dict(zip(self.epochs["steps"], values, strict=True))
        for part, values in parts.items():
            for metric, value in values.items():
                yield {
                    "generator": self.generator["name"],
                    "extractor": self.extractor,
                    "part": part,
                    "metric": metric,
                    "value": value,
                }

    def table(self) -> str:
        """Return the main numbers as text."""
        heads = ("Fréchet", "KID·10³", "precision", "recall")
        lines = [f"{'':<26}" + "".join(f"{head:>12}" for head in heads)]
        for name, row in (
            ("generated against real", self.distances),
            ("real half against half", self.reference),
        ):
            if row is not None:
                values = (row.frechet, 1000 * row.kid, row.precision, row.recall)
                lines.append(f"{name:<26}" + "".join(f"{value:>12.4g}" for value in values))
        lines.append(f"features: {self.extractor}; {self.preprocessing}")
        if self.inception is not None:
            lines.append(
                f"Inception score {self.inception.mean:.3f} ± {self.inception.deviation:.3f} ({self.inception_network})"
            )
        if self.recognised is not None:
            lines.append(self.recognised.judgement)
        if self.copies is not None:
            lines.append(f"copies of real pictures: {100 * self.copies.share:.1f} % (1 % among real ones)")
        if self.walks is not None:
            lines.append(f"largest step over mean step of walks: {self.walks.evenness:.2f} (1 is even)")
        if self.grid is not None:
            found = f"found, every {self.grid.period} px" if self.grid.found else "not found"
            lines.append(
                f"grid: {found} (strength {self.grid.generated:.1f}, real pictures {self.grid.real:.1f})"
            )
        return "\n".join(lines)


def _numbers(answers: ClassAnswers) -> dict[str, float | int | None]:
    """Return what a classifier said, number by number."""
    found: dict[str, float | int | None] = {"pictures": answers.pictures}
    found |= {f"pictures of {name}": count for name, count in answers.counts.items()}
    found |= {f"called {name}": count for name, count in answers.called.items()}
    for name, estimate in answers.right.items():
        values = {"": estimate.value, ", low": estimate.low, ", high": estimate.high}
        found |= {f"share right, {name}{end}": value for end, value in values.items()}
    return found
