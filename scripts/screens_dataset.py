"""Scenes of the Dataset dock for make_screenshots.py, on a phantom chip written as single TIFFs."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from screens import exchange, settle

from napari_cellsim import phantom

_PIXEL, _INTERVAL = 0.108, 10.0
_ROWS, _COLUMNS = 4, 6


@cache
def _chip() -> Path:
    """Return the folder of an experiment: 24 traps, 8 frames, two focal planes, 12 px of drift."""
    config = phantom.PhantomConfig().changed(biology={"empty_trap": 0.2})
    field = phantom.simulate_field(
        _ROWS,
        _COLUMNS,
        8,
        4,
        tile=224,
        pixel_size=_PIXEL,
        planes=(-0.6, 0.5),
        config=config,
        drift=(10.0, -6.0),
    )
    root = Path(tempfile.mkdtemp()) / "chip 12"
    (root / "pos1").mkdir(parents=True)
    for t, z in np.ndindex(field.images.shape[:2]):
        tifffile.imwrite(root / "pos1" / f"img_t{t:03d}_z{z}.tif", field.images[t, z])
    return root


def _find(viewer: Any, forecast: Any) -> Any:
    """Put the Dataset dock in the place of the Forecast dock and find the traps."""
    viewer.layers.clear()
    dock = exchange(viewer, forecast, "Dataset", width=380)
    dock.open(_chip()).wait()
    find = dock._view.find
    find.pixel_size.value, find.interval.value = _PIXEL, _INTERVAL
    find.template.value = "tear-drop"
    dock.find().wait()
    settle(2)
    return dock


def dataset_find(viewer: Any, forecast: Any) -> None:
    """Show the traps of a position, one of them deleted by hand."""
    dock = _find(viewer, forecast)
    layer = viewer.layers["traps"]
    layer.selected_data = {8}
    layer.remove_selected()
    dock.threshold = 0.5
    settle()


def dataset_review(viewer: Any, forecast: Any) -> None:
    """Show the review of the crops, after the rules and some keys."""
    dock = _find(viewer, forecast)
    dock.crop(Path(tempfile.mkdtemp()) / "chip 12-crops.zarr", 160).wait()
    dock.show_tab("Review")
    dock.set_window_length(4).wait()
    dock.measure().wait()
    dock.apply_preset("without randomness").wait()
    dock._view.review.view.go(1)
    dock.decide("flag")
    dock.decide("keep")
    dock.show_window()
    settle(3)
