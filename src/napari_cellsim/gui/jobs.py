"""Run a Qt-free job in a napari thread worker and hear of it on the GUI thread.

A *job* is a generator that yields `base.Event` and returns its result. It never sees Qt: it gets a `JobToken`, which it
polls. Its events go into an overwriting slot that a timer on the GUI thread empties, because Qt signals sent at every
yield pile up faster than a busy GUI can answer them.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from napari.qt.threading import FunctionWorker, create_worker
from qtpy.QtCore import QEventLoop, QObject, QTimer, Signal

from ..base import CellSimError, Event, JobCancelled, JobToken, Progress

POLL_MS = 50
"""How often the GUI thread looks for news of a job, in milliseconds."""
_BREATH_MS = 5  # between two steps of showing a result
RELIEF = "close other programs"
"""What to do about a full memory where the job has no better advice."""

Status = Literal["running", "succeeded", "failed", "cancelled"]
JobFactory = Callable[[JobToken], "Generator[Event, None, Any] | Any"]
Finish = Callable[[Any], Iterator[None]]

_log = logging.getLogger(__name__)


class JobError(Exception):
    """A job failed inside a numerical library; the message says how, in one sentence.

    `RuntimeError` is turned into this class because napari's workers treat it as a sign that their own Qt object is
    gone and stay silent, while torch raises it for most of what can go wrong.
    """


class EventSlot:
    """Holds the newest event of each class, and every event of the classes in `keep`; safe to use from two threads.

    Parameters
    ----------
    keep : tuple of type
        Event classes of which none may be lost, such as finished frames.
    """

    def __init__(self, keep: tuple[type[Event], ...] = ()) -> None:
        self._keep = keep
        self._events: list[Event] = []
        self._lock = threading.Lock()

    def put(self, event: Event) -> None:
        """Store an event, replacing the waiting one of its class unless that class is kept."""
        with self._lock:
            if not isinstance(event, self._keep):
                self._events = [waiting for waiting in self._events if type(waiting) is not type(event)]
            self._events.append(event)

    def take(self) -> list[Event]:
        """Return what is waiting, oldest first, and forget it."""
        with self._lock:
            events, self._events = self._events, []
        return events


@dataclass
class _Outcome:
    status: Status
    result: Any = None
    error: BaseException | None = None


class _Task:
    """What the worker thread runs; drops the job and its data as soon as it is done.

    napari keeps every worker's function in its task list for as long as the window lives.
    """

    def __init__(self, name: str, factory: JobFactory, token: JobToken, slot: EventSlot, relief: str) -> None:
        self.name = name
        self.relief = relief
        self.token = token
        self.slot = slot
        self.outcome: _Outcome | None = None
        self._factory: JobFactory | None = factory

    def __repr__(self) -> str:  # napari shows this in its "tasks are still running" question
        return f"CellSim: {self.name}"

    def __call__(self) -> None:
        factory, self._factory = self._factory, None
        assert factory is not None
        try:
            self.token.check()
            outcome = _Outcome("succeeded", self._drive(factory))
        except JobCancelled as cancelled:
            outcome = _Outcome("cancelled", error=cancelled)
        except Exception as error:
            # once somebody pressed Cancel, what breaks on the way out interests nobody
            status: Status = "cancelled" if self.token.cancelled else "failed"
            outcome = _Outcome(status, error=as_job_error(error, self.name, self.relief))
        del factory
        self.outcome = outcome

    def _drive(self, factory: JobFactory) -> Any:
        job = factory(self.token)
        if not inspect.isgenerator(job):
            return job
        with contextlib.closing(
            job
        ):  # so that its `finally` runs here, not on the GUI thread at garbage collection
            while True:
                try:
                    event = next(job)
                except StopIteration as stop:
                    return stop.value
                self.slot.put(event)
                self.token.check()


def as_job_error(error: BaseException, name: str, relief: str = RELIEF) -> BaseException:
    """Turn what a job raised into something to show; `CellSimError` and errors nobody foresaw pass unchanged.

    Parameters
    ----------
    error : BaseException
        What was raised.
    name : str
        The job, for people, such as ``"Forecast of movie"``.
    relief : str
        What to do so that it needs less memory, such as ``"choose a smaller region"``.

    Returns
    -------
    BaseException
        `CellSimError` for lack of memory and for a torch that cannot be loaded, `JobError` for any other
        `RuntimeError`, otherwise `error` itself; the original is its ``__cause__``.
    """
    text = str(error).strip()
    shown: BaseException
    if (
        isinstance(error, MemoryError)
        or "out of memory" in text.lower()
        or "can't allocate memory" in text.lower()
    ):
        where = "graphics card" if "cuda" in text.lower() or "mps" in text.lower() else "computer"
        other = ", or set Device to cpu" if where == "graphics card" else ""
        shown = CellSimError(
            f"{name} stopped because the {where} ran out of memory; {relief}{other}, then run again."
        )
    elif isinstance(error, (ImportError, OSError)) and ("torch" in text.lower() or "c10" in text.lower()):
        shown = CellSimError(
            f"{name} needs PyTorch, which could not be loaded ({text.splitlines()[0]}); reinstall torch and, on "
            "Windows, the newest Microsoft Visual C++ Redistributable, then restart napari."
        )
    elif isinstance(error, RuntimeError):
        first = text.splitlines()[0] if text else type(error).__name__
        shown = JobError(f"{name} failed: {first}")
    else:
        return error
    shown.__cause__ = error
    return shown


class JobWorker(FunctionWorker):
    """napari's thread worker, whose `quit` (called when the window closes) cancels through the token."""

    _func: _Task

    def quit(self) -> None:
        """Ask the job to stop."""
        self._func.token.cancel()
        super().quit()

    def _relay_warning(self, show_warn_args: tuple) -> None:
        # libraries warn of their own affairs; what concerns the user is an event or an error of the job
        _log.debug("warning in a job: %s", show_warn_args[0])


