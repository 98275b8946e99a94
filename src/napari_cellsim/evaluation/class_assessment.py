"""What a classifier of real specimens makes of generated ones, beside real ones that it has nothing to do with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, JobToken
from .comparison import Estimate
from .picture_sets import PictureSet
from .recognition import class_names, class_probabilities
from .report import Strict
from .shares import share

if TYPE_CHECKING:
    from ..models import Model

LEVEL = 0.95
ALL = "all"


class ClassAnswers(Strict):
    """What a classifier says of a set of pictures.

    Attributes
    ----------
    pictures : int
    right : dict
        Class -> share of its pictures that are called by their class, with Wilson's interval; "all" for the whole set.
        Empty where the true classes are not known.
    counts : dict
        Class -> pictures of it, where that is known.
    called : dict
        Class -> pictures of the set that are called so.
    confusion : dict
        True class -> what it is called -> pictures, where the true classes are known.
    """

    pictures: int
    right: dict[str, Estimate]
    counts: dict[str, int]
    called: dict[str, int]
    confusion: dict[str, dict[str, int]]


class ClassAssessment(Strict):
    """What a classifier says of generated and of real pictures.

    Attributes
    ----------
    classifier : dict
        Name, hash and what it was trained on.
    generated : ClassAnswers
    real : ClassAnswers or None
        Of the real pictures that the classifier neither learnt from nor was chosen by; None if there are none.
    """

    classifier: dict[str, str]
    generated: ClassAnswers
    real: ClassAnswers | None

    @property
    def judgement(self) -> str:
        """The answer in words."""
        name = self.classifier["name"]
        if not self.generated.right:
            said = f"The classifier {name} calls {_list(self.generated)} generated pictures"
            return (
                f"{said}, and {_list(self.real)} real ones that it had not seen." if self.real else f"{said}."
            )
        of = f"{_text(self.generated.right[ALL])} of {self.generated.pictures} generated pictures"
        if self.real is None or not self.real.right:
            return f"The classifier {name} names the class of {of}."
        beside = f"{_text(self.real.right[ALL])} of {self.real.pictures} real ones that it had not seen"
        return f"The classifier {name} names the class of {of}, and of {beside}."


def assess_classes(
    model: Model,
    made: PictureSet,
    truth: PictureSet | None,
    *,
    device: str = "auto",
    token: JobToken | None = None,
) -> tuple[ClassAssessment, list[str]]:
    """Ask a classifier what it sees in generated pictures, and in real ones that it has nothing to do with.

    Parameters
    ----------
    model : Model
        A classifier, trained on real pictures alone.
    made, truth : PictureSet
        Photographs.
    device : str
        See `models.hardware.devices`.
    token : JobToken, optional
        To cancel.

    Returns
    -------
    ClassAssessment, list of str
        And what the reader must know of it.

    Raises
    ------
    CellSimError
        If the classifier learnt from generated pictures, or does not know one of the classes.
    """
    if model.card.training.get("synthetic"):
        raise CellSimError(
            f"The classifier {model.name!r} learnt from generated pictures too, so it cannot judge any: give one that "
            "was trained on real pictures alone."
        )
    names = class_names(model)
    said: list[str] = []
    unseen = None
    if truth is not None:
        unseen, said = _unseen(model, truth)

    def answers(pictures: PictureSet) -> ClassAnswers:
        for one in dict.fromkeys(pictures.classes or ()):
            if one not in names:
                raise CellSimError(
                    f"The classifier {model.name!r} tells apart {', '.join(names)}, but not {one}: give one that was "
                    "trained on these classes."
                )
        guesses = class_probabilities(model, pictures.images, device=device, token=token).argmax(1)
        return _answers(guesses, pictures.classes, names)

    known = {"name": model.name, "hash": model.hash, "trained on": model.card.trained_on}
    generated = answers(made)
    return ClassAssessment(
        classifier=known, generated=generated, real=answers(unseen) if unseen is not None else None
    ), said


def _unseen(model: Model, truth: PictureSet) -> tuple[PictureSet | None, list[str]]:
    """Return the real pictures that the classifier has nothing to do with, and what must be said of them."""
    learnt, chose = (
        set(str(model.card.training.get(key, "")).split()) for key in ("fingerprints", "chosen_by")
    )
    if not learnt or truth.marks is None:
        why = (
            f"the card of the classifier {model.name!r} does not say which it learnt from"
            if not learnt
            else f"those of {truth.name} came without their files"
        )
        warning = (
            f"Nobody knows whether the classifier learnt from some of the real pictures, because {why}: what it says "
            "of them may be too good."
        )
        return truth, [warning]
    rows = [row for row, mark in enumerate(truth.marks) if mark not in learnt | chose]
    said = []
    if not chose and len(rows) < len(truth):
        said.append(
            f"The card of the classifier {model.name!r} does not say which pictures chose its weights; some of them "
            "may be among the real ones here, and what it says of these be a little too good."
        )
    if not rows:
        said.append(
            f"The classifier {model.name!r} learnt from all the real pictures or was chosen by them, so that nothing "
            "can be said of its accuracy on real ones: add some that it has not seen."
        )
        return None, said
    return truth.rows(rows), said


def _answers(
    guesses: npt.NDArray[np.int64], classes: tuple[str, ...] | None, names: tuple[str, ...]
) -> ClassAnswers:
    right: dict[str, Estimate] = {}
    counts: dict[str, int] = {}
    confusion: dict[str, dict[str, int]] = {}
    if classes is not None:
        labels = np.array([names.index(one) for one in classes])
        present = [label for label in range(len(names)) if (labels == label).any()]
        right = {names[label]: share(guesses[labels == label] == label, LEVEL) for label in present}
        right[ALL] = share(guesses == labels, LEVEL)
        counts = {names[label]: int((labels == label).sum()) for label in present}
        confusion = {names[label]: _called(guesses[labels == label], names) for label in present}
    return ClassAnswers(
        pictures=len(guesses), right=right, counts=counts, called=_called(guesses, names), confusion=confusion
    )


def _called(guesses: npt.NDArray[np.int64], names: tuple[str, ...]) -> dict[str, int]:
    return {name: int((guesses == label).sum()) for label, name in enumerate(names)}


def _text(estimate: Estimate) -> str:
    value, low, high = (100 * (end or 0.0) for end in (estimate.value, estimate.low, estimate.high))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def _list(answers: ClassAnswers) -> str:
    called = ", ".join(f"{count} {name}" for name, count in answers.called.items())
    return f"{called} of {answers.pictures}"
