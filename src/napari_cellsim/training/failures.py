"""What to tell people about errors that end a training."""

from __future__ import annotations

import errno
from pathlib import Path

from safetensors import SafetensorError

from ..models.hardware import is_out_of_memory
from .checkpoints import list_checkpoints

_NO_SPACE = [getattr(errno, name) for name in ("ENOSPC", "EFBIG", "EDQUOT") if hasattr(errno, name)]


def explain(error: Exception, step: int, checkpoints: Path, device: object) -> str | None:
    """Return what went wrong, what to do, and where the last good state is; None for errors of unknown cause.

    Parameters
    ----------
    error : Exception
        What ended the training.
    step : int
        Optimiser steps done.
    checkpoints : Path
        Folder of the run's checkpoints.
    device : object
        Where it trained.
    """
    cause = _cause(error, checkpoints, device)
    if cause is None:
        return None
    found = list_checkpoints(checkpoints)
    kept = f"The last good state is {found[-1]}." if found else "There is no checkpoint yet."
    return f"Training stopped at step {step} because {cause}. {kept}"


def _cause(error: Exception, checkpoints: Path, device: object) -> str | None:
    if isinstance(error, FloatingPointError):
        return f"{error}; try a smaller learning rate or look for damaged pictures in the data"
    if _no_space(error):
        return f"there is no room left to write in {checkpoints.parent}; make room and start it again"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and is_out_of_memory(error)):
        return (
            f"the memory of {device} does not hold it; choose smaller crops or pictures, a smaller network, or a "
            "smaller batch"
        )
    return None


def _no_space(error: Exception) -> bool:
    if isinstance(error, SafetensorError):  # says it in words only
        return any(f"(os error {number})" in str(error) for number in _NO_SPACE)
    return isinstance(error, OSError) and error.errno in _NO_SPACE
