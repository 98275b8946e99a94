"""A napari window to take pictures of: what the scenes of make_screenshots.py share."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = ""  # neither read nor change the user's settings
os.environ.setdefault("CELLSIM_MODEL_DIR", tempfile.mkdtemp())  # the bundled models only

import napari
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_cellsim.gui.jobs import running_jobs

SIZE = (1380, 860)
WIDTH = 330  # of a dock, px
MODEL = "sdcnet-default"  # which forecasts


def settle(seconds: float = 1.0) -> None:
    """Let napari draw."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.02)


@contextmanager
def window(sample: str = "phantom_movie", theme: str = "dark") -> Iterator[tuple[Any, Any]]:
    """Open a viewer with a sample and the Forecast dock, and close it in the end.

    Yields
    ------
    viewer, dock
    """
    get_settings().appearance.theme = theme
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.open_sample("napari-cellsim", sample)
    dock = add_dock(viewer, "Forecast")
    dock.choose_model(MODEL)
    viewer.window.resize(*SIZE)
    settle()
    viewer.reset_view(margin=0.02)
    if sample == "phantom_movie":
        viewer.dims.set_point(0, 90.0)
        viewer.layers.selection.active = viewer.layers["phantom movie"]
    widen(dock, WIDTH)
    settle()
    yield viewer, dock
    idle()
    viewer.close()


def idle() -> None:
    """Wait until nothing is being computed."""
    while running_jobs():
        settle(0.2)


def add_dock(viewer: Any, name: str) -> Any:
    """Open a dock of the plugin and return it."""
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", name)
    return dock


def widen(dock: Any, width: int) -> None:
    """Give a dock a width in px."""
    dock.window().resizeDocks([dock.parent()], [width], Qt.Orientation.Horizontal)


def exchange(viewer: Any, old: Any, name: str, *, tab: str = "", width: int = WIDTH) -> Any:
    """Put another dock in the place of one, and return it."""
    viewer.window.remove_dock_widget(old.parent())
    dock = add_dock(viewer, name)
    if tab:
        dock.show_tab(tab)
    widen(dock, width)
    settle()
    return dock


def shoot(viewer: Any, path: Path, pause: float = 1.0) -> None:
    """Write the whole window."""
    for passing in viewer.window._qt_window.findChildren(NapariQtNotification):
        passing.close()  # a message would hide the picture
    settle(pause)
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(path)