_running: set[Job] = set()


class Job(QObject):
    """Handle of a running job; lives on the GUI thread and outlives the dock that started it.

    Attributes
    ----------
    happened : Signal
        Emitted on the GUI thread with each event.
    finished : Signal
        Emitted once, after `status`, `result` and `error` are set.
    status : {"running", "succeeded", "failed", "cancelled"}
        How it stands.
    result : object
        What the job returned, or None.
    error : BaseException or None
        Why it did not succeed.
    token : JobToken
        Cancels and pauses the job.
    """

    happened = Signal(object)
    finished = Signal()

    def __init__(
        self,
        factory: JobFactory,
        name: str,
        keep: tuple[type[Event], ...],
        finish: Finish | None,
        relief: str,
    ) -> None:
        super().__init__()
        self.name = name
        self.token = JobToken()
        self.status: Status = "running"
        self.result: Any = None
        self.error: BaseException | None = None
        self.started = time.monotonic()
        self._task = _Task(name, factory, self.token, EventSlot(keep), relief)
        self._finish = finish
        self._steps: Iterator[None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)

    def cancel(self) -> None:
        """Ask the job to stop; `finished` follows when it has."""
        self.token.cancel()

    def wait(self, timeout: float | None = None) -> Any:
        """Keep the GUI alive until the job ends and return its result.

        Parameters
        ----------
        timeout : float or None
            Longest time to wait, in seconds.

        Returns
        -------
        object
            The result.

        Raises
        ------
        TimeoutError
            If the job still runs after `timeout`; it goes on running.
        CellSimError, JobError, JobCancelled, Exception
            What ended the job.
        """
        if self.status == "running":
            loop = QEventLoop()
            self.finished.connect(loop.quit)
            if timeout is not None:
                alarm = QTimer(loop)
                alarm.setSingleShot(True)
                alarm.timeout.connect(loop.quit)
                alarm.start(round(timeout * 1000))
            loop.exec_()
        if self.status == "running":
            raise TimeoutError(f"{self.name} is still running after {timeout} s.")
        if self.error is not None:
            raise self.error
        return self.result

    def _start(self, listed: bool) -> None:
        _running.add(self)
        if listed:
            worker = create_worker(self._task, _worker_class=JobWorker, _start_thread=False)
        else:
            worker = JobWorker(self._task)
        worker.start()
        self._timer.start()

    def _poll(self) -> None:
        if self._steps is not None:
            self._finish_step()
            return
        outcome = self._task.outcome  # read before the events, so that the last of them are not missed
        for event in self._task.slot.take():
            self.happened.emit(event)
        if outcome is None:
            return
        self._task.outcome = None
        self.result, self.error = outcome.result, outcome.error
        finish, self._finish = self._finish, None
        if outcome.status == "succeeded" and finish is not None:
            self._steps = finish(outcome.result)
            self._take_turns()
        else:
            self._end(outcome.status)

    def _finish_step(self) -> None:
        assert self._steps is not None
        if self.token.cancelled:  # the dock may be gone
            self.error = JobCancelled("The job was cancelled.")
            self._end("cancelled")
            return
        try:
            next(self._steps)
        except StopIteration:
            self._end("succeeded")
        except Exception as error:
            self.error = error
            self._end("failed")
        else:
            self._take_turns()

    def _take_turns(self) -> None:
        # A timer, because calls posted from calls would keep everything else waiting; started anew after each step,
        # because a repeating one is due again as soon as a long step ends and would go first once more.
        self._timer.setSingleShot(True)
        self._timer.start(_BREATH_MS)

    def _end(self, status: Status) -> None:
        self._timer.stop()
        self._steps = None
        self.status = status
        _running.discard(self)
        self.finished.emit()


def start_job(
    factory: JobFactory,
    name: str,
    *,
    keep: tuple[type[Event], ...] = (),
    finish: Finish | None = None,
    listed: bool = True,
    relief: str = RELIEF,
) -> Job:
    """Start a job in a thread worker.

    Parameters
    ----------
    factory : callable
        Called in the worker thread with a `JobToken`; returns a generator of events, or the result itself where the
        work is short. It must hold no widget, layer or viewer: hand it arrays and values.
    name : str
        What is being done, for people.
    keep : tuple of type
        Event classes of which none may be lost; of all others only the newest is delivered.
    finish : callable
        Called on the GUI thread with the result of a job that succeeded; returns a generator, of which one step is
        taken per turn of the event loop, so that much to display does not stop the GUI. `Job.finished` comes last.
    listed : bool
        Whether napari lists the job among its tasks and asks before it closes; not for a job that only looks on.
    relief : str
        What the user can do should the memory be full, as for `as_job_error`.

    Returns
    -------
    Job
        Its handle. Connect to its signals before returning to the event loop.
    """
    job = Job(factory, name, keep, finish, relief)
    job._start(listed)
    return job


def running_jobs() -> list[Job]:
    """Return the jobs that have not ended."""
    return list(_running)


def seconds_left(progress: Progress, elapsed: float) -> float | None:
    """Return the time to the end, in seconds: the job's own estimate, else by proportion; None when unknown."""
    if progress.seconds_left is not None:
        return progress.seconds_left
    if progress.done <= 0 or progress.total <= 0:
        return None
    return elapsed * (progress.total - progress.done) / progress.done
