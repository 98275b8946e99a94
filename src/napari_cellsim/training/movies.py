"""One's own movies as training folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..base import CellSimError
from .sequences import write_sequence


def write_movie(
    folder: str | Path,
    images: Any,
    *,
    name: str = "movie",
    validation: float = 0.2,
    pixel_size: float | None = None,
    interval: float | None = None,
) -> tuple[int, int]:
    """Write a movie as a training folder, or add it to one: its first frames to ``train``, its last to ``validation``.

    Parameters
    ----------
    folder : path
        The training folder, outside the repository.
    images : array_like
        (T, Y, X), any unit; may be lazy.
    name : str
        Name of the movie in the folder.
    validation : float
        Share of the frames to validate on: 0 for none, 1 for all of them.
    pixel_size : float, optional
        µm.
    interval : float, optional
        Minutes between frames.

    Returns
    -------
    tuple of int
        Frames for training and for validation.

    Raises
    ------
    CellSimError
        If the shape does not fit, there is one frame only, pictures hold values that are no numbers, or the folder has
        a movie of this name already.
    """
    pictures = with_time(images, "pictures", name)
    kept = len(pictures) - held_out(len(pictures), validation, name)
    check_pictures(pictures, range(len(pictures)), name)
    name = free_name(folder, name)
    info = {"source": name, "pixel_size": pixel_size, "interval": interval}
    for part, first, stop in (("train", 0, kept), ("validation", kept, len(pictures))):
        if stop > first:
            write_run(folder, part, name, first, {"images": np.asarray(pictures[first:stop])}, info)
    return kept, len(pictures) - kept


def with_time(array: Any, what: str, name: str) -> Any:
    """Return an array (T, Y, X) of something that may lack time; lazy arrays stay lazy.

    Raises
    ------
    CellSimError
        If it has other axes, or is empty.
    """
    found = array if hasattr(array, "ndim") and hasattr(array, "dtype") else np.asarray(array)
    if found.ndim == 2:
        found = found[None]
    if found.ndim != 3 or 0 in found.shape:
        raise CellSimError(
            f"The {what} of {name} have the shape {tuple(found.shape)}: they must be (T, Y, X) or (Y, X); choose one "
            "channel and focal plane."
        )
    return found


def held_out(count: int, share: float, name: str, what: str = "frame") -> int:
    """Return how many of `count` things are for validation.

    Raises
    ------
    CellSimError
        If the share is none, or one thing alone would have to be divided.
    """
    if not 0 <= share <= 1:
        raise CellSimError(f"The share to validate on must be between 0 and 1, not {share}.")
    if share in (0, 1):
        return round(count * share)
    if count == 1:
        raise CellSimError(
            f"There is only one {what} of {name} to use, but one is needed to train and another to validate: add a "
            "second one."
        )
    return min(max(1, round(count * share)), count - 1)


def free_name(folder: str | Path, name: str) -> str:
    """Return the name of a movie as files can bear it.

    Raises
    ------
    CellSimError
        If the training folder has a movie of this name already.
    """
    plain = re.sub(r"[^\w.+-]+", "_", name).strip("._") or "movie"
    if any(Path(folder).glob(f"*/{escape(plain)}@*")):
        raise CellSimError(
            f"{folder} has a movie called {plain!r} already: delete it there, or choose another folder or name."
        )
    return plain


def check_pictures(pictures: Any, frames: Iterable[int], name: str) -> None:
    """Look through frames of (T, Y, X), one after the other.

    Raises
    ------
    CellSimError
        If one holds values that are no numbers.
    """
    if pictures.dtype.kind != "f":
        return
    for t in frames:
        if not np.isfinite(np.asarray(pictures[t])).all():
            raise CellSimError(
                f"Frame {t} of {name} holds values that are not numbers (NaN or infinite): fill them, or leave it out."
            )


def write_run(
    folder: str | Path, part: str, name: str, first: int, arrays: dict[str, np.ndarray], info: dict[str, Any]
) -> None:
    """Write frames that follow each other, from frame `first` of their movie on, as one sequence."""
    stop = first + len(arrays["images"])
    write_sequence(
        Path(folder) / part / f"{name}@{first:05d}-{stop:05d}", arrays, info | {"first_frame": first}
    )
