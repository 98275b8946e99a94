"""Running a job to its end, and knowing how far it has come."""

from __future__ import annotations

from collections.abc import Generator
from time import monotonic
from typing import TypeVar

from .events import Event, Progress

Result = TypeVar("Result")


def run(job: Generator[Event, None, Result]) -> Result:
    """Run a job to its end and return its result."""
    while True:
        try:
            next(job)
        except StopIteration as stop:
            result: Result = stop.value
            return result


class Clock:
    """Progress over a number of pieces, with the time that is left.

    Parameters
    ----------
    total : int
        Number of pieces.
    what : str
        What is being done, or what a piece is called: "Frame" gives "Frame 3 of 10".
    done : int
        Pieces that were there already; they say nothing about speed.
    """

    def __init__(self, total: int, what: str, done: int = 0) -> None:
        self.total, self.done, self._what = total, done, what
        self._began, self._before = monotonic(), done

    def progress(self, more: int = 0) -> Progress:
        """Return how far the work is after `more` pieces."""
        self.done += more
        fresh = self.done - self._before
        left = (monotonic() - self._began) / fresh * (self.total - self.done) if fresh else None
        return Progress(self.done, self.total, f"{self._what} {self.done} of {self.total}", left)
