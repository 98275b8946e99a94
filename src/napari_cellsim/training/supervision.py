"""Start a run in a process of its own and follow it; both sides speak only through the run folder.

Nothing here imports torch, so that whoever watches stays light.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..base import CellSimError, Event, JobToken
from . import events as kinds
from .events import TrainEvent
from .run import next_run, read_run, run_file
from .run_folder import RunFolder, in_use, read_json
from .runs import ACTIVE, alive
from .submission import train_command

LOG = "train.log"
"""Name of the file in the run folder that gets all words of the process."""
_POLL = 0.25  # seconds between looks into the run folder
NICENESS = 10
"""By how much a training yields to everything else on the machine (not on Windows, which has a class for that)."""
_BLOCK = 1 << 20  # bytes of events.jsonl read at once


@dataclass(frozen=True)
class Recorded(Event):
    """Events that the run has written.

    Parameters
    ----------
    events : tuple of TrainEvent
        In their order.
    afresh : bool
        Whether they begin at the run's beginning, so that earlier ones are to be forgotten.
    """

    events: tuple[TrainEvent, ...]
    afresh: bool = False


@dataclass(frozen=True)
class StateSeen(Event):
    """What ``state.json`` says now: status, step, used share of the budget, a sentence."""

    status: str
    step: int
    progress: float
    message: str = ""


@dataclass(frozen=True, eq=False)
class PreviewSeen(Event):
    """The newest picture (H, W) or (H, W, 3) uint8 of what the network does, and its step."""

    step: int
    picture: np.ndarray


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Parameters
    ----------
    status : str
        "finished", "stopped" or "cancelled".
    model : Path or None
        Its model, if there is one.
    following : Path or None
        The run that the same process trains now, see `RunConfig.then`.
    """

    status: str
    model: Path | None
    following: Path | None = None


def worker_threads() -> int:
    """Return how many threads a background process should compute with: one core stays free for the person."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(max(1, cores - 1), int(asked)) if asked.isdigit() and int(asked) else max(1, cores - 1)


def start_process(
    command: list[str], output: Any, errors: Any = subprocess.STDOUT, *, patient: bool = True
) -> subprocess.Popen[bytes]:
    """Start a command that outlives this process and leaves one core free.

    Parameters
    ----------
    command : list of str
        Program and arguments.
    output, errors : file or constant of `subprocess`
        Where its words go.
    patient : bool
        Whether it lets everything else on the machine go first.
    """
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
        if patient:
            options["creationflags"] |= subprocess.BELOW_NORMAL_PRIORITY_CLASS
    environment = os.environ | {"OMP_NUM_THREADS": str(worker_threads()), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment, **options
    )
    if patient and sys.platform != "win32":
        with suppress(ProcessLookupError):  # it may be over already
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    return process


def launch(run: str | Path) -> subprocess.Popen[bytes]:
    """Train a run folder, from its newest checkpoint if there is one, in a process that outlives this one.

    Parameters
    ----------
    run : path
        Run folder with ``run.toml``.

    Returns
    -------
    subprocess.Popen
        The process; hand it to `watch`, which can then say how it ended.

    Raises
    ------
    CellSimError
        If ``run.toml`` is not usable, or somebody trains there already.
    """
    read_run(run_file(run))
    folder = RunFolder(run)
    state = folder.state()
    if alive(folder.path, state):
        raise CellSimError(
            f"The run {folder.path} is being trained already by process {state.get('pid', '?')}."
        )
    folder.control("run")
    with (folder.path / LOG).open("wb") as log:
        process = start_process(train_command(folder.path), log)
    folder.write_state("starting", state.get("step", 0), state.get("progress", 0.0), pid=process.pid)
    return process


def watch(
    run: str | Path, process: subprocess.Popen[bytes] | None = None, token: JobToken | None = None
) -> Generator[Event, None, Ended]:
    """Follow a run until it ends.

    Parameters
    ----------
    run : path
        Run folder.
    process : subprocess.Popen, optional
        What `launch` returned; None for a run that somebody else started.
    token : JobToken, optional
        Cancelling it ends the watching, not the run.

    Yields
    ------
    Recorded, StateSeen, PreviewSeen

    Returns
    -------
    Ended

    Raises
    ------
    CellSimError
        If the run failed, or its process crashed or was killed: one sentence, with the path of the log.
    JobCancelled
        If the token was cancelled.
    """
    folder, token = RunFolder(run, silent=True), token or JobToken()
    # what follows on a run that was over before anybody watched is nothing to go on with
    following = next_run(run) if folder.state().get("status") in ACTIVE else None
    lines = EventLines(folder.path / "events.jsonl")
    seen: StateSeen | None = None
    shown = -1
    while True:
        token.check()
        state = folder.state()
        begun = following is not None and alive(following, read_json(following / "state.json"))
        over = begun or _gone(folder.path, state, process, waits=following is not None)
        if over:
            state = folder.state()  # its last words
        for recorded in lines.read():
            token.check()
            yield recorded
        now = StateSeen(
            str(state.get("status", "")),
            state.get("step", 0),
            state.get("progress", 0.0),
            state.get("message", ""),
        )
        if now != seen:
            seen = now
            yield now
        preview = newer_preview(folder.previews, shown)
        if preview is not None:
            shown = preview.step
            yield preview
        if over:
            return replace(_ending(folder, state, process), following=following if begun else None)
        time.sleep(_POLL)


class EventLines:
    """Reads ``events.jsonl`` as it grows, each line once.

    A resumed run writes the file anew, without the steps it does again; then everything is read again.

    Parameters
    ----------
    path : Path
        The file, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = 0  # its number in the file system
        self._offset = 0
        self._afresh = True

    def read(self) -> Generator[Recorded, None, None]:
        """Yield what was added since the last call, a megabyte at a time."""
        while True:
            try:
                found = self.path.stat()
                if found.st_ino != self._file or found.st_size < self._offset:
                    self._file, self._offset, self._afresh = found.st_ino, 0, True
                with self.path.open("rb") as file:
                    file.seek(self._offset)
                    block = file.read(_BLOCK)
            except OSError:  # not there yet, or being replaced
                return
            whole, newline, _ = block.rpartition(b"\n")
            if not newline:
                return
            self._offset += len(whole) + 1
            events = tuple(event for line in whole.splitlines() if (event := event_of(line)) is not None)
            afresh, self._afresh = self._afresh, False
            yield Recorded(events, afresh)


