"""Connections of a dock to things that outlive it, cut when the dock goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from ..base import JobToken


class Links(QObject):
    """Connects signals to a widget's methods until the widget is destroyed or taken out of its dock.

    Without it, a closed dock whose Python half is still alive would answer events with deleted Qt objects.

    Parameters
    ----------
    widget : QWidget
        Owner of the slots.

    Attributes
    ----------
    running_job : JobToken or None
        The job that the widget last started; it is cancelled when the links are cut.
    last : list of callable
        What else is to be done then.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.running_job: JobToken | None = None
        self.last: list[Callable[[], None]] = []
        self._links: list[tuple[Any, Callable[..., Any]]] = []
        self._had_parent = False
        cut = self.cut
        widget.destroyed.connect(
            lambda _=None: cut()
        )  # a lambda, because Qt drops bound methods of the dying
        widget.installEventFilter(self)

    def add(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a napari or psygnal signal."""
        signal.connect(slot)
        self._links.append((signal, slot))

    def cut(self) -> None:
        """Disconnect everything; harmless when repeated."""
        links, self._links = self._links, []
        for signal, slot in links:
            try:
                signal.disconnect(slot)
            except (ValueError, RuntimeError):  # already gone
                continue
        if self.running_job is not None:
            self.running_job.cancel()
        last, self.last = self.last, []
        for action in last:
            with suppress(RuntimeError):  # its Qt object is gone
                action()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice that napari takes the widget out of its dock (the dock's close button does that)."""
        if event.type() == QEvent.Type.ParentChange and isinstance(watched, QWidget):
            if watched.parent() is not None:
                self._had_parent = True
            elif self._had_parent:
                self.cut()
        return False
