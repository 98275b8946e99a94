"""Progress bar, time left, Cancel button and message line: one row of widgets that every dock shows its jobs in."""

from __future__ import annotations

import time
from typing import Literal

from napari.utils.notifications import notification_manager, show_error
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ..base import CellSimError, Event, Progress
from .jobs import Job, JobError, seconds_left


def format_seconds(seconds: float) -> str:
    """Return a duration in words, such as ``"40 s"``, ``"3 min"`` or ``"1 h 20 min"``."""
    if seconds < 1:
        return "under a second"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class JobBar(QWidget):
    """Shows one job at a time: how far it is, how long it will take, a way to stop it, and what came of it.

    Parameters
    ----------
    what : str
        What the jobs of this bar do, in one word, for the Cancel button's tooltip (``"forecast"``).
    stays : bool
        Whether a cancelled job leaves what it has made so far, which the tooltip then says.
    """

    def __init__(self, what: str, parent: QWidget | None = None, *, stays: bool = False) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self.bar = QProgressBar()
        self.bar.setAccessibleName(f"Progress of the {what}")
        self.bar.setToolTip(f"How much of the {what} is done")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setAccessibleName(f"Cancel the {what}")
        self.cancel_button.setToolTip(f"Stop the {what}" + "; what has been computed so far stays" * stays)
        self.cancel_button.clicked.connect(self.cancel)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setAccessibleName(f"State of the {what}")
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.label)
        self._show_controls(False)

    @property
    def job(self) -> Job | None:
        """The running job, if any."""
        return self._job

    @property
    def message(self) -> str:
        """The text of the message line."""
        return self.label.text()

    def follow(self, job: Job) -> None:
        """Show a job that has just been started."""
        self._job = job
        self.bar.setRange(0, 0)
        self.cancel_button.setEnabled(True)
        self.cancel_button.setText("Cancel")
        self._show_controls(True)
        self.say(f"{job.name}: starting…")
        job.happened.connect(self._on_event)
        job.finished.connect(self._on_finished)

    def cancel(self) -> None:
        """Stop the running job, if any."""
        if self._job is None:
            return
        self._job.cancel()
        self.cancel_button.setEnabled(False)
        self.cancel_button.setText("Cancelling…")

    def say(self, text: str, kind: Literal["info", "warning"] = "info") -> None:
        """Write one line under the bar."""
        self.label.setText(f"⚠ {text}" if kind == "warning" else text)
        self.label.setVisible(bool(text))

    def show_error(self, error: BaseException) -> None:
        """Say what went wrong: one sentence here and as a napari notification, the traceback only for real bugs."""
        if isinstance(error, (CellSimError, JobError)):
            self.say(str(error), "warning")
            show_error(str(error))
            return
        self.say(
            f"An unexpected error stopped the work ({type(error).__name__}: {error}); please report it.",
            "warning",
        )
        notification_manager.receive_error(type(error), error, error.__traceback__)

    def _show_controls(self, visible: bool) -> None:
        self.bar.setVisible(visible)
        self.cancel_button.setVisible(visible)

    def _on_event(self, event: Event) -> None:
        if self._job is None or not isinstance(event, Progress):
            return
        self.bar.setRange(0, max(event.total, 0))
        self.bar.setValue(event.done)
        left = seconds_left(event, time.monotonic() - self._job.started)
        parts = [event.message or self._job.name]
        if left is not None and event.done < event.total:
            parts.append(f"{'about ' if left >= 1 else ''}{format_seconds(left)} left")
        self.say(" – ".join(parts))

    def _on_finished(self) -> None:
        job, self._job = self._job, None
        self._show_controls(False)
        if job is None:
            return
        if job.status == "cancelled":
            self.say(f"{job.name} was cancelled.")
        elif job.status == "failed" and job.error is not None:
            self.show_error(job.error)
        else:
            self.say(f"{job.name} finished in {format_seconds(time.monotonic() - job.started)}.")
