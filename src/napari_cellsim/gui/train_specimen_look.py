"""Look at a folder of photographs before a training: classes, and how many pictures each part gets; no Qt, no torch."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..base import CellSimError, Event, JobToken
from ..datasets import read_specimens_job
from .train_request import DataRequest

FEW = 100
"""From fewer pictures a generator should start from a trained one (Østmo 2020, §5.2.1)."""
_READ = ("channels", "fit", "background", "split")
_remembered: list[tuple[Any, SpecimensSeen]] = []


@dataclass(frozen=True)
class SpecimensSeen:
    """What a folder of photographs holds.

    Parameters
    ----------
    counts : dict of str to dict of str to int
        Number of pictures by class and part.
    notes : tuple of str
        What the user should know of them.
    """

    counts: dict[str, dict[str, int]]
    notes: tuple[str, ...]

    def learnt(self, classes: tuple[str, ...]) -> dict[str, int]:
        """Return the number of pictures to train on of some classes, or of all if none is named."""
        return {name: own["train"] for name, own in self.counts.items() if name in (classes or self.counts)}


def specimen_folder(data: DataRequest) -> Path:
    """Return the chosen folder.

    Raises
    ------
    CellSimError
        If none was chosen.
    """
    if not data.folder:
        raise CellSimError("Choose the folder of your pictures, which holds one folder per class.")
    return Path(data.folder).expanduser().resolve()


def look_job(data: DataRequest, token: JobToken) -> Generator[Event, None, SpecimensSeen]:
    """Read all pictures as the training will, or remember what was seen if nothing has changed.

    Raises
    ------
    CellSimError
        If they cannot be learnt from.
    """
    folder, settings = specimen_folder(data), data.photographs
    key = (folder, repr(settings), _listing(folder, token))
    for known, seen in _remembered:
        if known == key:
            return seen
    found = yield from read_specimens_job(
        folder,
        settings["size"],
        seed=settings.get("split_seed", 0),
        token=token,
        **{name: settings[name] for name in _READ if settings.get(name)},
    )
    seen = SpecimensSeen(found.counts, found.notes)
    _remembered[:] = [(key, seen)]
    return seen


def table(seen: SpecimensSeen) -> str:
    """Return the counts as rich text."""
    parts = list(next(iter(seen.counts.values())))
    cells = "".join(f"<td align=right>&nbsp;&nbsp;{part}</td>" for part in parts)
    rows = [f"<tr><td></td>{cells}</tr>"]
    for name, own in seen.counts.items():
        cells = "".join(f"<td align=right>{own[part]}</td>" for part in parts)
        rows.append(f"<tr><td>{escape(name)}</td>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def sentences(seen: SpecimensSeen, classes: tuple[str, ...], *, each: bool, fresh_generator: bool) -> str:
    """Return what will be learnt from, and what to mind, as rich text.

    Parameters
    ----------
    seen : SpecimensSeen
        What there is.
    classes : tuple of str
        Classes to be learnt; empty for all.
    each : bool
        Whether every class gets a model of its own.
    fresh_generator : bool
        Whether a generator begins from fresh weights, which takes more pictures.
    """
    learnt = {escape(name): count for name, count in seen.learnt(classes).items()}
    models = {f"of {name}": count for name, count in learnt.items()}
    if each:
        words = [f"{len(models)} models, trained one after the other."]
    else:
        what = "of " + " and ".join(learnt) if classes else "of all classes" if len(learnt) > 1 else "in all"
        models = {what: sum(learnt.values())}
        words = [f"Learns from {models[what]} pictures {what}."]
    few = [f"{count} {what}" for what, count in models.items() if count < FEW]
    if few and fresh_generator:
        words.append(
            f"⚠ {', '.join(few)}: fewer than {FEW} pictures are soon known by heart; under <i>Start from</i>, choose a "
            "generator that was trained on something similar."
        )
    return "<br>".join([*words, *map(escape, seen.notes)])


def _listing(folder: Path, token: JobToken) -> tuple[tuple[str, int, int], ...]:
    """Return names, sizes and times of all files, to know whether anything has changed."""
    found = []
    for path in folder.rglob("*"):
        token.check()
        if path.is_file():
            facts = path.stat()
            found.append((str(path), facts.st_size, facts.st_mtime_ns))
    return tuple(sorted(found))
