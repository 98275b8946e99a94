"""Finds photographs in a folder with one folder per class; reads none of them."""

from __future__ import annotations

import os
from pathlib import Path

from ..base import CellSimError, JobToken
from .specimen_files import SUFFIXES


def class_names(folder: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the classes of a folder of photographs.

    Raises
    ------
    CellSimError
        If it holds no pictures, or a class is empty.
    """
    return find_photographs(Path(folder).expanduser(), JobToken())[0]


def find_photographs(root: Path, token: JobToken) -> tuple[tuple[str, ...], list[tuple[int, str]], list[str]]:
    """Look for the pictures of each class.

    Parameters
    ----------
    root : Path
        Holds a folder per class, or pictures alone.
    token : JobToken
        Stops the search.

    Returns
    -------
    class_names : tuple of str
    files : list of (int, str)
        Class and relative path of each picture.
    notes : list of str
        What was left out.

    Raises
    ------
    CellSimError
        If there is no folder, it holds no pictures, or a class is empty.
    JobCancelled
        If the token was cancelled.
    """
    if not root.is_dir():
        raise CellSimError(f"There is no folder {root}: give one that holds a folder of pictures per class.")
    visible = sorted(p for p in root.iterdir() if not p.name.startswith((".", "__")))
    folders = [p for p in visible if p.is_dir()]
    loose = [p for p in visible if p.is_file()]
    pictures = [p for p in loose if p.suffix.lower() in SUFFIXES]
    if not folders and not pictures:
        raise CellSimError(
            f"The folder {root} holds no pictures: put JPEG, PNG or TIFF files into a folder per class."
        )
    notes = []
    if folders:
        if pictures:
            notes.append(f"{counted(len(pictures), 'picture')} beside the class folders left out.")
        homes = folders
    else:
        homes = [root]
    files: list[tuple[int, str]] = []
    others: list[str] = []
    for label, home in enumerate(homes):
        own = [p for p in _files(home, token) if not _hidden(p.relative_to(root))]
        chosen = [p.relative_to(root).as_posix() for p in own if p.suffix.lower() in SUFFIXES]
        others += [p.name for p in own if p.suffix.lower() not in SUFFIXES]
        if not chosen:
            raise CellSimError(
                f"The class {home.name} is empty: put JPEG, PNG or TIFF pictures into {home}, or delete it."
            )
        files += [(label, path) for path in chosen]
    if others:
        notes.append(
            f"{counted(len(others), 'file')} that is no JPEG, PNG or TIFF left out, such as {others[0]}."
        )
    names = tuple(home.name if folders else root.absolute().name for home in homes)
    return names, files, notes


def _files(home: Path, token: JobToken) -> list[Path]:
    found = []
    for path in home.rglob("*"):
        token.check()  # it may be a whole disk, chosen by mistake
        if path.is_file():
            found.append(path)
    return sorted(found)


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts)


def counted(count: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{count} {what}{'s' * (count != 1)}"
