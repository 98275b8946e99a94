"""Changes one picture while sliders move: the newest wish wins, and every answer is shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from ..base import Event, JobToken
from .generate_request import Computing
from .generate_work import EditSession
from .jobs import Job, start_job

if TYPE_CHECKING:
    from ..generation import Generated

_LINGER = (
    0.5  # s without a wish after which the worker ends, so that napari does not ask about it when it closes
)
_PAUSE = 0.005  # s between two looks for a wish


@dataclass(frozen=True)
class EditWish:
    """A picture and how far to move it along each direction, in standard deviations."""

    computing: Computing
    picture: Generated
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Edited(Event):
    """A changed picture.

    Attributes
    ----------
    wish : EditWish
        What was asked for.
    picture : Generated
        The answer, one picture.
    variances : tuple of float
        Share of the variance that each direction carries.
    """

    wish: EditWish
    picture: Generated
    variances: tuple[float, ...]


class WishSlot:
    """Holds the newest wish only; safe to use from two threads."""

    def __init__(self) -> None:
        self._wish: EditWish | None = None
        self._lock = threading.Lock()

    def put(self, wish: EditWish | None) -> None:
        """Replace what is waiting."""
        with self._lock:
            self._wish = wish

    def take(self) -> EditWish | None:
        """Return what is waiting, or None, and forget it."""
        with self._lock:
            wish, self._wish = self._wish, None
        return wish

    @property
    def waiting(self) -> bool:
        """Whether a wish is waiting."""
        return self._wish is not None


class LiveEditor(QObject):
    """Answers wishes in a worker thread that lives as long as they keep coming.

    Attributes
    ----------
    edited : Signal
        Emitted on the GUI thread with an `Edited`.
    failed : Signal
        Emitted on the GUI thread with the error.
    """

    edited = Signal(object)
    failed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._slot = WishSlot()
        self._job: Job | None = None

    @property
    def job(self) -> Job | None:
        """The running job, or None."""
        return self._job

    @property
    def token(self) -> JobToken | None:
        """Token of the running job, or None."""
        return None if self._job is None else self._job.token

    def ask(self, wish: EditWish) -> None:
        """Ask for a changed picture; a wish that nobody has begun with is dropped."""
        self._slot.put(wish)
        if self._job is None:
            self._start()

    def forget(self) -> None:
        """Drop what is waiting and stop."""
        self._slot.put(None)
        if self._job is not None:
            self._job.cancel()

    def _start(self) -> None:
        slot = self._slot
        self._job = start_job(lambda token: answer(slot, token), "Changing a picture")
        self._job.happened.connect(self.edited)
        self._job.finished.connect(self._finished)

    def _finished(self) -> None:
        job, self._job = self._job, None
        if job is not None and job.status == "failed":
            self._slot.put(None)
            self.failed.emit(job.error)
        elif self._slot.waiting:  # it came while the worker was leaving
            self._start()


def answer(slot: WishSlot, token: JobToken) -> Generator[Event, None, None]:
    """Answer wishes until none has come for a while.

    Yields
    ------
    Edited
    """
    session: EditSession | None = None
    last: Any = time.monotonic()
    while time.monotonic() - last < _LINGER:
        wish = slot.take()
        if wish is None:
            token.check()
            time.sleep(_PAUSE)
            continue
        if session is None or not session.fits(wish.computing, wish.picture):
            session = EditSession(wish.computing, wish.picture, len(wish.weights), token)
        yield Edited(wish, session.edit(wish.weights, token), session.variances)
        last = time.monotonic()
