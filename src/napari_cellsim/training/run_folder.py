"""The run folder: all that a training run shares with the dock, the command line and a cluster job."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..base import CellSimError, Event, now

COMMANDS = ("run", "pause", "stop", "cancel")
"""What a run can be asked for; of several given at once the last one counts."""
_PATIENCE = 2.0  # seconds; whoever looks whether a lock is held, or reads a small file, holds it for a moment


def write_text(path: Path, text: str) -> None:
    """Replace a small file in one go."""
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    try:
        draft.write_text(text, encoding="utf-8")
        # Windows replaces no file that somebody reads at that moment.
        _patiently(lambda: os.replace(draft, path), PermissionError)
    finally:
        draft.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Return a small JSON file; empty if it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def in_use(folder: Path) -> bool:
    """Return whether a process of this machine trains in a folder now: whether it holds the folder's lock."""
    try:
        file = (folder / "lock").open("r+", encoding="utf-8")
    except OSError:  # never trained, or not ours to train
        return False
    with file:
        try:
            _lock(file.fileno())
        except OSError:
            return True
    return False


class RunFolder:
    """Reads and writes the small files of a run.

    Parameters
    ----------
    path : path
        The folder; made if it does not exist.
    silent : bool
        Read only: for the further processes of a run that trains in several.
    """

    def __init__(self, path: str | Path, *, silent: bool = False) -> None:
        self.silent = silent
        self.path = Path(path).resolve()
        self.checkpoints = self.path / "checkpoints"
        self.previews = self.path / "previews"
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self.final = self.path / "final.safetensors"
        self._started = now()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run's lock; the operating system frees it even if the process is killed.

        Raises
        ------
        CellSimError
            If another process trains in this folder.
        """
        if self.silent:
            yield
            return
        with (self.path / "lock").open("a+", encoding="utf-8") as file:
            try:
                _patiently(lambda: _lock(file.fileno()), OSError)
            except OSError as error:
                state = self.state()
                raise CellSimError(
                    f"The run {self.path} is being trained already by process {state.get('pid', '?')} on "
                    f"{state.get('host', '?')}; stop that one first or choose another folder."
                ) from error
            yield

    def state(self) -> dict[str, Any]:
        """Return ``state.json`` (empty before the first start)."""
        return read_json(self.path / "state.json")

    def write_state(
        self, status: str, step: int, progress: float = 0.0, message: str = "", *, pid: int | None = None
    ) -> None:
        """Write ``state.json``: who trains here, how far it is, and that it is alive.

        Parameters
        ----------
        status : str
            "starting", "running", "paused", "finished", "stopped", "cancelled" or "failed".
        step, progress, message
            Optimiser steps done, used share of the budget, a sentence for people.
        pid : int, optional
            Process that trains; this one by default.
        """
        if self.silent:
            return
        state = {
            "status": status,
            "pid": os.getpid() if pid is None else pid,
            "host": socket.gethostname(),
            "started": self._started,
            "heartbeat": now(),
            "step": step,
            "progress": progress,
            "message": message,
        }
        write_text(self.path / "state.json", json.dumps(state, indent=1))

    def note_failure(self, message: str) -> None:
        """Write why a run could not start into ``state.json``, unless that is known or a process trains here."""
        state = self.state()
        if state.get("message") != message and not in_use(self.path):
            self.write_state("failed", state.get("step", 0), state.get("progress", 0.0), message)

    def command(self) -> str:
        """Return what ``control.json`` asks for, one of `COMMANDS`."""
        found = read_json(self.path / "control.json").get("command")
        return found if found in COMMANDS else "run"

    def control(self, command: str) -> None:
        """Ask the run to "pause", to go on ("run"), to "stop" and keep a model, or to "cancel" without one.

        Raises
        ------
        CellSimError
            If the command is none of these.
        """
        if command not in COMMANDS:
            raise CellSimError(f"A run can be asked to run, pause, stop or cancel, not to {command!r}.")
        if not self.silent:
            write_text(self.path / "control.json", json.dumps({"command": command}))

    def append(self, event: Event) -> None:
        """Add an event to ``events.jsonl``."""
        if self.silent:
            return
        line = json.dumps({"event": type(event).__name__, "time": now(), **asdict(event)})
        with (self.path / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def write_preview(self, step: int, sheet: np.ndarray) -> None:
        """Write a picture (H, W[, 3]) uint8 to ``previews/step-N.png``."""
        from skimage.io import imsave

        self.previews.mkdir(exist_ok=True)
        draft = self.previews / f".step-{step:08d}.png"
        imsave(draft, sheet, check_contrast=False)
        os.replace(draft, self.previews / draft.name.removeprefix("."))

    def events(self) -> list[dict[str, Any]]:
        """Return all complete lines of ``events.jsonl``."""
        path, found = self.path / "events.jsonl", []
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    found.append(json.loads(line))
                except json.JSONDecodeError:  # a kill can cut the last line
                    continue
        return found

    def forget_events_after(self, step: int) -> None:
        """Drop events of steps that a resumed run will do again."""
        if self.silent:
            return
        kept = [json.dumps(event) + "\n" for event in self.events() if event.get("step", 0) <= step]
        write_text(self.path / "events.jsonl", "".join(kept))


def _patiently(action: Callable[[], None], nuisance: type[OSError]) -> None:
    """Repeat an action that somebody else's short look may prevent."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            action()
        except nuisance:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
