"""Blind assessment: can people tell generated pictures from real ones? Pictures, key and answers in one folder.

No part of it needs Qt: a dock, a notebook or a script may show the pictures and take the answers.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, hash_array, now
from ..data import atomic_path, fit_scale

if TYPE_CHECKING:
    from .assessment_results import AssessmentResult

PICTURES, KEY, ANSWERS = "pictures.npy", "key.json", "answers.csv"
FIELDS = ("time", "assessor", "picture", "said generated", "said class", "confidence")
LEAST, MOST = 1, 5
"""Confidence: a guess to certain."""


@dataclass(frozen=True)
class Answer:
    """What one assessor said about one picture.

    Attributes
    ----------
    assessor : str
    picture : int
        Its number in the order shown, from 0.
    generated : bool
        Whether it was taken for generated.
    cell_class : str or None
    confidence : int
        From 1 (a guess) to 5 (certain).
    time : str
        UTC.
    """

    assessor: str
    picture: int
    generated: bool
    cell_class: str | None
    confidence: int
    time: str


class Assessment:
    """A folder with pictures in random order, their key, and the answers given so far.

    ``pictures.npy`` and ``answers.csv`` do not tell which pictures are generated; ``key.json`` does, and can be kept
    back: without it pictures can be judged, but there are no results. Every answer is on disk before the next picture
    is shown, so that an assessment can be broken off and resumed at any time.

    Parameters
    ----------
    folder : path
        Made by `create`.

    Attributes
    ----------
    pictures : array (N, Y, X) or, in colour, (N, Y, X, 3), uint8
        In the order shown.
    classes : tuple of str
        Among which the assessor chooses; empty if there is nothing to choose.

    Raises
    ------
    CellSimError
        If the folder holds no assessment.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            with (self.folder / PICTURES).open("rb") as file:
                self.classes: tuple[str, ...] = tuple(json.loads(file.readline()))
                self.pictures: npt.NDArray[np.uint8] = np.load(file, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CellSimError(
                f"{self.folder} holds no blind assessment that can be read ({error}): make one first."
            ) from error

    def __len__(self) -> int:
        return len(self.pictures)

    @classmethod
    def create(
        cls,
        folder: str | Path,
        real: npt.NDArray[Any],
        generated: npt.NDArray[Any],
        *,
        each: int | None = None,
        seed: int = 0,
        classes: Sequence[str] = (),
        real_classes: Sequence[str] | None = None,
        generated_classes: Sequence[str] | None = None,
        sources: dict[str, Any] | None = None,
    ) -> Assessment:
        """Mix real and generated pictures and make the folder.

        Parameters
        ----------
        folder : path
            Made; must not hold an assessment yet.
        real, generated : array (N, Y, X), (M, Y, X), or both in colour, (N, Y, X, 3) uint8
            Of one size and, for the test to be fair, of one pixel size. Each grey one is brought to 8 bits between its
            own 0.1 and 99.9 percentiles, so that neither brightness nor bit depth gives it away; colour photographs are
            shown as they are.
        each : int, optional
            Pictures of each kind, drawn at random; all of the smaller kind if not given. There are always as many
            real as generated ones, so that guessing is right half the time.
        seed : int
            Of drawing and order: the same seed and pictures give the same assessment.
        classes : sequence of str
            What an assessor chooses among, such as ("benthic", "planktic").
        real_classes, generated_classes : sequence of str, optional
            The true class of each picture.
        sources : dict, optional
            Where the pictures come from, JSON values; kept in the key.

        Returns
        -------
        Assessment

        Raises
        ------
        CellSimError
            If the folder is taken, or pictures and classes do not fit each other.
        """
        sets = (np.asarray(real), np.asarray(generated))
        count = min(map(len, sets)) if each is None else each
        _check(sets, count, tuple(classes), (real_classes, generated_classes))
        target = Path(folder)
        if (target / PICTURES).exists() or (target / ANSWERS).exists():
            raise CellSimError(
                f"{target} holds an assessment already: open it, or name another folder. Answers are never overwritten."
            )
        generator = np.random.default_rng(seed)
        drawn = [generator.choice(len(part), count, replace=False) for part in sets]
        order = generator.permutation(2 * count)
        chosen = [(bool(kind), int(index)) for kind in (0, 1) for index in drawn[kind]]
        shown = [chosen[place] for place in order]
        pictures = np.stack([_as_bytes(sets[kind][index]) for kind, index in shown])
        truth = (real_classes, generated_classes)
        key = {
            "made": now(),
            "seed": seed,
            "pictures": hash_array(pictures),
            "generated": [kind for kind, _ in shown],
            "index": [index for _, index in shown],
            "class": [None if (own := truth[kind]) is None else own[index] for kind, index in shown],
            "sources": sources or {},
        }
        try:
            target.mkdir(parents=True, exist_ok=True)
            with atomic_path(target / KEY) as temporary:
                temporary.write_text(json.dumps(key, indent=1) + "\n", encoding="utf-8")
            with atomic_path(target / PICTURES) as temporary, temporary.open("wb") as file:
                file.write((json.dumps(list(classes)) + "\n").encode())
                np.save(file, pictures)
        except OSError as error:
            raise CellSimError(f"The assessment cannot be written to {target}: {error.strerror}.") from error
        return cls(target)

    def pending(self, assessor: str) -> list[int]:
        """Return the numbers of the pictures that an assessor has not judged yet, in the order to be shown."""
        done = {answer.picture for answer in self.answers() if answer.assessor == _name(assessor)}
        return [number for number in range(len(self)) if number not in done]

    def answer(
        self, assessor: str, picture: int, generated: bool, confidence: int, cell_class: str | None = None
    ) -> None:
        """Append an answer to the file and make sure that it is on the disk; a later answer replaces an earlier one.

        Parameters
        ----------
        assessor : str
            Name or initials; every assessor is judged alone.
        picture : int
            Number of the picture in the order shown.
        generated : bool
        confidence : int
            From 1 (a guess) to 5 (certain).
        cell_class : str, optional
            One of `classes`; needed if there are any.

        Raises
        ------
        CellSimError
            If there is no such picture, class or confidence, or the file cannot be written.
        """
        if not 0 <= picture < len(self):
            raise CellSimError(f"There is no picture {picture}: there are {len(self)}, numbered from 0.")
        if confidence not in range(LEAST, MOST + 1):
            raise CellSimError(f"A confidence is a whole number from {LEAST} to {MOST}, not {confidence}.")
        if cell_class not in (self.classes or (None,)):
            raise CellSimError(
                f"The class {cell_class!r} is none of {', '.join(self.classes)}."
                if self.classes
                else f"This assessment asks for no class, but {cell_class!r} was given."
            )
        row = (now(), _name(assessor), picture, int(bool(generated)), cell_class or "", int(confidence))
        path = self.folder / ANSWERS
        line = io.StringIO()
        writer = csv.writer(line, lineterminator="\n")
        try:
            if not path.exists() or not path.stat().st_size:
                writer.writerow(FIELDS)
            elif not path.read_bytes().endswith(b"\n"):
                line.write("\n")  # a line that a crash cut short stays by itself
            writer.writerow(row)
            with path.open(
                "ab", buffering=0
            ) as file:  # one write, so that two assessors do not mix their lines
                file.write(line.getvalue().encode("utf-8"))
                os.fsync(file.fileno())
        except OSError as error:
            raise CellSimError(f"The answer cannot be written to {path}: {error.strerror}.") from error

    def answers(self) -> list[Answer]:
        """Return the last answer of each assessor to each picture, in the order of the pictures.

        Lines that are incomplete, as a crash leaves them, are passed over.
        """
        path = self.folder / ANSWERS
        if not path.exists():
            return []
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise CellSimError(f"The answers {path} cannot be read: {error.strerror}.") from error
        found: dict[tuple[str, int], Answer] = {}
        for row in csv.reader(io.StringIO(text)):
            answer = self._parsed(row)
            if answer is not None:
                found[answer.assessor, answer.picture] = answer
        return sorted(found.values(), key=lambda a: (a.picture, a.assessor))

    def key(self) -> dict[str, Any]:
        """Return the truth: ``generated`` and ``class`` per picture.

        Raises
        ------
        CellSimError
            If the key is kept elsewhere or belongs to other pictures.
        """
        path = self.folder / KEY
        try:
            key: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CellSimError(
                f"The key {path} cannot be read: put the {KEY} that was made with these pictures beside them."
            ) from error
        if not isinstance(key, dict) or key.get("pictures") != hash_array(self.pictures):
            raise CellSimError(f"The key {path} belongs to other pictures: take the one made with these.")
        return key

    def results(self, level: float = 0.95) -> AssessmentResult:
        """Compare the answers with the key.

        Parameters
        ----------
        level : float
            Nominal coverage of the intervals.

        Raises
        ------
        CellSimError
            If there is no key or no answer.
        """
        from .assessment_results import summarise

        return summarise(self, level)

    def _parsed(self, row: list[str]) -> Answer | None:
        try:
            time, assessor, picture, generated, cell_class, confidence = row
            answer = Answer(
                assessor, int(picture), bool(int(generated)), cell_class or None, int(confidence), time
            )
        except ValueError:
            return None
        known = 0 <= answer.picture < len(self) and LEAST <= answer.confidence <= MOST
        return answer if known and answer.cell_class in (self.classes or (None,)) else None


def _name(assessor: str) -> str:
    name = " ".join(assessor.split())
    if not name:
        raise CellSimError("An assessor needs a name or initials, so that answers can be told apart.")
    return name


def _check(
    sets: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    count: int,
    classes: tuple[str, ...],
    truth: tuple[Sequence[str] | None, Sequence[str] | None],
) -> None:
    shapes = [part.shape for part in sets]
    if shapes[0][1:] != shapes[1][1:] or not (len(shapes[0]) == 3 or shapes[0][3:] == (3,)):
        raise CellSimError(
            "Real and generated pictures (N, Y, X) or (N, Y, X, 3) must be of one size to be mixed, but their shapes "
            f"are {shapes[0]} and {shapes[1]}."
        )
    if len(shapes[0]) == 4 and any(part.dtype != np.uint8 for part in sets):
        raise CellSimError(
            f"Colour pictures are mixed as bytes from 0 to 255, but these are {sets[0].dtype} and {sets[1].dtype}: "
            "convert them."
        )
    if not 1 <= count <= min(map(len, sets)):
        raise CellSimError(
            f"{count} pictures of each kind cannot be drawn from {len(sets[0])} real and {len(sets[1])} generated ones."
        )
    for kind, part, names in zip(("real", "generated"), sets, truth, strict=True):
        if names is not None and (len(names) != len(part) or not set(names) <= set(classes)):
            raise CellSimError(
                f"The true classes of the {kind} pictures must be one of {', '.join(classes) or 'no classes'} for each "
                f"of the {len(part)}."
            )


def _as_bytes(picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if picture.ndim == 3:
        return picture
    scaled = fit_scale(picture).forward(picture)
    return np.asarray(np.clip(np.round(255 * scaled), 0, 255), dtype=np.uint8)
