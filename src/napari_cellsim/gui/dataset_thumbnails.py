"""Small pictures of windows, made in a worker when they are first looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtGui import QImage, QPixmap

from ..base import Event
from ..datasets import CropStore, Window
from .dataset_review_work import strip
from .jobs import Job, start_job

SIDE = 88  # px, so that three stand side by side in a dock of 300 px
ICON = 36  # px, in the table
_AT_ONCE = 12  # thumbnails per job: what was scrolled past meanwhile is not waited for
_KEPT = 2000  # thumbnails of 23 kB
_DELAY_MS = 30


@dataclass(frozen=True)
class StripReady(Event):
    """First, middle and last frame of a window, (3, side, side) 8-bit grey."""

    name: str
    frames: np.ndarray


class Thumbnails(QObject):
    """Makes thumbnails on request, the newest request first, and keeps the latest.

    Attributes
    ----------
    ready : Signal
        Emitted with the id of a window whose thumbnail has come.
    """

    ready = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._store: CropStore | None = None
        self._view: tuple[int, int | None] = (0, None)
        self._wanted: OrderedDict[str, Window] = OrderedDict()
        self._made: OrderedDict[str, tuple[QPixmap, list[QPixmap]]] = OrderedDict()
        self._unreadable: set[str] = set()
        self._job: Job | None = None
        self._timer = QTimer(self, singleShot=True, interval=_DELAY_MS)
        self._timer.timeout.connect(self._start)

    def show(self, store: CropStore, channel: int, plane: int | None) -> None:
        """Take the pictures from this store, channel and focal plane (None: the middle one)."""
        if self._store is store and self._view == (channel, plane):
            return
        self.stop()
        self._store, self._view = store, (channel, plane)
        self._made.clear()
        self._unreadable.clear()

    def stop(self) -> None:
        """Make no more."""
        self._wanted.clear()
        self._timer.stop()
        job, self._job = self._job, None
        if job is not None:
            job.cancel()

    def icon(self, window: Window) -> QPixmap | None:
        """Return the middle frame, or None and make it."""
        made = self._of(window)
        return None if made is None else made[0]

    def frames(self, window: Window) -> list[QPixmap] | None:
        """Return first, middle and last frame, or None and make them."""
        made = self._of(window)
        return None if made is None else made[1]

    def _of(self, window: Window) -> tuple[QPixmap, list[QPixmap]] | None:
        made = self._made.get(window.id)
        if made is None and self._store is not None and window.id not in self._unreadable:
            self._wanted[window.id] = window
            self._wanted.move_to_end(window.id)
            if self._job is None and not self._timer.isActive():
                self._timer.start()
        return made

    def _start(self) -> None:
        store, (channel, plane) = self._store, self._view
        if store is None or not self._wanted or self._job is not None:
            return
        batch = [self._wanted.popitem()[1] for _ in range(min(_AT_ONCE, len(self._wanted)))]

        def work(token: Any) -> Generator[Event, None, None]:
            for window in batch:
                token.check()
                try:
                    frames = strip(store, window, channel, plane, SIDE)
                except (
                    Exception
                ):  # a damaged store makes its decoders raise almost anything; opening it says what
                    frames = np.zeros((0, SIDE, SIDE), np.uint8)
                yield StripReady(window.id, frames)

        self._job = start_job(work, "Thumbnails", keep=(StripReady,))
        self._job.happened.connect(self._take)
        self._job.finished.connect(self._finished)

    def _take(self, event: Event) -> None:
        if self._job is None or self.sender() is not self._job or not isinstance(event, StripReady):
            return
        self._wanted.pop(event.name, None)
        if not len(event.frames):
            self._unreadable.add(event.name)
            return
        frames = [_pixmap(frame, SIDE) for frame in event.frames]
        self._made[event.name] = (_pixmap(event.frames[1], ICON), frames)
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
        self.ready.emit(event.name)

    def _finished(self) -> None:
        if self.sender() is self._job:
            self._job = None
            if self._wanted:
                self._start()


def _pixmap(grey: np.ndarray, side: int) -> QPixmap:
    grey = np.ascontiguousarray(grey)
    height, width = grey.shape
    image = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(image).scaled(
        side, side, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
