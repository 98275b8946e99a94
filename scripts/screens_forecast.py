"""What the Forecast dock shows of several answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from screens import settle

from napari_cellsim.gui import model_list
from napari_cellsim.gui.forecast_answer import can_sample, has_uncertainty


def _choose(dock: Any, wanted: Callable[[Any], bool]) -> None:
    """Choose the first model on the dock's list that can do what is wanted."""
    keys = [model_list.key_of(entry) for entry in model_list.available("sdcnet")]
    found = [key for key in keys if wanted(key)]
    if not found:
        raise SystemExit(f"none of the models {', '.join(map(str, keys))} can do this")
    dock.choose_model(found[0])


def samples(viewer: Any, dock: Any) -> None:
    """Show four possible futures, the third of them in its fourth frame."""
    _choose(dock, can_sample)
    dock._form.answers.answer.value = "sample"
    dock._form.answers.samples.value = 4
    dock._form.overlays["arrows"].value = False
    dock.run(steps=5, at=9).wait()
    viewer.dims.set_point(0, 2)
    viewer.dims.set_point(1, 130.0)
    settle()


def uncertainty(viewer: Any, dock: Any) -> None:
    """Show the uncertainty of the fifth frame over the frame."""
    _choose(dock, has_uncertainty)
    dock._form.overlays["uncertainty"].value = True
    dock._form.overlays["arrows"].value = False
    dock.run(steps=5, at=9).wait()
    viewer.dims.set_point(0, 140.0)
    settle()
