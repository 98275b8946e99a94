"""Rectangles of a picture."""

from __future__ import annotations

from ..base import CellSimError
from .timelapse import TimeLapse

Region = tuple[int, int, int, int]
"""First row, row behind the last, first column, column behind the last; px."""

_SMALLEST = 8  # px


def clip_region(region: Region, movie: TimeLapse) -> Region:
    """Return the part of a rectangle that lies inside a movie's pictures.

    Raises
    ------
    CellSimError
        If that is smaller than 8×8 px.
    """
    y0, y1, x0, x1 = (round(v) for v in region)
    y0, x0, y1, x1 = max(0, y0), max(0, x0), min(movie.height, y1), min(movie.width, x1)
    if min(y1 - y0, x1 - x0) < _SMALLEST:
        raise CellSimError(
            f"The region {tuple(region)} covers less than {_SMALLEST}×{_SMALLEST} px of the "
            f"{movie.height}×{movie.width} picture; draw a larger one inside the picture."
        )
    return y0, y1, x0, x1
