"""What docks share whose work is done by jobs, one at a time."""

from __future__ import annotations

from typing import Any, ClassVar

from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ..base import CellSimError, Event
from .jobs import RELIEF, Finish, Job, JobFactory, start_job
from .links import Links

_BUSY = "A job is still running in this dock; wait for it or press Cancel."


class JobDock(QWidget):
    """Dock with one view, whose ``bar`` shows the job that runs.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose layers are used.

    Attributes
    ----------
    kept : tuple of type
        Event classes of which none may be lost.
    relief : str
        What to do should the memory be full, as for `start_job`.
    """

    kept: ClassVar[tuple[type[Event], ...]] = ()
    relief: ClassVar[str] = RELIEF
    _view: Any

    def __init__(self, napari_viewer) -> None:
        super().__init__()
        # napari hands a proxy, which wraps layers anew at every access, so that no two of them are the same
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._somebody_is_here = False
        self._links = Links(self)
        # napari would fill a dock that does not expand with empty space
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _fill(self, view: QWidget) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(view)

    @property
    def job(self) -> Job | None:
        """The running job, or None."""
        return self._view.bar.job

    @property
    def message(self) -> str:
        """The line under the progress bar."""
        return self._view.bar.message

    def cancel(self) -> None:
        """Stop what is running; what was made so far stays in its layer."""
        self._view.bar.cancel()

    def enterEvent(self, event) -> None:
        """Somebody is about to work here: from now on torch may be loaded (in a worker)."""
        if not self._somebody_is_here:
            self._somebody_is_here = True
            self._somebody_came()
        super().enterEvent(event)

    def _somebody_came(self) -> None:
        """Look for what only torch knows."""

    def _check_idle(self) -> None:
        if self.job is not None:
            raise CellSimError(_BUSY)

    def _start(self, factory: JobFactory, name: str, finish: Finish | None) -> Job:
        self._check_idle()
        job = start_job(factory, name, keep=self.kept, finish=finish, relief=self.relief)
        self._view.follow(job)
        self._links.running_job = job.token
        job.finished.connect(self._job_finished)
        return job

    def _job_finished(self) -> None:
        """Tidy up after the job that is `sender`."""
