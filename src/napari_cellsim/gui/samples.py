"""Sample data: simulated movies with their true cells, made on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QApplication

from ..base import JobCancelled, JobToken

LayerData = tuple[Any, dict[str, Any], str]


def phantom_movie() -> list[LayerData]:
    """Return one trap with growing yeast, 20 frames (T, Y, X), and its cell labels."""
    return _away_from_gui(_movie, "Simulating yeast in a trap")


def phantom_field() -> list[LayerData]:
    """Return a field of view of six traps, 10 frames (T, Y, X), its cell labels, and the traps as rectangles."""
    return _away_from_gui(_field, "Simulating a field of six traps")


def _movie(token: JobToken) -> list[LayerData]:
    from ..phantom import simulate

    return _layers(simulate(frames=20, seed=0, token=token), "phantom movie")


def _field(token: JobToken) -> list[LayerData]:
    from ..phantom import simulate_field

    sequence = simulate_field(rows=2, columns=3, frames=10, seed=0, tile=192, token=token)
    image, cells = _layers(sequence, "phantom field")
    half = 72  # px from a trap's centre to the border of its rectangle, 15.6 µm in all
    corners = [[(y - half, x - half), (y + half, x + half)] for y, x in sequence.centres]
    meta = {key: image[1][key][1:] for key in ("scale", "units", "axis_labels")}
    traps = (
        corners,
        {**meta, "name": "phantom field traps", "shape_type": "rectangle", "face_color": "transparent",
         "edge_color": "yellow", "edge_width": 2},
        "shapes",
    )  # fmt: skip
    return [image, cells, traps]


def _layers(sequence: Any, name: str) -> list[LayerData]:
    movie = sequence.as_timelapse()
    place = movie.placement
    where = {key: getattr(place, key) for key in ("scale", "translate", "units", "axis_labels")}
    image = (
        movie.frames[:, 0, 0],
        {**where, "name": name, "metadata": {"phantom_seed": sequence.seed}},
        "image",
    )
    cells = (
        sequence.labels.clip(0),
        {**where, "name": f"{name} cells (true)", "visible": False, "opacity": 0.4},
        "labels",
    )
    return [image, cells]


def _away_from_gui(simulate: Callable[[JobToken], list[LayerData]], name: str) -> list[LayerData]:
    """Run in a thread worker while the event loop goes on; without napari's window, simply run."""
    if QApplication.instance() is None or threading.current_thread() is not threading.main_thread():
        return simulate(JobToken())
    from napari.utils.notifications import show_info

    from .jobs import start_job

    show_info(f"{name}, a few seconds…")
    try:
        return start_job(simulate, name).wait()
    except JobCancelled:  # the viewer was closed meanwhile
        return []
