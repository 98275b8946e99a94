"""Where in its movie a forecast lies."""

from __future__ import annotations

from ..base import CellSimError
from ..data import TimeLapse
from ..forecasting import Forecast


def region_of(movie: TimeLapse, forecast: Forecast) -> tuple[int, int, int, int]:
    """Return the rectangle ``(y0, y1, x0, x1)`` of the movie, in pixels, that a forecast covers.

    Raises
    ------
    CellSimError
        If it leaves the movie: it is a forecast of another one.
    """
    y0, x0 = (round(ours - theirs) for ours, theirs in zip(forecast.origin, movie.origin, strict=True))
    height, width = forecast.frames.shape[-2:]
    if not (
        0 <= y0 <= movie.height - height and 0 <= x0 <= movie.width - width and forecast.at < movie.n_times
    ):
        raise CellSimError(
            f"A forecast of {height} x {width} px after frame {forecast.at} does not fit {movie.name}, which has "
            f"{movie.n_times} frames of {movie.height} x {movie.width} px: compare it with the movie it was made from."
        )
    return y0, y0 + height, x0, x0 + width
