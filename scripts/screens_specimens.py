"""Scenes of the Train dock with photographs, for make_screenshots.py: simulated shells, a run that really trains."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from screens import exchange, settle

from napari_cellsim.gui import settings
from napari_cellsim.phantom.shells import SHELL_CLASSES, photograph_specimen
from napari_cellsim.training import supervision

_WAIT = 900.0  # seconds
_COUNTS = (140, 90, 160, 120)
_SIDE = 48
_COLUMNS = 8


def photographs(folder: Path, counts: Sequence[int], seed: int, side: int = _SIDE) -> np.ndarray:
    """Write photographs in folders by class; return some of them, two rows per class."""
    rows = []
    for name, count in zip(SHELL_CLASSES, counts, strict=True):
        (folder / name).mkdir(parents=True)
        pictures = [photograph_specimen(name, seed, i, side)[0].transpose(1, 2, 0) for i in range(count)]
        for number, picture in enumerate(pictures):
            Image.fromarray(picture).save(folder / name / f"{name}_{number:03d}.png")
        rows += [np.concatenate(pictures[i : i + _COLUMNS], axis=1) for i in (0, _COLUMNS)]
    return np.concatenate(rows)


def open_train(viewer: Any, forecast: Any) -> Any:
    """Put the Train dock in the place of the Forecast dock, with a folder of its own for runs."""
    supervision.NICENESS = 0  # else the picture waits for whatever else this machine does
    settings.train_settings().runs_folder = str(Path(tempfile.mkdtemp()) / "CellSim runs")
    viewer.layers.clear()
    return exchange(viewer, forecast, "Train", width=370)


def choose(viewer: Any, dock: Any) -> None:
    """Show the classes of a folder, before anything has started."""
    folder = Path(tempfile.mkdtemp()) / "shells"
    viewer.add_image(photographs(folder, _COUNTS, 7), name="some of the shells", rgb=True)
    form = dock.form
    form.what.value = next(choice for choice in form.what.choices if choice.recipe == "msggan")
    form.folder.value = str(folder)
    end = time.monotonic() + _WAIT
    while form.specimens.seen is None and time.monotonic() < end:
        settle(0.2)
    form.specimens.classes.native.setCurrentText("One model per class")
    viewer.reset_view(margin=0.02)
    settle()


def learn(viewer: Any, dock: Any) -> None:
    """Show a generator of all classes that has learnt for some minutes."""
    form = dock.form
    form.specimens.classes.native.setCurrentText("All classes together")
    form.specimens.size.value = 32
    form.device.value = "cpu"
    form.unit.value = "steps"
    form.amount.value = 300
    form.name.value = "my-shells"
    form.advanced.fill({}, {"validate_every": 50, "checkpoint_every": 0, "average": 0.97})
    dock.run().wait(_WAIT)
    end = time.monotonic() + _WAIT
    while dock.follower.job is not None and time.monotonic() < end and dock.progress.bar.value() < 850:
        settle(0.2)
    dock.progress.loss.setCurrentText("distance")
    viewer.reset_view(margin=0.02)
    settle()
