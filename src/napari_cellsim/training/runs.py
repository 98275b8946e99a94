"""What runs there are, and how each of them stands; torch-free."""

from __future__ import annotations

import socket
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .run_folder import in_use, read_json

ACTIVE = ("starting", "running", "paused")
"""Statuses of a run that a process works on."""
_SILENCE = 60.0  # seconds without a heartbeat after which a process is taken for dead


@dataclass(frozen=True)
class RunSummary:
    """How a run stands.

    Parameters
    ----------
    path : Path
        Run folder.
    recipe : str
        What is trained; "" if ``run.toml`` cannot be read.
    status : str
        "new", "starting", "running", "paused", "finished", "stopped", "cancelled", "failed", or "dead": its process
        is gone without a word.
    step : int
        Optimiser steps done.
    progress : float
        Used share of the budget.
    message : str
        A sentence, such as why it failed.
    heartbeat : str
        When it last gave a sign of life, UTC; "" if never.
    model : Path or None
        The finished model.
    """

    path: Path
    recipe: str
    status: str
    step: int = 0
    progress: float = 0.0
    message: str = ""
    heartbeat: str = ""
    model: Path | None = None

    @property
    def active(self) -> bool:
        """Whether a process works on it."""
        return self.status in ACTIVE


def alive(folder: Path, state: dict[str, Any]) -> bool:
    """Return whether a process works on a run.

    On this machine the run's lock says it, which the system frees however the process ends; of other machines, and of
    a process that is still loading, only the heartbeat is known.

    Parameters
    ----------
    folder : Path
        Run folder.
    state : dict
        Content of its ``state.json``.
    """
    if state.get("status") not in ACTIVE:
        return False
    if state.get("host") == socket.gethostname() and state["status"] != "starting":
        return in_use(folder)
    return in_use(folder) or silence(state) < _SILENCE


def silence(state: dict[str, Any]) -> float:
    """Return the seconds since the heartbeat in a ``state.json``; infinite if there is none."""
    try:
        then = datetime.fromisoformat(state["heartbeat"])
    except (KeyError, ValueError, TypeError):
        return float("inf")
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return (datetime.now(UTC) - then).total_seconds()


def look(folder: Path) -> RunSummary | None:
    """Return how a run stands; None if the folder is no run folder."""
    try:
        content = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
    except OSError:
        return None
    except ValueError:
        content = {}
    state = read_json(folder / "state.json")
    status = str(state.get("status", "new"))
    if status in ACTIVE and not alive(folder, state):
        status = "dead"
    final = folder / "final.safetensors"
    return RunSummary(
        folder,
        str(content.get("recipe", "")),
        status,
        int(state.get("step", 0)),
        float(state.get("progress", 0.0)),
        str(state.get("message", "")),
        str(state.get("heartbeat", "")),
        final if final.is_file() else None,
    )


def list_runs(root: Path) -> list[RunSummary]:
    """Return the runs directly below a folder, the one that gave the last sign of life first."""
    try:
        folders = [path for path in root.iterdir() if path.is_dir()]
    except OSError:
        return []
    found = [summary for path in folders if (summary := look(path)) is not None]
    return sorted(found, key=lambda summary: (summary.heartbeat or "9", summary.path.name), reverse=True)
