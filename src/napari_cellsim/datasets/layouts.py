"""How the pictures of an experiment lie in folders, found from names alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..base import CellSimError
from ..data.tiff import TIFF_SUFFIXES
from ..data.zarr_store import is_zarr
from .names import PictureName, by_order, by_pattern, by_tokens, by_trap, order

_DEEPEST = 4  # levels of folders below the experiment's own


@dataclass
class Folder:
    """A folder with its pictures and the folders in it, in natural order."""

    path: Path
    files: list[Path] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    movies: list[Path] = field(default_factory=list)

    def all_files(self) -> list[Path]:
        """Return the pictures here and below."""
        return self.files + [file for folder in self.folders for file in folder.all_files()]

    def all_movies(self) -> list[Path]:
        """Return the zarr folders here and below."""
        return self.movies + [movie for folder in self.folders for movie in folder.all_movies()]


def scan(path: Path, depth: int = 0) -> Folder:
    """List a folder and what is below it; opens no file."""
    found = Folder(path)
    names: dict[str, os.DirEntry[str]] = {}
    try:
        with os.scandir(path) as entries:
            names = {entry.name: entry for entry in entries if not entry.name.startswith(".")}
    except PermissionError:
        raise CellSimError(f"You are not allowed to read {path}: ask for permission or copy it.") from None
    for name in order(names):
        entry = names[name]
        if name.lower().endswith(TIFF_SUFFIXES):
            found.files.append(Path(entry.path))
        elif entry.is_dir():
            inner = Path(entry.path)
            if is_zarr(inner):
                found.movies.append(inner)
            elif depth < _DEEPEST:
                found.folders.append(scan(inner, depth + 1))
    return found


def read_names(tree: Folder, pattern: str | None) -> tuple[list[PictureName], str]:
    """Return what the names of all pictures say, and which layout that is.

    Raises
    ------
    CellSimError
        As `names.by_pattern` does.
    """
    if pattern is not None:
        return by_pattern(tree.path, tree.all_files(), pattern), "pattern"
    found: list[PictureName] = []
    layouts = set()
    for position, folder in _positions(tree):
        names, layout = _read_position(position, folder)
        found += names
        layouts.add(layout)
    return found, " and ".join(sorted(layouts))


def _positions(tree: Folder) -> list[tuple[str, Folder]]:
    """Return the folders that hold one position each: the tree itself, or folders at one level of it."""
    found = []
    if tree.files:
        found.append((tree.path.name, Folder(tree.path, tree.files)))
    for folder in tree.folders:
        if folder.files or _is_focal(folder):
            found.append((folder.path.name, folder))
        else:
            found += [(f"{folder.path.name}/{name}", inner) for name, inner in _positions(folder)]
    if not tree.files and found and _is_focal(tree) and all(_shows_planes(f) for _, f in found):
        return [(tree.path.name, tree)]
    return found


def _is_focal(folder: Folder) -> bool:
    """Whether a folder holds no pictures itself, but folders that do: position/focal-plane/*.tif."""
    inner = folder.folders
    return (
        not folder.files
        and bool(inner)
        and all(f.files and not f.folders for f in inner)
        and not all(f.path.name.lower().startswith(("pos", "xy", "fov", "field", "site")) for f in inner)
    )


def _shows_planes(folder: Folder) -> bool:
    """Whether a folder is named as a focal plane, so that the folder above is one position."""
    return folder.path.name.lower().startswith(("z", "focus", "focal", "plane", "slice"))


def _read_position(position: str, folder: Folder) -> tuple[list[PictureName], str]:
    if not folder.files:
        found = []
        for inner in folder.folders:
            found += by_order(position, inner.files, inner.path.name)
        return found, "position/focal plane/time"
    if any(inner.files for inner in folder.folders):
        raise CellSimError(
            f"The folder {folder.path} holds pictures and folders of pictures: say what is what by a pattern such as "
            "'(?P<p>pos\\d+)/t(?P<t>\\d+)'."
        )
    traps = by_trap(position, folder.files)
    if traps is not None:
        return traps, "trap pictures"
    tokens = by_tokens(position, folder.files)
    if tokens is not None:
        return tokens, "numbered names"
    return by_order(position, folder.files), "times in order of names"
