"""True classes of the pictures of a blind assessment, from a table that a person filled in."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from ..base import CellSimError

KINDS = ("real", "generated")
COLUMNS = ("kind", "picture", "class")


class TrueClasses(NamedTuple):
    """The true class of each picture, by kind; None for a kind of which the table says nothing.

    Attributes
    ----------
    real, generated : tuple of str or None
        In the order of the pictures.
    """

    real: tuple[str, ...] | None
    generated: tuple[str, ...] | None

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that occur, in order of the alphabet."""
        return tuple(sorted({*(self.real or ()), *(self.generated or ())}))


def read_classes(path: str | Path, real: int, generated: int | None) -> TrueClasses:
    """Read a CSV with the columns ``kind`` (real or generated), ``picture`` (from 0) and ``class``.

    Parameters
    ----------
    path : path
        UTF-8, with commas or semicolons between.
    real : int
        How many real pictures there are.
    generated : int or None
        How many generated ones; None where they are yet to be made, so that nobody can know their classes.

    Raises
    ------
    CellSimError
        If the file cannot be read, or names a picture that there is not, twice, or not all of a kind.
    """
    source = Path(path)
    try:
        text = source.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise CellSimError(f"The true classes {source} cannot be read as text: {error}.") from error
    head, *lines = text.splitlines() or [""]
    between = ";" if ";" in head else ","
    table = csv.DictReader([head, *lines], delimiter=between, skipinitialspace=True)
    if not set(COLUMNS) <= set(table.fieldnames or ()):
        raise CellSimError(f"{source.name} lacks a column: its first line must name {', '.join(COLUMNS)}.")
    found: dict[str, dict[int, str]] = {kind: {} for kind in KINDS}
    counts = dict(zip(KINDS, (real, generated), strict=True))
    for row in table:
        kind, number, name = ((row[column] or "").strip() for column in COLUMNS)
        count = counts.get(kind)
        if kind == "generated" and count is None:
            raise CellSimError(
                f"{source.name} names classes of generated pictures, but a model is yet to make these: choose a layer "
                "of generated pictures, or leave their rows out."
            )
        if count is None or not number.isdecimal() or int(number) >= count or not name:
            raise CellSimError(
                f"{source.name} says “{kind}, {number}, {name}”: a row names real or generated, a picture from 0 to "
                f"one less than there are ({real} real ones), and a class."
            )
        if int(number) in found[kind]:
            raise CellSimError(f"{source.name} names {kind} picture {number} twice: keep one of the rows.")
        found[kind][int(number)] = name
    return TrueClasses(*(_complete(source, kind, found[kind], counts[kind]) for kind in KINDS))


def _complete(source: Path, kind: str, found: dict[int, str], count: int | None) -> tuple[str, ...] | None:
    if not found or count is None:
        return None
    missing = next((number for number in range(count) if number not in found), None)
    if missing is not None:
        raise CellSimError(
            f"{source.name} names {len(found)} of {count} {kind} pictures, and picture {missing} is missing: name all "
            "of a kind, or none."
        )
    return tuple(found[number] for number in range(count))
