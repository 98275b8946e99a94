"""Look at the chosen movie and estimate its forecast in the background; the newest question wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from .forecast_request import ForecastRequest, LayerSnapshot
from .forecast_work import preview, read_facts
from .jobs import Job, JobFactory, start_job


class Question(QObject):
    """Asks the same kind of question again and again; answers to questions that are out of date are dropped.

    Parameters
    ----------
    name : str
        What is asked, for people.
    listed : bool
        As for `start_job`.

    Attributes
    ----------
    answered : Signal
        Emitted with the result, or None, and with the error, or None.
    """

    answered = Signal(object, object)

    def __init__(self, name: str, *, listed: bool = True) -> None:
        super().__init__()
        self._name = name
        self._listed = listed
        self._job: Job | None = None
        self._next: JobFactory | None = None

    @property
    def pending(self) -> bool:
        """Whether an answer is still to come."""
        return self._job is not None

    def ask(self, factory: JobFactory) -> None:
        """Ask; an answer that is still to come is dropped."""
        self._next = factory
        if self._job is None:
            self._start()
        else:
            self._job.cancel()

    def forget(self) -> None:
        """Drop the answer that is still to come."""
        self._next = None
        if self._job is not None:
            self._job.cancel()

    def _start(self) -> None:
        assert self._next is not None
        self._job = start_job(self._next, self._name, listed=self._listed)
        self._next = None
        self._job.finished.connect(self._finished)

    def _finished(self) -> None:
        job, self._job = self._job, None
        if self._next is not None:
            self._start()
        elif job is not None and job.status != "cancelled" and not job.token.cancelled:
            self.answered.emit(job.result, job.error)


def facts_question(snapshot: LayerSnapshot, axes: str | None) -> JobFactory:
    """Return the job that looks at a layer and the header of its file."""
    return lambda token: read_facts(snapshot, axes)


def preview_question(request: ForecastRequest) -> Callable[[Any], Any]:
    """Return the job that estimates a forecast."""
    return lambda token: preview(request, token)
