"""Scenes of the Train dock for make_screenshots.py: phantom data, a run that really trains."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from screens import exchange, settle

from napari_cellsim.gui import settings
from napari_cellsim.training import supervision
from napari_cellsim.training.simulated import generate_phantoms

_WAIT = 240.0  # seconds for a training process to get going


def _data(folder: Path) -> Path:
    """Return a small training folder, made of simulated cells."""
    for part, seeds in (("train", range(6)), ("validation", range(100, 102))):
        list(generate_phantoms(folder / part, seeds, frames=8, size=128, processes=2))
    return folder


def open_train(viewer: Any, forecast: Any) -> Any:
    """Put the Train dock in the place of the Forecast dock, ready to train a segmentation."""
    supervision.NICENESS = 0  # else the picture waits for whatever else this machine does
    home = Path(tempfile.mkdtemp())
    settings.train_settings().runs_folder = str(home / "CellSim runs")
    dock = exchange(viewer, forecast, "Train", width=350)
    form = dock.form
    form.what.value = next(choice for choice in form.what.choices if choice.recipe == "segmentation")
    form.folder.value = str(_data(home / "chip 12"))
    settle()
    return dock


def train_dock(dock: Any) -> None:
    """Show a new training with the expected time, measured by a probe."""
    dock.form.unit.value = "epochs"
    dock.form.amount.value = 40
    dock.form.start.value = ""
    dock.probe().wait(_WAIT)
    settle()


def train_running(viewer: Any, dock: Any) -> None:
    """Show a training that has done some hundred steps."""
    form = dock.form
    form.what.value = next(choice for choice in form.what.choices if choice.recipe == "segmentation")
    form.source.value = form.source.choices[0]
    form.start.value = ""
    form.unit.value = "steps"
    form.amount.value = 400
    form.device.value = "cpu"
    calm = dict.fromkeys(("invert", "blur", "resample", "noise", "curve", "flicker"), 0.0)
    form.advanced.fill(
        {"data": {"batch": 4, "crop": 64, "augmentation": calm}, "lr": 0.006}, {"validate_every": 20}
    )
    dock.run().wait(_WAIT)
    end = time.monotonic() + _WAIT
    while dock.follower.job is not None and time.monotonic() < end and dock.progress.bar.value() < 420:
        settle(0.2)
    viewer.reset_view(margin=0.02)
    settle()


def finish(dock: Any) -> None:
    """Cancel what is running, and wait for it."""
    if dock.follower.running_name:
        dock.cancel()
        end = time.monotonic() + _WAIT
        while dock.follower.job is not None and time.monotonic() < end:
            settle(0.2)
