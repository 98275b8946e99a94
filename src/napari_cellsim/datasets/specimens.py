"""A folder of photographs, one folder per class, as a data set."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, Clock, Event, JobToken, run
from ..data import atomic_path
from .own_files import reading
from .specimen_files import Photograph, grey, read_photograph
from .specimen_folders import counted, find_photographs
from .specimen_splits import check_enough, check_fractions, check_specimen_leaks, deal_specimens
from .splits import PARTS

Background = Literal["border", "black", "white"] | tuple[float, float, float]
_SMALLEST = 4


@dataclass(frozen=True)
class Specimens:
    """Pictures of specimens, their classes, and which part of a split each belongs to.

    Attributes
    ----------
    folder : pathlib.Path
        Where they are from.
    images : ndarray of uint8, (N, C, H, W)
        Grey or red, green, blue.
    labels : ndarray of int64, (N,)
        Class of each picture, an index into `class_names`.
    class_names : tuple of str
        Names of the classes' folders.
    paths : tuple of str
        File of each picture, relative to `folder`.
    keys : tuple of str
        The same for identical pictures, turned or mirrored ones included.
    parts : dict of str to ndarray of int64
        Rows of "train", "validation" and "test".
    seed : int
        Seed of the split.
    notes : tuple of str
        What the user should know: pictures that were enlarged, doubles, files left out.
    """

    folder: Path
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    paths: tuple[str, ...]
    keys: tuple[str, ...]
    parts: dict[str, NDArray[np.int64]]
    seed: int
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def marks(self) -> tuple[str, ...]:
        """Eight hexadecimal digits per picture, by which a model card knows it again, turned or renamed too."""
        return tuple(key[:8] for key in self.keys)

    def rows(self, part: str | None = None, class_name: str | None = None) -> NDArray[np.int64]:
        """Return the rows of one part or class, or of one class in one part.

        Raises
        ------
        CellSimError
            If there is no such part or class.
        """
        if part is not None and part not in self.parts:
            raise CellSimError(f"There is no part {part!r}: choose one of {', '.join(self.parts)}.")
        if class_name is not None and class_name not in self.class_names:
            raise CellSimError(
                f"There is no class {class_name!r}: choose one of {', '.join(self.class_names)}."
            )
        rows = np.arange(len(self)) if part is None else self.parts[part]
        if class_name is not None:
            rows = rows[self.labels[rows] == self.class_names.index(class_name)]
        return rows

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Number of pictures by class and part."""
        return {name: {part: len(self.rows(part, name)) for part in self.parts} for name in self.class_names}

    def table(self) -> str:
        """Return the counts as text, with sums."""
        numbers = np.array([list(own.values()) for own in self.counts.values()])
        numbers = np.vstack([numbers, numbers.sum(0)])
        heads = [*self.class_names, "all"]
        lines = [["class", *self.parts, "all"]]
        lines += [[head, *map(str, row), str(row.sum())] for head, row in zip(heads, numbers, strict=True)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            )
            for row in lines
        )

    def save_split(self, path: str | os.PathLike[str]) -> None:
        """Write which picture belongs to which part, for `read_specimens` to use again.

        Parameters
        ----------
        path : path
            JSON file.
        """
        content = {
            "seed": self.seed,
            "parts": {part: [self.paths[row] for row in rows] for part, rows in self.parts.items()},
        }
        with atomic_path(Path(path)) as temporary:
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def read_specimens(
    folder: str | os.PathLike[str],
    size: int = 64,
    *,
    channels: Literal[1, 3] = 3,
    fit: Literal["crop", "pad"] = "crop",
    background: Background = "border",
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    split: str | os.PathLike[str] | None = None,
    token: JobToken | None = None,
) -> Specimens:
    """Read a folder with one folder of pictures per class; the same as `read_specimens_job`, run to its end."""
    job = read_specimens_job(
        folder,
        size,
        channels=channels,
        fit=fit,
        background=background,
        fractions=fractions,
        seed=seed,
        split=split,
        token=token,
    )
    return run(job)


