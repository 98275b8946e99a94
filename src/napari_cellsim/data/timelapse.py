"""The movie: frames, calibration, and where it comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from .placement import Placement, default_placement


@dataclass(frozen=True, eq=False)
class TimeLapse:
    """A time-lapse movie, lazily backed where it is large.

    Parameters
    ----------
    frames : numpy.ndarray or dask.array.Array
        Intensities (T, C, Z, Y, X) in the units of the source, any real dtype.
    pixel_size : float or None
        µm per pixel; None where nobody stated it.
    interval : float or None
        Minutes between frames; None where nobody stated it.
    channel_names : tuple of str
        One name per channel; empty means ``("channel 0", …)``.
    origin : tuple of float
        (y, x) of the first pixel in the field this movie was cut from, px.
    trap_id : str or None
        The trap it shows, where known.
    source : str or None
        Path it was read from.
    z_step : float or None
        µm between focal planes.
    name : str
        What to call it in layers, files and messages.
    axes : str
        Axis order of the source, such as ``"TZYX"``; empty means ``TYX`` and C, Z where longer than 1.
    layer : Placement or None
        Where the napari layer it comes from lies; None for files and arrays.

    Raises
    ------
    CellSimError
        If frames are not five-dimensional real numbers, empty, or the calibration is not positive.
    """

    frames: Any
    pixel_size: float | None = None
    interval: float | None = None
    channel_names: tuple[str, ...] = ()
    origin: tuple[float, float] = (0.0, 0.0)
    trap_id: str | None = None
    source: str | None = None
    z_step: float | None = None
    name: str = "movie"
    axes: str = ""
    layer: Placement | None = None

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.frames.shape)
        if len(shape) != 5:
            raise CellSimError(
                f"The frames of {self.name} have the shape {shape}, but a TimeLapse holds (T, C, Z, Y, X): "
                "use open_timelapse(array, axes=…)."
            )
        if 0 in shape:
            raise CellSimError(f"{self.name} is empty: its shape is {shape}.")
        if self.frames.dtype.kind not in "buif":
            raise CellSimError(
                f"{self.name} holds values of the type {self.frames.dtype}, but intensities are real numbers: "
                "convert it to 8-bit, 16-bit or float."
            )
        for field, unit in (("pixel_size", "µm per pixel"), ("interval", "minutes"), ("z_step", "µm")):
            value = getattr(self, field)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise CellSimError(
                    f"The {field} of {self.name} is {value}, but it must be a positive number of {unit}."
                )
        if not self.channel_names:
            object.__setattr__(self, "channel_names", tuple(f"channel {i}" for i in range(shape[1])))
        if len(self.channel_names) != shape[1]:
            raise CellSimError(
                f"{self.name} has {shape[1]} channels but {len(self.channel_names)} channel names."
            )
        if not self.axes:
            extra = ("C" if shape[1] > 1 else "") + ("Z" if shape[2] > 1 else "")
            object.__setattr__(self, "axes", f"T{extra}YX")

    @property
    def n_times(self) -> int:
        """Number of frames."""
        return int(self.frames.shape[0])

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.frames.shape[1])

    @property
    def n_planes(self) -> int:
        """Number of focal planes."""
        return int(self.frames.shape[2])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.frames.shape[3])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.frames.shape[4])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the intensities in the source."""
        dtype: np.dtype[Any] = np.dtype(self.frames.dtype)
        return dtype

    @property
    def placement(self) -> Placement:
        """Where the movie lies in napari's world: its layer's place, or one made from calibration and origin."""
        if self.layer is not None:
            return self.layer
        return default_placement(self.axes, self.pixel_size, self.interval, self.z_step, self.origin)

    def array(
        self, times: int | slice | Sequence[int] = slice(None), channel: int = 0, plane: int = 0
    ) -> NDArray[np.float32]:
        """Read frames of one channel and focal plane into memory.

        Parameters
        ----------
        times : int, slice or sequence of int
            Which frames; a single number gives one frame. Negative numbers count from the end.
        channel, plane : int
            Index of the channel and of the focal plane, from 0.

        Returns
        -------
        numpy.ndarray
            (T, Y, X) float32, in the units of the source, a copy.

        Raises
        ------
        CellSimError
            If a frame, the channel or the plane does not exist, or the file can no longer be read.
        """
        self._check_channel_and_plane(channel, plane)
        if isinstance(times, slice):
            chosen = list(range(*times.indices(self.n_times)))
        else:
            chosen = [int(times)] if isinstance(times, (int, np.integer)) else [int(t) for t in times]
        for t in chosen:
            if not -self.n_times <= t < self.n_times:
                raise CellSimError(f"{self.name} has no frame {t}: it has {self.n_times}, numbered from 0.")
        try:
            part = np.asarray(self.frames[np.asarray(chosen, dtype=int), channel, plane])
        except MemoryError:
            raise
        except Exception as error:  # whatever the file's decoder raises
            raise CellSimError(
                f"{self.source or self.name} can no longer be read ({error}): check that the file is still there."
            ) from error
        return np.array(part, dtype=np.float32)

    def crop(self, y0: int, y1: int, x0: int, x1: int) -> TimeLapse:
        """Return the rows y0 … y1-1 and columns x0 … x1-1 of every frame, with origin and placement moved along.

        Raises
        ------
        CellSimError
            If the rectangle is empty or leaves the picture.
        """
        if not (0 <= y0 < y1 <= self.height and 0 <= x0 < x1 <= self.width):
            raise CellSimError(
                f"The rectangle of rows {y0}-{y1} and columns {x0}-{x1} does not lie inside {self.name}, "
                f"which has {self.height} rows and {self.width} columns."
            )
        return replace(
            self,
            frames=self.frames[..., y0:y1, x0:x1],
            origin=(self.origin[0] + y0, self.origin[1] + x0),
            layer=None if self.layer is None else self.layer.shifted({"Y": y0, "X": x0}),
        )

    def select(self, channel: int = 0, plane: int = 0) -> TimeLapse:
        """Return one channel and focal plane as a movie (T, 1, 1, Y, X), placed where they lie in this one.

        Raises
        ------
        CellSimError
            If the channel or the plane does not exist.
        """
        self._check_channel_and_plane(channel, plane)
        return replace(
            self,
            frames=self.frames[:, channel : channel + 1, plane : plane + 1],
            channel_names=(self.channel_names[channel],),
            layer=self.placement.shifted({"C": channel, "Z": plane}),
        )

    def with_calibration(
        self, *, pixel_size: float | None = None, interval: float | None = None
    ) -> TimeLapse:
        """Return the movie with the given µm per pixel or minutes per frame; what is None stays as it is."""
        return replace(
            self,
            pixel_size=self.pixel_size if pixel_size is None else float(pixel_size),
            interval=self.interval if interval is None else float(interval),
        )

    def _check_channel_and_plane(self, channel: int, plane: int) -> None:
        for kind, value, count in (("channel", channel, self.n_channels), ("plane", plane, self.n_planes)):
            if not 0 <= value < count:
                raise CellSimError(f"{self.name} has no {kind} {value}: it has {count}, numbered from 0.")
