"""The layer in which predicted frames appear while they are being computed."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from ..base import Event
from ..forecasting import FrameReady
from ..forecasting.layers import SAMPLE_AXIS
from .painting import PaintingPause
from .viewer_state import shape_of

if TYPE_CHECKING:
    from napari.layers import Image
    from qtpy.QtWidgets import QWidget

    from .forecast_request import ForecastRequest

_BREATH_MS = 5  # between adding the layer and painting it
_PATIENCE = 1.0  # s; no forecast waits longer than this for its first frame to be shown


def in_step(job: Generator[Event, None, Any], shown: threading.Event) -> Generator[Event, None, Any]:
    """Pass on the events and the result of a forecast, which waits once: until its first frame is `shown`.

    Adding the layer takes napari longest of all; with the forecast on all cores beside it, three times as long.
    """
    with closing(job):
        while True:
            try:
                event = next(job)
            except StopIteration as stop:
                return stop.value
            yield event
            if isinstance(event, FrameReady):
                shown.wait(_PATIENCE)


class LiveMovie(QObject):
    """A temporary image layer that continues a movie on its own time slider and grows frame by frame.

    The array is allocated once; what is not yet predicted is NaN. Several samples lie along an axis in front, as in the
    finished layer. The time slider follows the newest frame until the user moves it; the sample is the user's choice.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer goes.
    movie : Image
        The input layer, which lends axes, calibration and display settings.
    request : ForecastRequest
        Says how many frames will come, where they begin, and which regions they cover.
    axes : str
        Axis letters of the movie layer, T first.
    widget : QWidget
        Any widget of the viewer's window.

    Attributes
    ----------
    shown : threading.Event
        Set once the first frame is on the screen.
    """

    def __init__(
        self, viewer: Any, movie: Image, request: ForecastRequest, axes: str, widget: QWidget
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._widget = widget
        size = shape_of(movie)
        self._regions = request.regions or [(0, size[-2], 0, size[-1])]
        self._top = min(region[0] for region in self._regions), min(region[2] for region in self._regions)
        height = max(region[1] for region in self._regions) - self._top[0]
        width = max(region[3] for region in self._regions) - self._top[1]
        samples = (request.samples,) if request.samples > 1 else ()
        self._array = np.full(
            (*samples, request.steps, *(1,) * (movie.ndim - 3), height, width), np.nan, dtype=np.float32
        )
        start = {
            "T": request.at + 1,
            "C": request.channel,
            "Z": request.plane,
            "Y": self._top[0],
            "X": self._top[1],
        }
        self.display = {
            "colormap": movie.colormap,
            "contrast_limits": tuple(movie.contrast_limits),
            "gamma": movie.gamma,
        }
        first = [t + s * start[axis] for t, s, axis in zip(movie.translate, movie.scale, axes, strict=True)]
        self._meta = {"name": f"predicted (running) {movie.name}", **self.display}
        for key, own, rest in (
            ("scale", 1.0, movie.scale),
            ("translate", 0.0, first),
            ("units", "pixel", movie.units),
            ("axis_labels", SAMPLE_AXIS, movie.axis_labels),
        ):
            self._meta[key] = [*(own for _ in samples), *rest]
        self._several = bool(samples)
        self._first_time = float(first[0])
        self._interval = float(movie.scale[0])
        self._time_axis = -movie.ndim
        self._layer: Image | None = None
        self._done = 0
        self._following = True
        self._shown_at: float | None = None
        self._pending = False
        self.shown = threading.Event()

    @property
    def layer(self) -> Image | None:
        """The layer, once the first frame is there and until the user deletes it."""
        return self._layer if self._layer is not None and self._layer in self._viewer.layers else None

    def write(self, step: int, region: int, frame: np.ndarray, sample: int = 0) -> None:
        """Take a frame (Y, X) of a region; it is drawn when the event loop is next idle."""
        y0, y1, x0, x1 = self._regions[region]
        top, left = self._top
        which = (sample, step) if self._several else (step,)
        self._array[(*which, ..., slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))] = frame
        self._done = max(self._done, step + 1)
        if not self._pending:
            self._pending = True
            QTimer.singleShot(0, self._draw)

    def rename(self, ending: str) -> None:
        """Say in the layer's name what became of it."""
        if self._pending:
            self._draw()
        if (layer := self.layer) is not None:
            layer.name = layer.name.replace("predicted (running)", ending)

    def become(self, data: np.ndarray, meta: dict[str, Any]) -> bool:
        """Turn the layer into the finished frames; return False if there is none (any more) to turn.

        Removing it and adding another one would cost most of a second in napari.

        Parameters
        ----------
        data : ndarray
            The frames in the layer's axes.
        meta : dict
            ``name``, ``scale``, ``translate`` and ``metadata`` of the finished layer.
        """
        self._pending = False
        if (layer := self.layer) is None:
            return False
        layer.data = data
        for key in ("name", "scale", "translate", "metadata"):
            setattr(layer, key, meta[key])
        return True

    @property
    def _frames(self) -> np.ndarray:
        """The frames up to the newest step of any sample."""
        return self._array[:, : self._done] if self._several else self._array[: self._done]

    def _draw(self) -> None:
        if not self._pending:
            return
        self._pending = False
        if self._layer is None:
            self._pause = PaintingPause(self._widget)
            QTimer.singleShot(_BREATH_MS, self._show)
            self._layer = self._viewer.add_image(self._frames, **self._meta)
        elif self.layer is None:  # the user deleted it, and is obeyed
            return
        else:
            self._layer.data = self._frames
        self.follow(self._first_time + self._interval * (self._done - 1))

    def _show(self) -> None:
        self._pause.end()
        QTimer.singleShot(_BREATH_MS, self.shown.set)  # painted then

    def follow(self, world_time: float) -> None:
        """Move the time slider, unless the user has moved it since this layer last did."""
        dims = self._viewer.dims
        axis = dims.ndim + self._time_axis
        if self._shown_at is not None and abs(dims.point[axis] - self._shown_at) > abs(self._interval) / 2:
            self._following = False
        if self._following:
            dims.set_point(axis, world_time)
            self._shown_at = dims.point[axis]
