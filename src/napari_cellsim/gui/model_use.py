"""Networks in the worker threads of the docks: each is loaded once, and one job computes at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..base import JobToken

# One forecast, estimate or generation at a time: they share loaded networks and the processor.
_MODEL_LOCK = threading.Lock()


def loaded(model: str | Path) -> Any:
    """Load a model, or return the one loaded before if its file has not changed since.

    Raises
    ------
    CellSimError
        If there is no such model or its file cannot be used.
    """
    path = Path(model)
    return _loaded(model, path.stat().st_mtime if path.is_file() else 0.0)


@lru_cache(maxsize=4)
def _loaded(model: str | Path, changed: float) -> Any:
    from ..models import load_model

    return load_model(model)


@contextmanager
def one_at_a_time(token: JobToken) -> Iterator[None]:
    """Wait until no other job computes; a cancelled job stops waiting."""
    while not _MODEL_LOCK.acquire(timeout=0.1):
        token.check()
    try:
        yield
    finally:
        _MODEL_LOCK.release()


@contextmanager
def processor_threads(count: int) -> Iterator[None]:
    """Let torch use that many threads for a while; 0 changes nothing."""
    if count <= 0:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
