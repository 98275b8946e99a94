"""Events that long jobs yield to whoever runs them (dock, command line, script)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Base class of everything that a job yields."""


@dataclass(frozen=True)
class Progress(Event):
    """How far a job has come.

    Parameters
    ----------
    done, total : int
        Units of work finished and units in all, ``0 <= done <= total``.
    message : str
        What is being done, for people.
    seconds_left : float or None
        Estimated time to the end, in seconds; None while unknown.
    """

    done: int
    total: int
    message: str = ""
    seconds_left: float | None = None
