"""Axis letters: T time, C channel, Z focal plane, Y row, X column.

Rules where nobody states the axes: two dimensions are YX (one picture), three are TYX, four are TZYX and five are
TCZYX. An array whose last dimension has length 3 or 4 and that has pictures before it is taken for colour and refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base import CellSimError

ORDER = "TCZYX"
_GUESSES = {2: "YX", 3: "TYX", 4: "TZYX", 5: "TCZYX"}


def colour_error(what: str) -> CellSimError:
    """Return the error for RGB or RGBA pictures; `what` names the file, layer or array."""
    return CellSimError(
        f"{what} holds colour (RGB) pictures, but a forecast needs one intensity per pixel: convert it to "
        "greyscale first (in ImageJ: Image > Type > 16-bit; in Python: one channel such as array[..., 0]), or, if its "
        'colours are really frames, name its axes, such as axes="TYX".'
    )


def check_axes(axes: str, shape: Sequence[int], what: str) -> str:
    """Return `axes` in capitals after checking it against an array's shape.

    Parameters
    ----------
    axes : str
        One letter of ``TCZYX`` per dimension, each at most once, Y and X among them, in any order.
    shape : sequence of int
        Shape of the array.
    what : str
        Name of the file, layer or array for messages.

    Raises
    ------
    CellSimError
        If letters are unknown, doubled or missing, or their number differs from the number of dimensions.
    """
    letters = axes.strip().upper()
    if "S" in letters:  # tifffile's letter for colour samples
        raise colour_error(what)
    if "Q" in letters:
        way_out = "" if "T" in letters else f' (axes="{letters.replace("Q", "T", 1)}")'
        raise CellSimError(
            f"{what} has an axis Q, which marks independent pictures and not the frames of a movie; if they do follow "
            f"each other in time, open it with axes that say so{way_out}."
        )
    unknown = sorted(set(letters) - set(ORDER))
    if unknown:
        raise CellSimError(
            f"{what} has the axes {letters}, but {', '.join(unknown)} is none of T, C, Z, Y and X: "
            'name its axes, for example axes="TYX".'
        )
    if len(set(letters)) != len(letters) or not {"Y", "X"} <= set(letters):
        raise CellSimError(
            f'The axes "{axes}" given for {what} must name Y and X, and every axis once, as in "TZYX".'
        )
    if len(letters) != len(shape):
        raise CellSimError(
            f'The axes "{axes}" name {len(letters)} dimensions, but {what} has {len(shape)} with the shape '
            f"{tuple(int(n) for n in shape)}: give one letter per dimension."
        )
    return letters


def guess_axes(shape: Sequence[int], what: str) -> str:
    """Return the axes of an array whose axes nobody stated, by the rules at the top of this module.

    Raises
    ------
    CellSimError
        If the array looks like colour pictures or has fewer than two or more than five dimensions.
    """
    if len(shape) >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4:
        raise colour_error(what)
    if len(shape) not in _GUESSES:
        raise CellSimError(
            f"{what} has {len(shape)} dimensions, but a time-lapse has two to five of time, channel, plane, row and "
            'column: name them, for example axes="TYX".'
        )
    return _GUESSES[len(shape)]


def to_tczyx(array: Any, axes: str) -> Any:
    """Return a view of `array` (numpy or dask, axes checked) of shape (T, C, Z, Y, X), absent axes of length 1."""
    present = [letter for letter in ORDER if letter in axes]
    moved = array.transpose([axes.index(letter) for letter in present])
    return moved[tuple(slice(None) if letter in axes else None for letter in ORDER)]


def from_tczyx(array: Any, axes: str) -> Any:
    """Undo `to_tczyx`: (T, C, Z, Y, X, …) to `axes`, dropping absent axes (of length 1); trailing axes stay last."""
    kept = array[tuple(slice(None) if letter in axes else 0 for letter in ORDER)]
    present = [letter for letter in ORDER if letter in axes]
    order = [present.index(letter) for letter in axes]
    return kept.transpose([*order, *range(len(present), kept.ndim)])
