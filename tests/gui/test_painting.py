"""Changes of the window in one turn of the event loop, painting in another."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_cellsim.base import Progress
from napari_cellsim.forecasting import FrameReady
from napari_cellsim.gui.live import in_step
from napari_cellsim.gui.painting import PaintingPause
from napari_cellsim.gui.results import add_layers


def test_a_pause_holds_the_whole_window_until_it_ends(qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    inner = QWidget()
    window.setCentralWidget(inner)
    pause = PaintingPause(inner)
    assert not inner.updatesEnabled()
    second = PaintingPause(inner)  # the one that came first goes on
    second.end()
    assert not window.updatesEnabled()
    pause.end()
    pause.end()
    assert inner.updatesEnabled()


def test_a_widget_without_a_window_pauses_nothing(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    PaintingPause(widget).end()
    assert widget.updatesEnabled()


def test_painting_goes_on_when_the_adding_of_layers_is_given_up(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    window = QMainWindow()
    qtbot.addWidget(window)
    data = [(np.eye(3), {"name": name}, "image") for name in ("a", "b")]
    steps = add_layers(viewer, data, window)
    added = next(one for one in steps if one is not None)
    assert isinstance(added, Image)
    assert not window.updatesEnabled()
    del steps
    gc.collect()
    assert window.updatesEnabled()
    assert [layer.name for layer in viewer.layers] == ["a"]


def test_a_forecast_waits_for_its_first_frame_only():
    shown = threading.Event()
    frame = FrameReady(0, 0, np.eye(3))

    def job():
        yield Progress(0, 2, "before")
        yield frame
        yield frame
        return "done"

    steps = in_step(job(), shown)
    assert isinstance(next(steps), Progress)
    assert next(steps) is frame
    threading.Timer(0.2, shown.set).start()
    assert next(steps) is frame  # waits here
    assert shown.is_set()
    with pytest.raises(StopIteration) as stopped:
        next(steps)
    assert stopped.value.value == "done"
