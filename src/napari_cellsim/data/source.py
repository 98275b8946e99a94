"""What a reader hands over before it becomes a TimeLapse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..base import CellSimError
from .axes import check_axes, guess_axes, to_tczyx
from .placement import Placement
from .timelapse import TimeLapse

EAGER_BYTES = 256 * 2**20  # smaller data is read at once, so that a bad file shows itself when it is opened


@dataclass(frozen=True)
class Calibration:
    """What a file or layer states about itself; None or empty where it is silent.

    Parameters
    ----------
    pixel_size, z_step : float or None
        µm per pixel and per focal plane.
    interval : float or None
        Minutes between frames.
    channel_names : tuple of str
        One name per channel.
    """

    pixel_size: float | None = None
    interval: float | None = None
    z_step: float | None = None
    channel_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """An array of any axes with what is known about it.

    Parameters
    ----------
    array : numpy.ndarray or dask.array.Array
        Intensities.
    axes : str or None
        Axes as the source states them; None if it does not.
    name : str
        What to call the movie.
    what : str
        What to call the source in messages, such as ``'trap.tif'``.
    calibration : Calibration
        What the source states about pixel size, interval, planes and channels.
    path : str or None
        Where it was read from.
    trap_id : str or None
        The trap it shows.
    layer : Placement or None
        Where the napari layer lies; its axes, if not stated, are filled in by `to_timelapse`.
    """

    array: Any
    axes: str | None
    name: str
    what: str
    calibration: Calibration = field(default_factory=Calibration)
    path: str | None = None
    trap_id: str | None = None
    layer: Placement | None = None


def square_pixel(x: float | None, y: float | None) -> float | None:
    """Return the one pixel size of a picture: x, or None if y is stated too and differs by over 1 %."""
    if x is not None and y is not None and abs(x - y) > 0.01 * max(x, y):
        return None
    return x


def to_timelapse(
    source: Source, axes: str | None, pixel_size: float | None, interval: float | None
) -> TimeLapse:
    """Turn what a reader found into a TimeLapse; what the caller states outranks what the source states.

    Raises
    ------
    CellSimError
        If the axes do not fit, the pictures are in colour, or the array is empty or no picture at all.
    """
    shape = tuple(int(n) for n in source.array.shape)
    stated = axes or source.axes
    letters = check_axes(stated, shape, source.what) if stated else guess_axes(shape, source.what)
    frames = to_tczyx(source.array, letters)
    if not frames.dtype.isnative:
        frames = frames.astype(frames.dtype.newbyteorder("="))
    if 0 in shape:
        raise CellSimError(f"{source.what} is empty: its shape is {shape}.")
    known = source.calibration
    names = known.channel_names if len(known.channel_names) == frames.shape[1] else ()
    return TimeLapse(
        frames=frames,
        pixel_size=known.pixel_size if pixel_size is None else float(pixel_size),
        interval=known.interval if interval is None else float(interval),
        channel_names=names,
        trap_id=source.trap_id,
        source=source.path,
        z_step=known.z_step,
        name=source.name,
        axes=letters,
        layer=None if source.layer is None else _with_axes(source.layer, letters),
    )


def _with_axes(placement: Placement, axes: str) -> Placement:
    return Placement(axes, placement.scale, placement.translate, placement.units, placement.axis_labels)
