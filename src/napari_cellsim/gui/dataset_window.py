"""One window of a store in the viewer; the next one takes its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from ..datasets import CropStore, Window
from .dataset_layers import remove
from .dataset_review_work import window_layers
from .jobs import Job, start_job
from .results import LayerData, add_layers


class WindowLayers(QObject):
    """Shows windows one after the other; of several wishes the newest wins.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers go.
    widget : QWidget
        Any widget of the viewer's window.

    Attributes
    ----------
    problem : Signal
        Emitted with the error if a window cannot be shown.
    """

    problem = Signal(object)

    def __init__(self, viewer: Any, widget: QWidget) -> None:
        super().__init__(widget)
        self._viewer, self._widget = viewer, widget
        self._layers: list[Layer] = []
        self._job: Job | None = None
        self._next: tuple[CropStore, Window] | None = None

    def show(self, store: CropStore, window: Window) -> None:
        """Show a window, at its place in the field of view and in time."""
        self._next = (store, window)
        if self._job is None:
            self._start()

    def stop(self) -> None:
        """Show no more."""
        self._next = None
        if self._job is not None:
            self._job.cancel()

    def _start(self) -> None:
        assert self._next is not None
        (store, window), self._next = self._next, None
        self._job = start_job(
            lambda token: window_layers(store, window), f"Opening {window.sequence}", finish=self._put
        )
        self._job.finished.connect(self._finished)

    def _put(self, layers: list[LayerData]) -> Iterator[None]:
        remove(self._viewer, self._layers)
        self._layers = []
        yield
        for added in add_layers(self._viewer, layers, self._widget):
            if added is not None:
                self._layers.append(added)
            yield
        first = self._layers[0]
        self._viewer.dims.set_point(self._viewer.dims.ndim - first.ndim, float(first.translate[0]))
        yield
        self._viewer.fit_to_view(layers=self._layers, margin=0.02)

    def _finished(self) -> None:
        job, self._job = self._job, None
        if job is not None and job.status == "failed":
            self.problem.emit(job.error)
        if self._next is not None:
            self._start()
