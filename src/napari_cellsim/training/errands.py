"""Have a short piece of work done by another process, which can be stopped at any moment and gives its memory back."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any, NoReturn

from ..base import CellSimError, JobToken
from .supervision import start_process

_POLL = 0.05


def ask_process(module: str, *arguments: str, patient: bool = False, token: JobToken | None = None) -> Any:
    """Run ``python -m module arguments`` and return the JSON that it prints last.

    Parameters
    ----------
    module : str
        Name of a module below ``napari_cellsim``, such as "training.probe".
    *arguments : str
        For the module.
    patient : bool
        Whether it lets everything else on the machine go first, as a training does.
    token : JobToken, optional
        Cancelling it kills the process.

    Raises
    ------
    CellSimError
        With the sentence that the process ended with.
    JobCancelled
        If the token was cancelled.
    """
    token = token or JobToken()
    command = [sys.executable, "-m", f"napari_cellsim.{module}", *arguments]
    # files, because nobody empties a pipe while this process waits
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start_process(command, output, errors, patient=patient)
        try:
            while process.poll() is None:
                token.check()
                time.sleep(_POLL)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        words = [_lines(file) for file in (output, errors)]
    if process.returncode:
        said = words[1][-1] if words[1] else f"it ended with status {process.returncode}"
        raise CellSimError(said)
    return json.loads(words[0][-1])


def answer(value: Any) -> None:
    """Print what `ask_process` is to return: plain values, and pydantic models as such."""
    print(json.dumps(value, default=lambda model: model.model_dump(mode="json")), flush=True)


def fail(error: CellSimError) -> NoReturn:
    """End the process so that `ask_process` raises this error."""
    print(" ".join(str(error).split()), file=sys.stderr, flush=True)
    raise SystemExit(1)


def _lines(file: Any) -> list[str]:
    file.seek(0)
    return [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
