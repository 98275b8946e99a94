"""What to do with a training when napari is closed: stop and keep, keep running, or cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal
from weakref import WeakMethod, ref

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget

Answer = Literal["stop", "run", "cancel", "back"]


class CloseGuard(QObject):
    """Asks before the window of a dock is closed by its user.

    Parameters
    ----------
    dock : QWidget
        Whose window is watched.
    running : method
        Returns the name of the training that is running, or "".
    answered : method
        Called with "stop", "run" or "cancel".
    """

    def __init__(self, dock: QWidget, running: Callable[[], str], answered: Callable[[Answer], None]) -> None:
        super().__init__(dock)
        # weak, or dock, window and viewer would keep each other alive after they were closed
        self._running, self._answered = WeakMethod(running), WeakMethod(answered)
        self._window: ref[QMainWindow] | None = None

    def watch(self) -> None:
        """Watch the main window that the dock is in now, floating or not."""
        dock = self.parent()
        above = dock.parentWidget() if isinstance(dock, QWidget) else None
        while above is not None and not isinstance(above, QMainWindow):
            above = above.parentWidget()
        before = None if self._window is None else self._window()
        if above is before:
            return
        if before is not None:
            before.removeEventFilter(self)
        self._window = None if above is None else ref(above)
        if above is not None:
            above.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Answer a request to close the window."""
        mine = self._window is not None and watched is self._window()
        if event.type() != QEvent.Type.Close or not mine or not _can_stay_open(watched):
            return False
        running, answered = self._running(), self._answered()
        name = running() if running is not None else ""
        if not name or answered is None:
            return False
        answer = ask(watched, name)
        if answer == "back":
            event.ignore()
            return True
        answered(answer)
        return False


def ask(window: QWidget, name: str) -> Answer:
    """Ask what to do with the training of that name."""
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("CellSim: a training is running")
    box.setText(f"The training {name} is running.")
    box.setInformativeText(
        "It does not need napari. If it keeps running, you find it again in the Train dock the next time."
    )
    role = QMessageBox.ButtonRole
    buttons: dict[object, Answer] = {
        box.addButton("Stop and keep model", role.AcceptRole): "stop",
        box.addButton("Keep running", role.AcceptRole): "run",
        box.addButton("Cancel training", role.DestructiveRole): "cancel",
    }
    back = box.addButton("Back to napari", role.RejectRole)
    box.setEscapeButton(back)
    box.setDefaultButton(next(button for button, answer in buttons.items() if answer == "run"))
    box.setWindowModality(Qt.WindowModality.WindowModal)
    box.exec_()
    answer = buttons.get(box.clickedButton(), "back")
    box.deleteLater()
    return answer


def _can_stay_open(window: QMainWindow) -> bool:
    """Return False for a window that a script closes with `viewer.close()`: napari has taken it to pieces by then."""
    canvas = window.centralWidget()
    parts = canvas.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return window.isVisible() and any(not part.isHidden() for part in parts)
