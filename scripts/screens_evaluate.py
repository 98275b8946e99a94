"""Scenes of the Evaluate dock for make_screenshots.py, on simulated movies only."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from qtpy.QtTest import QTest
from screens import exchange, settle
from screens_specimens import photographs

from napari_cellsim import phantom
from napari_cellsim.evaluation import Assessment
from napari_cellsim.phantom.shells import SHELL_CLASSES

_EACH, _SHELL = 4, 96
_MOVIES, _FRAMES, _SIDE = 5, 14, 192
_WIDTH = 470
_REAL, _STUDIED = 100, 32


def evaluate_forecast(viewer: Any, forecast: Any) -> None:
    """Show how well the bundled model forecasts five simulated movies, which did not train it."""
    dock = exchange(viewer, forecast, "Evaluate", tab="Forecast", width=_WIDTH)
    folder = Path(tempfile.mkdtemp())
    for number in range(_MOVIES):
        movie = phantom.simulate(frames=_FRAMES, seed=900 + number, size=_SIDE)
        tifffile.imwrite(
            folder / f"pos{number + 1}.ome.tif",
            movie.images[:, 0],
            metadata={
                "axes": "TYX",
                "PhysicalSizeX": movie.pixel_size,
                "PhysicalSizeXUnit": "µm",
                "PhysicalSizeY": movie.pixel_size,
                "PhysicalSizeYUnit": "µm",
                "TimeIncrement": movie.interval,
                "TimeIncrementUnit": "min",
            },
        )
    dock._view.forecast.sources.add(sorted(folder.glob("*.tif")))
    dock._view.forecast.starts.value = "7"
    dock.evaluate_forecasts().wait()
    settle(1)


def evaluate_study(viewer: Any, forecast: Any) -> None:
    """Show a study of simulated shells, where others of the same phantom stand in for generated ones."""
    dock = exchange(viewer, forecast, "Evaluate", tab="Study", width=_WIDTH)
    viewer.layers.clear()
    folder = Path(tempfile.mkdtemp())
    view = dock._view.study
    for name, seed in (("real shells", 7), ("stand-ins for generated ones", 8)):
        sheet = photographs(folder / name, [_REAL] * len(SHELL_CLASSES), seed, _STUDIED)
        viewer.add_image(sheet, name=name, rgb=True)
    viewer.canvas.grid.enabled = True
    view.folder.value = str(folder / "real shells")
    view.generated.add([folder / "stand-ins for generated ones"])
    view.pictures.size.value = _STUDIED
    view.per_class.value = "80"
    view.initialisations.value = 7
    view.device.value = "cpu"
    dock.study_augmentation().wait()
    settle(1)
    viewer.reset_view(margin=0.02)


def blind_specimens(viewer: Any, forecast: Any) -> Any:
    """Show a blind test of simulated photographs of four classes; returns its window."""
    dock = exchange(viewer, forecast, "Evaluate", tab="Blind test", width=_WIDTH)
    folder = Path(tempfile.mkdtemp()) / "blind test"
    # others of the same phantom stand in for generated ones: the window looks the same
    real, made = (
        np.concatenate(
            [phantom.simulate_shells(_EACH, seed, size=_SHELL, classes=c).images for c in SHELL_CLASSES]
        )
        for seed in (1, 2)
    )
    classes = np.repeat(SHELL_CLASSES, _EACH).tolist()
    Assessment.create(
        folder,
        np.moveaxis(real, 1, -1),
        np.moveaxis(made, 1, -1),
        seed=26,
        classes=SHELL_CLASSES,
        real_classes=classes,
        generated_classes=classes,
    )
    return _judged(dock, folder, ("r3s", "g4i", "r5l", "g2"))


def evaluate_blind(viewer: Any, forecast: Any) -> Any:
    """Show a blind test after some answers; returns its window."""
    dock = exchange(viewer, forecast, "Evaluate", tab="Blind test", width=_WIDTH)
    folder = Path(tempfile.mkdtemp()) / "blind test"
    dock.make_test(folder, each=20, seed=3).wait()
    return _judged(dock, folder, ("r3", "g4", "g5", "r2", "r4", "g"))


def _judged(dock: Any, folder: Path, keys: tuple[str, ...]) -> Any:
    """Press some keys in the window of a test, and return it."""
    dock._view.blind.folder.value = str(folder)
    dock.begin("Anna").wait()
    window = dock.window_of_test
    window.resize(900, 760)
    for key in keys:
        for letter in key:
            QTest.keyClick(window, letter)
        while window.busy:
            settle(0.05)
    settle(1)
    return window