def read_specimens_job(
    folder: str | os.PathLike[str],
    size: int = 64,
    *,
    channels: Literal[1, 3] = 3,
    fit: Literal["crop", "pad"] = "crop",
    background: Background = "border",
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    split: str | os.PathLike[str] | None = None,
    token: JobToken | None = None,
) -> Generator[Event, None, Specimens]:
    """Read JPEG, PNG and TIFF pictures of any size and mode, make them square, and split them.

    Each folder in `folder` is a class, its own subfolders included; a folder of pictures alone is one class. The
    split is made class by class, and identical pictures, turned and mirrored ones too, stay in one part. Pictures of
    more than 8 bits share one white: the smallest of 1023, 4095, 16383 and 65535 that none of them exceeds.

    Parameters
    ----------
    folder : path
        Where the class folders are.
    size : int
        Side of the pictures, px.
    channels : {1, 3}
        Grey or colour.
    fit : {"crop", "pad"}
        Oblong pictures: take the central square, or add stripes.
    background : {"border", "black", "white"} or (float, float, float)
        What stripes and transparent places show: the median colour of the picture's border, or one colour for all,
        as red, green, blue from 0 to 1.
    fractions : (float, float, float)
        Shares of training, validation and test.
    seed : int
        Seed of the split.
    split : path or None
        A split written by `Specimens.save_split`, instead of a new one; pictures it does not name are left out.
    token : JobToken or None
        Stops or pauses between pictures.

    Yields
    ------
    Progress
        One step per picture.

    Returns
    -------
    Specimens

    Raises
    ------
    CellSimError
        If a class is empty or has fewer than 10 different pictures, a picture cannot be read or is in two classes, a
        parameter cannot be used, or the given split leaks.
    JobCancelled
        If the token was cancelled.
    """
    root = Path(folder).expanduser()
    shares = check_fractions(fractions)
    colour = _checked(size, channels, fit, background)
    token = token or JobToken()
    names, files, notes = find_photographs(root, token)
    kept = None
    if split is not None:
        kept, seed = _split_file(Path(split), root, {path for _, path in files})
        left_out = len(files) - len(kept)
        files = [(label, path) for label, path in files if path in kept]
        notes += [f"{counted(left_out, 'picture')} not named in the split left out."] * (left_out > 0)
    else:
        for label, name in enumerate(names):  # before much is read
            check_enough(name, sum(own == label for own, _ in files), shares)
    clock = Clock(len(files), "reading pictures")
    images = np.empty((len(files), channels, size, size), np.uint8)
    deep: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    white, likenesses = 0, []
    seen: Counter[str] = Counter()
    for row, (_, path) in enumerate(files):
        token.check()
        picture = read_photograph(root / path)
        square, ground = picture.square(size, fit), picture.border() if colour is None else colour
        if picture.deep:  # their white is known when all are read
            deep[row], white = (square, ground), max(white, int(picture.colour.max()))
        else:
            images[row] = _laid(square, ground, channels)
        likenesses.append(picture.likeness)
        seen.update(_remarks(picture, size, fit, channels))
        yield clock.progress(1)
    keys = _keys(root, files, likenesses, names)
    if deep:
        white = next(limit for limit in (1023, 4095, 16383, 65535) if limit >= white)
        notes.append(f"{counted(len(deep), 'picture')} of more than 8 bits: {white} is white.")
        for row, (square, ground) in deep.items():
            square[:3] *= 65535 / white
            lit = ground * np.float32(65535 / white) if colour is None else colour
            images[row] = _laid(square, lit, channels)
    notes += [f"{counted(count, 'picture')} {what}." for what, count in sorted(seen.items())]
    doubles = len(keys) - len(set(keys))
    if doubles:
        notes.append(
            f"{counted(doubles, 'picture')} identical with another of the class, kept in one part with it."
        )
    labels = np.array([label for label, _ in files], np.int64)
    paths = tuple(path for _, path in files)
    if kept is None:
        parts = deal_specimens(labels, keys, names, shares, seed)
    else:
        parts = {p: np.array([r for r, path in enumerate(paths) if kept[path] == p], np.int64) for p in PARTS}
    check_specimen_leaks(parts, keys, paths)
    return Specimens(root, images, labels, names, paths, keys, parts, seed, tuple(notes))


