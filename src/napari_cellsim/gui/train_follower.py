"""Follows one run: what it writes goes to the curves, the preview layer and the models; what is asked goes to it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QThreadPool, Signal
from qtpy.QtWidgets import QWidget

from ..base import CellSimError, Event
from ..training.run_folder import RunFolder
from ..training.runs import ACTIVE
from ..training.supervision import PreviewSeen, Recorded, StateSeen
from . import model_list
from . import train_work as work
from .jobs import Job, start_job
from .links import Links
from .train_preview import PreviewLayer
from .train_view import TrainView

_LEAVE_MS = 1000  # the thread looks whether it is still wanted four times a second


class TrainFollower(QObject):
    """Connects a run folder with the Train dock.

    Parameters
    ----------
    viewer : napari.Viewer
        Shows the previews.
    view : TrainView
        Shows everything else.
    dock : QWidget
        When it goes, the following ends, and the training goes on.

    Attributes
    ----------
    ended : Signal
        Emitted when the following has ended, and everything is shown.
    run : Path or None
        The run that is shown.
    job : Job or None
        What follows it; None when it has ended.
    """

    ended = Signal()

    def __init__(self, viewer: Any, view: TrainView, dock: QWidget) -> None:
        super().__init__(dock)
        self._viewer = viewer
        self._view = view
        self._preview = PreviewLayer(viewer)
        self._links = Links(dock)
        self.run: Path | None = None
        self.job: Job | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._state = StateSeen("", 0, 0.0)

    @property
    def status(self) -> str:
        """Status of the run, as seen last."""
        return self._state.status

    @property
    def running_name(self) -> str:
        """Name of the run while a process works on it, else ""."""
        active = self.job is not None and self.run is not None and self.status in ACTIVE
        return self.run.name if active and self.run is not None else ""

    def follow(self, run: Path, process: subprocess.Popen[bytes] | None) -> Job:
        """Show a run from its beginning, and follow it, and those that follow on it, to the end.

        Parameters
        ----------
        run : Path
            Run folder.
        process : subprocess.Popen or None
            Its process, if it was started here.
        """
        if self.job is not None:
            self.job.cancel()
        self.run, self._process = run, process
        self._state = StateSeen("starting" if process else "", 0, 0.0)
        self._view.progress.forget(run.name)
        self._preview.start(run.name)
        job = start_job(
            lambda token: work.watch_job(run, process, token),
            f"Training {run.name}",
            keep=(Recorded,),
            listed=False,
        )
        self.job = job
        self._links.running_job = job.token
        job.happened.connect(self._happened)
        job.finished.connect(self._finished)
        return job

    def ask(self, command: str) -> None:
        """Ask the run to "run", "pause", "stop" or "cancel".

        Raises
        ------
        CellSimError
            If no run is followed that could answer.
        """
        if self.run is None or not self.running_name:
            raise CellSimError("No training is running; choose one in the list of runs, or start one.")
        RunFolder(self.run).control(command)
        said = {"run": "goes on", "pause": "pauses after this step", "stop": "stops and keeps its model"}
        self._view.bar.say(f"{self.run.name} {said.get(command, 'is being cancelled')}…")

    def leave(self) -> None:
        """Follow no more, and wait for the thread that did: napari is about to go, and Qt with it."""
        if self.job is not None:
            self.job.cancel()
            QThreadPool.globalInstance().waitForDone(_LEAVE_MS)

    def toggle_pause(self) -> None:
        """Pause the run, or let it go on."""
        self.ask("run" if self.status == "paused" else "pause")

    def set_theme(self, theme: str) -> None:
        """Take over the colours of a napari theme."""
        if self._view.progress.plot is not None:
            self._view.progress.plot.set_theme(theme)

    def _happened(self, event: Event) -> None:
        if self.sender() is not self.job or self.run is None:  # what was followed before
            return
        progress = self._view.progress
        if isinstance(event, Recorded):
            progress.make_plot(self._viewer.theme)
            if event.afresh:
                progress.curves.clear()
            progress.curves.add(event.events)
            progress.show_numbers()
            progress.draw()
        elif isinstance(event, StateSeen):
            self._state = event
            progress.show_state(self.run.name, event)
        elif isinstance(event, PreviewSeen):
            progress.monitors.show_preview(event.picture)
            if progress.previews.isChecked():
                self._preview.show(event.picture, event.step)

    def _finished(self) -> None:
        job = self.sender()
        if job is not self.job or job is None or self.run is None:
            return
        self.job = None
        self._view.progress.show_buttons("")
        if job.status == "failed" and job.error is not None:
            self._view.progress.show_ending(self.run.name, str(job.error))
            self._view.bar.show_error(job.error)
        elif job.status == "succeeded":
            self._show_ending(self.run.name, job.result)
            following = job.result.ended.following
            if following is not None:
                self.follow(following, self._process)
        self.ended.emit()

    def _show_ending(self, name: str, followed: work.Followed) -> None:
        if followed.ended.status == "cancelled":
            self._view.bar.say(f"{name} was cancelled; Resume in the list of runs goes on with it.")
            return
        if followed.model is None:
            self._view.bar.say(f"{name} is {followed.ended.status}, but its model is missing.", "warning")
            return
        entry = model_list.open_file(followed.model)
        self._view.bar.say(
            f"{name} is {followed.ended.status}; its model {entry.name} is ready to use in all docks."
        )
