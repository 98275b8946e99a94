"""What all studies share: one result that is written as JSON, CSV or one HTML file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from ..base import CellSimError
from .report import FORMAT_VERSION, JsonFile, write_text

SUFFIXES = (".json", ".csv", ".html")


class Study(JsonFile):
    """The result of an evaluation, with all that is needed to judge and to repeat it.

    Attributes
    ----------
    command : str or None
        The command line that gives it again; None where no command line can.
    time : str
        When it was made, UTC.
    versions : dict
        Of Python and of the packages that determine a result.
    warnings : list of str
        What the reader should know before trusting the numbers.
    """

    format_version: int = FORMAT_VERSION
    command: str | None
    time: str
    versions: dict[str, str]
    warnings: list[str] = Field(default_factory=list)

    def html(self) -> str:
        """Return the report as one HTML document that needs nothing else."""
        raise NotImplementedError

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one dictionary of equal keys per number."""
        raise NotImplementedError

    def table(self) -> str:
        """Return the main numbers as a text table."""
        raise NotImplementedError

    def to_csv(self) -> str:
        """Return all numbers as CSV, one per line."""
        rows = list(self.rows())
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else ["metric", "value"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the study as its ending says, .json, .csv or .html, whole or not at all.

        Raises
        ------
        CellSimError
            If the ending is another one or the file cannot be written.
        """
        target = check_suffix(path)
        text = {".json": self.to_json, ".csv": self.to_csv, ".html": self.html}[target.suffix.lower()]()
        return write_text(target, text)


def check_suffix(path: str | Path) -> Path:
    """Return a path that a study can be written to, or complain about its ending."""
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise CellSimError(
            f"{target.name} cannot be written: name a file that ends in .html (to look at), .csv or .json (numbers)."
        )
    return target
