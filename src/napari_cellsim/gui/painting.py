"""Change a window a lot without stopping the event loop for long: paint in a turn of its own."""

from __future__ import annotations

from contextlib import suppress

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMainWindow, QWidget

_BREATH_MS = 5  # between a change and its painting


class PaintingPause:
    """Keeps the window that a widget is in from being painted until `end`.

    napari takes 50 to 80 ms to add a layer (controls, visuals, dims) and with a software renderer as long again to
    paint the window afterwards. Qt paints before it looks at anything else, so both together would be one stall of the
    event loop; with a pause, somebody's click or key press is answered between them.

    Parameters
    ----------
    widget : QWidget
        Of the window; one that is in no window pauses nothing.
    """

    def __init__(self, widget: QWidget) -> None:
        window: QWidget | None = widget
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        self._window = window if window is not None and window.updatesEnabled() else None
        if self._window is not None:
            self._window.setUpdatesEnabled(False)

    def end(self) -> None:
        """Let Qt paint what has changed, in its next turn; harmless when repeated."""
        window, self._window = self._window, None
        if window is not None:
            with suppress(RuntimeError):  # the window was closed meanwhile
                window.setUpdatesEnabled(True)


def paint_later(widget: QWidget) -> None:
    """Let the window that a widget is in be painted in a turn of its own, after whatever this turn changes."""
    pause = PaintingPause(widget)
    QTimer.singleShot(_BREATH_MS, lambda: pause.end())  # Qt would hold its method only weakly