def _checked(size: int, channels: int, fit: str, background: Background) -> NDArray[np.float32] | None:
    """Return the colour of the background, or None for each picture's own."""
    if size < _SMALLEST:
        raise CellSimError(f"Pictures of {size} px cannot be used: choose a size of at least {_SMALLEST}.")
    if channels not in (1, 3):
        raise CellSimError(f"Pictures have 1 channel (grey) or 3 (colour), not {channels}.")
    if fit not in ("crop", "pad"):
        raise CellSimError(f"Pictures cannot be made square by {fit!r}: choose 'crop' or 'pad'.")
    named: dict[Any, Any] = {"border": None, "black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0)}
    colour = named.get(background, background)
    if colour is None:
        return None
    try:
        values = np.array([float(value) for value in colour], np.float32)
    except (TypeError, ValueError):
        values = np.array([np.nan])
    if len(values) != 3 or not ((values >= 0) & (values <= 1)).all():
        raise CellSimError(
            f"The background {background!r} is no colour: give 'border', 'black', 'white', or red, green and blue from "
            "0 to 1."
        )
    return values


def _remarks(picture: Photograph, size: int, fit: str, channels: int) -> list[str]:
    height, width = picture.colour.shape[:2]
    small = (min if fit == "crop" else max)(height, width) < size
    remarks = [f"smaller than {size} px, enlarged"] * small
    remarks += ["grey, repeated in red, green and blue"] * (channels == 3 and picture.kind == "grey")
    return remarks + ["partly transparent, laid on the background"] * (picture.alpha is not None)


def _keys(
    root: Path, files: list[tuple[int, str]], likenesses: list[str], names: tuple[str, ...]
) -> tuple[str, ...]:
    """Return a key per picture that only identical ones share."""
    firsts: dict[str, list[int]] = {}
    keys = []
    for row, likeness in enumerate(likenesses):
        others = firsts.setdefault(likeness, [])
        picture = read_photograph(root / files[row][1]) if others else None
        twin = None
        if picture is not None:
            twin = next((o for o in others if picture.same(read_photograph(root / files[o][1]))), None)
        if twin is None:
            keys.append(f"{likeness}-{len(others)}")
            others.append(row)
            continue
        if files[twin][0] != files[row][0]:
            raise CellSimError(
                f"{files[twin][1]} and {files[row][1]} are the same picture in the classes {names[files[twin][0]]} and "
                f"{names[files[row][0]]}: delete the wrong one."
            )
        keys.append(keys[twin])
    return tuple(keys)


def _laid(square: NDArray[np.float32], ground: NDArray[np.float32], channels: int) -> NDArray[np.uint8]:
    """Return colours times opacity, and opacity (4, S, S), on a ground (3,), as bytes (C, S, S)."""
    laid = square[:3] + (1 - square[3]) * ground[:, None, None]
    values = laid if channels == 3 else grey(laid)
    pixels: NDArray[np.uint8] = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return pixels


def _split_file(path: Path, root: Path, found: set[str]) -> tuple[dict[str, str], int]:
    """Return the part of each picture that a split names, and the split's seed."""
    with reading(path, "The split", "make it again", f"There is no split {path}."):
        content = json.loads(path.read_text(encoding="utf-8"))
        seed, listed = (
            int(content["seed"]),
            [(str(n), part) for part in PARTS for n in content["parts"][part]],
        )
    named = dict(listed)
    if len(named) < len(listed):
        twice = next(name for name, count in Counter(name for name, _ in listed).items() if count > 1)
        raise CellSimError(f"The split {path.name} leaks: it names {twice} twice; split anew.")
    missing = sorted(set(named) - found)
    if missing:
        raise CellSimError(
            f"The split {path.name} names {missing[0]} ({len(missing)} missing in all), which is not in {root}: "
            "bring the pictures back, or split anew."
        )
    return named, seed
