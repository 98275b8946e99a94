"""Closing napari while a training runs: each of the answers, and finding the training again."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox
from train_runs import PATIENCE, choose, ended, write_tiny

from napari_cellsim.gui import jobs, settings
from napari_cellsim.training import RunFolder, supervision
from napari_cellsim.training.runs import look


@pytest.fixture
def runs(tmp_path, monkeypatch, _own_settings) -> Path:
    monkeypatch.setattr(supervision, "NICENESS", 0)
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path / "models"))
    settings.train_settings().runs_folder = str(tmp_path / "runs")
    return tmp_path / "runs"


class Door(QObject):
    """Notes that a window would close now, and keeps it open, for a viewer of a fixture closes in its own way."""

    def __init__(self, window):
        super().__init__(window)
        self.passed = False
        window.installEventFilter(self)

    def eventFilter(self, watched, event):
        if event.type() != QEvent.Type.Close:
            return False
        self.passed = True
        event.ignore()
        return True


def open_dock(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    door = Door(viewer.window._qt_window)
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Train")
    dock.viewer, dock.door = viewer, door
    return dock


def press(text, asked):
    """Press a button of the question as soon as it is there."""

    def look_for_it():
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(50, look_for_it)
            return
        asked.append(box.text())
        next(button for button in box.buttons() if button.text() == text).click()

    QTimer.singleShot(50, look_for_it)


def close(dock):
    """Close the window as its user does, and return whether it did close."""
    window, door, viewer = dock.viewer.window._qt_window, dock.door, dock.viewer
    window.close()
    if not door.passed:
        return False
    window.removeEventFilter(door)
    viewer.close()
    return True


def test_each_answer(make_napari_viewer, runs, tmp_path, qtbot):
    dock = open_dock(make_napari_viewer)
    window = dock.viewer.window._qt_window
    choose(dock, "vae", write_tiny(tmp_path / "chip"), checkpoint_every=50)
    process = dock.run().wait(PATIENCE / 1000).process
    run = runs / "my-vae-1"
    qtbot.waitUntil(lambda: dock.follower.status == "running", timeout=PATIENCE)

    asked: list[str] = []
    press("Back to napari", asked)
    assert not close(dock)
    assert window.isVisible()
    assert asked == ["The training my-vae-1 is running."]

    press("Keep running", asked)
    assert close(dock)
    assert len(asked) == 2
    assert process.poll() is None
    assert RunFolder(run).command() == "run"
    qtbot.waitUntil(lambda: not jobs.running_jobs(), timeout=PATIENCE)  # nobody looks on any more
    assert process.poll() is None

    # the next day
    dock = open_dock(make_napari_viewer)
    qtbot.waitUntil(lambda: dock.follower.status == "running", timeout=PATIENCE)
    assert "Found the training my-vae-1" in dock.message
    qtbot.waitUntil(lambda: len(dock.progress.curves.training("loss")[0]) > 2, timeout=PATIENCE)
    press("Cancel training", asked)
    assert close(dock)
    assert len(asked) == 3
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=PATIENCE)
    assert look(run).status == "cancelled"
    assert not (run / "final.safetensors").exists()

    # and another day: resumed, then stopped for good
    dock = open_dock(make_napari_viewer)
    process = dock.resume(run).wait(PATIENCE / 1000).process
    qtbot.waitUntil(lambda: dock.follower.status == "running", timeout=PATIENCE)
    press("Stop and keep model", asked)
    assert close(dock)
    assert len(asked) == 4
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=PATIENCE)
    assert look(run).status == "stopped"
    assert (run / "final.safetensors").is_file()

    # its model was finished while nobody was there
    dock = open_dock(make_napari_viewer)
    qtbot.waitUntil(lambda: bool(dock.runs), timeout=PATIENCE)
    assert (tmp_path / "models" / "my-vae-1.safetensors").is_file()
    assert ended(dock)
    assert close(dock), "nothing to ask"
    assert len(asked) == 4