def event_of(line: bytes | str) -> TrainEvent | None:
    """Return the event that a line of ``events.jsonl`` holds; None for one that is damaged or of another version."""
    try:
        content = json.loads(line)
        kind = getattr(kinds, content["event"])
        names = {field.name for field in fields(kind)}
        made: TrainEvent = kind(**{name: value for name, value in content.items() if name in names})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return made


def newer_preview(folder: Path, shown: int) -> PreviewSeen | None:
    """Return the newest picture of a ``previews`` folder, unless it is that of the step `shown`."""
    path = max(folder.glob("step-*.png"), default=None)
    if path is None or path.stem == f"step-{shown:08d}":
        return None
    from skimage.io import imread

    try:
        return PreviewSeen(int(path.stem.removeprefix("step-")), imread(path))
    except (OSError, ValueError):  # removed meanwhile
        return None


def last_words(log: Path) -> str:
    """Return the last line of a log that says something."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _gone(run: Path, state: dict[str, Any], process: subprocess.Popen[bytes] | None, *, waits: bool) -> bool:
    """Return whether nobody trains a run any more; one that another waits for holds its lock until that has begun."""
    if process is not None:
        return process.poll() is not None
    return not alive(run, state) and not (waits and in_use(run))


def _ending(folder: RunFolder, state: dict[str, Any], process: subprocess.Popen[bytes] | None) -> Ended:
    status, log = state.get("status", ""), folder.path / LOG
    if not state:
        raise CellSimError(f"The run {folder.path.name} has not been started yet; press Resume to start it.")
    if status in ("finished", "stopped"):
        return Ended(status, folder.final if folder.final.is_file() else None)
    if status == "cancelled":
        return Ended(status, None)
    if status not in ACTIVE and state.get("message"):
        raise CellSimError(f"The training failed: {state['message'].rstrip('.')}. Its log is {log}.")
    code = process.returncode if process else None
    if code is not None and code < 0:
        how = f"was killed by signal {-code}"
        if code == -9:
            how += ", perhaps because the memory was full"
    elif code:
        how = f"crashed with exit status {code} ({last_words(log) or 'without a word'})"
    else:
        how = "is gone without having finished"
    where = (
        "press Resume to go on from the last checkpoint"
        if _has_checkpoint(folder)
        else "press Resume to try again"
    )
    raise CellSimError(
        f"The training process {how} at step {state.get('step', 0)}; {where}. Its log is {log}."
    )


def _has_checkpoint(folder: RunFolder) -> bool:
    return any(read_json(path) for path in folder.checkpoints.glob("step-*/state.json"))
