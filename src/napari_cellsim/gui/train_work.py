"""What the Train dock does away from the GUI thread: catalogue, probe, start, watching; no widget, no torch."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..base import CellSimError, Event, JobToken, Progress
from ..data import atomic_path
from ..datasets import class_names
from ..models.registry import read_entry, user_model_folder
from ..training import supervision
from ..training.class_runs import class_folder, write_class_runs
from ..training.config import FitConfig
from ..training.describing import Catalogue, read_catalogue
from ..training.probe import Probe, probe
from ..training.run import write_run
from ..training.run_folder import write_text
from ..training.runs import RunSummary, list_runs
from .train_data import provide_data
from .train_request import TrainRequest, merged
from .train_specimen_look import specimen_folder

_KEPT = "model.txt"  # in the run folder: which model file the finished model was copied to
_catalogue: list[Catalogue] = []


@dataclass(frozen=True)
class Started:
    """A run that was started; of several, the first."""

    run: Path
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class Followed:
    """How a run that was watched has ended, and the file of its model among the user's models."""

    ended: supervision.Ended
    model: Path | None


def catalogue(token: JobToken | None = None) -> Catalogue:
    """Return what can be set, read once per session."""
    if not _catalogue:
        _catalogue.append(read_catalogue(token))
    return _catalogue[0]


def start_job(request: TrainRequest, token: JobToken) -> Generator[Event, None, Started]:
    """Check everything, write data and run folder, and start the training.

    Raises
    ------
    CellSimError
        If something about the request is wrong; no run folder stays then.
    """
    runs = _runs(request)
    for run in runs:
        if (run / "run.toml").exists():
            raise CellSimError(f"There is a run called {run.name!r} already; choose another name.")
    made = [run for run in runs if not run.exists()]
    try:
        yield from _write(request, request.run, token, few=False)
    except BaseException:
        for run in made:
            shutil.rmtree(run, ignore_errors=True)
        raise
    return Started(runs[0], supervision.launch(runs[0]))


def resume_job(run: Path, token: JobToken) -> Started:
    """Go on with a run that is not being trained."""
    return Started(run, supervision.launch(run))


def probe_job(request: TrainRequest, token: JobToken) -> Generator[Event, None, Probe]:
    """Do some steps of the training and tell how long all of it would take."""
    with tempfile.TemporaryDirectory(prefix="cellsim-probe-", ignore_cleanup_errors=True) as folder:
        yield from _write(request, Path(folder), token, few=True)
        yield Progress(0, 0, "doing 20 steps in the background")
        return probe(folder, token=token)


def watch_job(
    run: Path, process: subprocess.Popen[bytes] | None, token: JobToken
) -> Generator[Event, None, Followed]:
    """Follow a run until it ends, and put its model among the user's."""
    import pyqtgraph  # noqa: F401 - 0.2 s that the GUI thread would otherwise stand still

    ended = yield from supervision.watch(run, process, token)
    return Followed(ended, None if ended.model is None else keep_model(run, ended.model))


def scan(root: Path) -> list[RunSummary]:
    """Return the runs in a folder, after putting finished models among the user's that nobody was there to see."""
    found = list_runs(root)
    for summary in found:
        if (
            summary.status in ("finished", "stopped")
            and summary.model
            and not (summary.path / _KEPT).exists()
        ):
            keep_model(summary.path, summary.model)
    return found


def keep_model(run: Path, model: Path) -> Path:
    """Copy the finished model of a run into the folder of the user's models and return its file there.

    A model whose name belongs to another one already, as that of a bundled generator with a new encoder, stays where it
    is.
    """
    entry = read_entry(model)
    target = user_model_folder() / f"{entry.name}.safetensors"
    note = run / _KEPT
    mine = note.is_file() and note.read_text(encoding="utf-8") == str(target)
    if entry.problem is not None or entry.name != run.name or (target.exists() and not mine):
        target = model
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as draft:
            shutil.copyfile(model, draft)
    write_text(note, str(target))
    return target


def _write(request: TrainRequest, run: Path, token: JobToken, *, few: bool) -> Generator[Event, None, None]:
    fit = _checked(request)
    yield Progress(0, 0, "looking at the settings")
    known = catalogue(token)
    folder = yield from provide_data(request.data, request.choice.needs, run / "data", token, few=few)
    recipe, settings = request.choice.recipe, request.run_settings(folder, known)
    if request.data.each and not few:
        write_class_runs(run, recipe, settings, fit, class_names(folder))
        return
    if request.data.each:
        settings = merged(settings, {"data": {"classes": class_names(folder)[:1]}})
    write_run(run, recipe, settings, fit)


def _runs(request: TrainRequest) -> list[Path]:
    """Return the folders of the runs to be started."""
    if not request.data.each:
        return [request.run]
    return [class_folder(request.run, name) for name in class_names(specimen_folder(request.data))]


def _checked(request: TrainRequest) -> FitConfig:
    if not request.start and request.preset in request.choice.starts.values():
        raise CellSimError(
            f"The size {request.preset} starts from imported weights, not from fresh ones: bring them with Import "
            "weights… in the Models dock, then choose them here as Start from."
        )
    try:
        return request.fit_config()
    except ValidationError as error:
        first = error.errors()[0]
        raise CellSimError(f"The setting {first['loc'][-1]} is not usable: {first['msg']}.") from error
