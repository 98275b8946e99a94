"""Dropping files and folders: simulated, and by a genuine drag from another programme."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication


@pytest.fixture
def tiff(movie, tmp_path):
    path = tmp_path / "dropped.tif"
    tifffile.imwrite(path, movie, imagej=True, metadata={"axes": "TYX", "finterval": 120.0})
    return path


@pytest.fixture
def folder(movie, tmp_path):
    path = tmp_path / "series"
    path.mkdir()
    for t, frame in enumerate(movie):
        tifffile.imwrite(path / f"t{t:02d}.tif", frame)
    return path


def drop(widget, *paths):
    """Send a widget what Qt sends it when files are dropped; return whether it was willing."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    keys = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(5, 5), *keys)
    enter.ignore()
    QApplication.sendEvent(widget, enter)
    if enter.isAccepted():
        QApplication.sendEvent(widget, QDropEvent(QPointF(5, 5), *keys))
    return enter.isAccepted()


@pytest.mark.parametrize("source", ["tiff", "folder"])
def test_drop_on_the_zone(forecast_dock, movie, source, request, qtbot):
    path = request.getfixturevalue(source)
    assert drop(forecast_dock._view.drop_zone, path)
    qtbot.waitUntil(lambda: forecast_dock.layer is not None, timeout=30_000)
    np.testing.assert_array_equal(np.asarray(forecast_dock.layer.data), movie)
    if source == "tiff":
        assert forecast_dock.layer.scale[0] == pytest.approx(2.0)


def test_zone_ignores_what_is_no_file(forecast_dock):
    assert not drop(forecast_dock._view.drop_zone)


@pytest.mark.parametrize("source", ["tiff", "folder"])
def test_drop_on_napari_asks_nothing_and_forecasts(forecast_dock, movie, source, request, qtbot):
    """No dialog asks which reader to use, since this plugin declares none for TIFFs."""
    viewer = forecast_dock.viewer
    canvas = viewer.window._qt_viewer  # the widget that takes drops has no public name
    assert drop(canvas, request.getfixturevalue(source))
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=30_000)
    assert QApplication.activeModalWidget() is None
    np.testing.assert_array_equal(np.asarray(viewer.layers[0].data), movie)
    forecast_dock.run(steps=1, at=6).wait(60)
    assert forecast_dock.result.at == 6
    if source == "tiff":
        assert forecast_dock.result.interval == pytest.approx(2.0)


def test_model_dropped_on_napari(make_napari_viewer, small_model, small_models, qtbot):
    viewer = make_napari_viewer()
    drop(viewer.window._qt_viewer, small_models / "small-sdcnet.safetensors")
    qtbot.waitUntil(lambda: len(viewer.window.dock_widgets) == 1, timeout=30_000)
    (dock,) = viewer.window.dock_widgets.values()
    assert dock.selected.name == "small-sdcnet"
    assert len(viewer.layers) == 0


_SOURCE = """
import sys
from qtpy.QtCore import QMimeData, Qt, QUrl
from qtpy.QtGui import QDrag
from qtpy.QtWidgets import QApplication, QLabel

class Source(QLabel):
    def mouseMoveEvent(self, event):
        drag = QDrag(self)
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(sys.argv[1])])
        drag.setMimeData(mime)
        drag.exec(Qt.DropAction.CopyAction)

app = QApplication([])
label = Source("drag me")
label.setWindowFlags(Qt.WindowType.X11BypassWindowManagerHint | Qt.WindowType.WindowStaysOnTopHint)
label.setGeometry(0, 0, 80, 60)
label.show()
label.raise_()
print("ready", flush=True)
app.exec()
"""


@pytest.mark.parametrize("source", ["tiff", "folder"])
@pytest.mark.parametrize("target", ["canvas", "zone"])
def test_genuine_drag(make_napari_viewer, small_model, movie, source, target, request, qtbot):
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed, and only it can drag with the X server's own mouse")
    if QApplication.platformName() != "xcb":
        pytest.skip(f"a genuine drag needs an X server, and this is Qt's {QApplication.platformName()}")
    path = request.getfixturevalue(source)
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    viewer.window.resize(1100, 800)
    window = dock.window()
    window.move(150, 60)
    qtbot.wait(500)
    widget = dock._view.drop_zone if target == "zone" else viewer.window._qt_viewer
    goal = widget.mapToGlobal(widget.rect().center())
    other = subprocess.Popen(
        [sys.executable, "-c", _SOURCE, str(path)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        assert other.stdout.readline().strip() == "ready"
        for attempt in range(3):
            _drag((30, 30), (goal.x(), goal.y()), qtbot, slow=attempt + 1)
            end = time.monotonic() + 10
            while time.monotonic() < end and not len(viewer.layers):
                qtbot.wait(50)
            if len(viewer.layers):
                break
        assert len(viewer.layers) == 1, "the drop never arrived"
        np.testing.assert_array_equal(np.asarray(viewer.layers[0].data), movie)
    finally:
        other.kill()
        other.wait()


def _drag(start, goal, qtbot, slow):
    def xdotool(*words):
        subprocess.run(["xdotool", *map(str, words)], check=True)
        qtbot.wait(80 * slow)  # both programmes answer between two movements of the mouse

    xdotool("mousemove", *start)
    xdotool("mousedown", 1)
    for step in range(1, 13):
        xdotool("mousemove", *(round(a + (b - a) * step / 12) for a, b in zip(start, goal, strict=True)))
    xdotool("mousemove", goal[0] + 3, goal[1] + 2)
    qtbot.wait(200 * slow)
    xdotool("mouseup", 1)
