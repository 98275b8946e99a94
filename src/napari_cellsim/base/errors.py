"""Exceptions meant for people."""

from __future__ import annotations


class CellSimError(Exception):
    """Something the user can mend.

    The message is one plain sentence: what is wrong, with which file, layer or value, and what to do.
    The docks and the command line show the message alone, never a traceback.
    """


class JobCancelled(Exception):
    """Raised inside a job by `JobToken.check` after somebody asked it to stop."""
