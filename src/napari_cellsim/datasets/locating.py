"""Where the traps of a position are, at all times."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, Event, JobToken
from .experiment import Position
from .finding import Traps, find_traps_job
from .tracking import Track, track_traps_job


@dataclass(frozen=True)
class Located:
    """The traps of one position and how they move with the stage.

    Parameters
    ----------
    position : str
        Name of the position.
    traps : Traps
        In the reference frame of the track.
    track : Track
        Drift of the field.
    """

    position: str
    traps: Traps
    track: Track

    def origins(self, size: tuple[int, int]) -> NDArray[np.int64]:
        """Return the first pixels (y, x) of crops of a size (h, w) around every trap, (N, T, 2)."""
        centres = self.traps.centres[:, None] + self.track.shifts[None]
        # A crop of even size has its middle between two pixels; half a pixel is not worth resampling for.
        result: NDArray[np.int64] = np.floor(centres - (np.array(size) - 1) / 2 + 0.5).astype(np.int64)
        return result


def frame_reader(position: Position, channel: int = 0, plane: int = 0) -> tuple[Any, int]:
    """Return a function ``read(t)`` that gives frames (Y, X) of one channel and plane, and the number of frames.

    Raises
    ------
    CellSimError
        If the channel or plane does not exist.
    """
    movie = position.timelapse().select(channel, plane)
    grid = position.grid()
    if grid is not None:  # of thousands of pictures dask takes a quarter of a second to find one
        return (lambda t: grid[t, channel, plane]), movie.n_times
    return (lambda t: np.asarray(movie.frames[t, 0, 0])), movie.n_times


def locate_job(
    position: Position,
    template: Any,
    pixel_size: float | None = None,
    *,
    channel: int = 0,
    plane: int | None = None,
    reference: int = 0,
    rotation: float = 5.0,
    threshold: float = 0.4,
    token: JobToken | None = None,
) -> Generator[Event, None, Located]:
    """Find the traps of a position in one frame and follow them through all others.

    Parameters
    ----------
    position : Position
        Where.
    template : TrapTemplate, TrapGeometry or array_like (h, w)
        See `find_traps_job`.
    pixel_size : float or None
        µm; None: the experiment's.
    channel : int
        Channel to look at.
    plane : int or None
        Focal plane to look at; None: the middle one.
    reference : int
        Frame in which traps are sought.
    rotation, threshold
        See `find_traps_job`.
    token : JobToken or None
        Stops or pauses the work.

    Yields
    ------
    Progress

    Returns
    -------
    Located
        A position whose pictures are crops of one trap already has that trap in the middle.

    Raises
    ------
    CellSimError
        As `find_traps_job` does, or if the channel, plane or frame does not exist.
    """
    movie = position.timelapse()
    if position.trap_id is not None:
        size = (movie.height, movie.width)
        middle = Traps.from_centres([[(n - 1) / 2 for n in size]], size)
        return Located(position.name, middle, Track.still(movie.n_times))
    read, n_times = frame_reader(position, channel, movie.n_planes // 2 if plane is None else plane)
    if not 0 <= reference < n_times:
        raise CellSimError(f"{position.name} has no frame {reference}: it has {n_times}, numbered from 0.")
    traps = yield from find_traps_job(
        read(reference),
        template,
        movie.pixel_size if pixel_size is None else pixel_size,
        rotation=rotation,
        threshold=threshold,
        token=token,
    )
    track = yield from track_traps_job(read, n_times, traps, reference=reference, token=token)
    return Located(position.name, traps, track)
