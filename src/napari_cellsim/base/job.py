"""Cooperative cancelling and pausing, without Qt."""

from __future__ import annotations

import threading

from .errors import JobCancelled


class JobToken:
    """Flag shared between a job and whoever may stop it; safe to use from any thread.

    Every loop that can last longer than a second calls `check` once per turn.
    """

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._running = threading.Event()
        self._running.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self._cancelled.is_set()

    @property
    def paused(self) -> bool:
        """Whether the job is asked to wait."""
        return not self._running.is_set()

    def cancel(self) -> None:
        """Ask the job to stop; a paused job wakes up and stops."""
        self._cancelled.set()
        self._running.set()

    def pause(self) -> None:
        """Ask the job to wait at its next `check`; without effect on a cancelled job."""
        if not self.cancelled:
            self._running.clear()

    def resume(self) -> None:
        """Let a paused job go on."""
        self._running.set()

    def check(self) -> None:
        """Wait while paused, then return, or raise if the job is cancelled.

        Raises
        ------
        JobCancelled
            If `cancel` was called.
        """
        self._running.wait()
        if self._cancelled.is_set():
            raise JobCancelled("The job was cancelled.")
