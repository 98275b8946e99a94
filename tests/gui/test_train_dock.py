"""The Train dock, driven as a person would: real trainings in real processes, tiny ones."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from train_runs import PATIENCE, TINY, choose, discs, ended, write_tiny

from napari_cellsim.base import CellSimError
from napari_cellsim.gui import model_list, settings
from napari_cellsim.training import supervision
from napari_cellsim.training.runs import look


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("train") / "chip 12")


@pytest.fixture
def runs(tmp_path, monkeypatch, _own_settings) -> Path:
    """The folder of the runs; models go to a folder of the test's too."""
    monkeypatch.setattr(supervision, "NICENESS", 0)
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path / "models"))
    settings.train_settings().runs_folder = str(tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture
def dock(make_napari_viewer, runs, qtbot):
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Train")
    dock.viewer = viewer
    yield dock
    if dock.follower.running_name:
        dock.cancel()
        qtbot.waitUntil(lambda: ended(dock), timeout=PATIENCE)


def test_from_start_to_finish(dock, runs, tiny_data, qtbot):
    dock.viewer.add_image(discs()[0], name="movie", scale=(1, 0.108, 0.108))
    dock.viewer.window.add_plugin_dock_widget("napari-cellsim", "Models")
    choose(dock, "vae", tiny_data, steps=24, validate_every=8)
    qtbot.waitUntil(lambda: "8 frames of 40 × 40 px" in dock.form.data_line.text(), timeout=PATIENCE)
    assert dock.form.name.value == "my-vae-1"
    qtbot.mouseClick(dock._view.start_button, _left())
    qtbot.waitUntil(lambda: dock.job is None and dock.follower.run is not None, timeout=PATIENCE)
    assert dock._view.tabs.tabText(dock._view.tabs.currentIndex()) == "Progress"
    qtbot.waitUntil(lambda: ended(dock), timeout=PATIENCE)

    assert "ready to use" in dock.message, dock.message
    steps, values = dock.progress.plot.shown(0)
    assert list(steps) == list(range(2, 25, 2))
    assert np.isfinite(values).all()
    assert list(dock.progress.plot.shown(2)[0]) == [8, 16, 24]  # validation
    assert dock.progress.values["step"].text() == "24"
    assert dock.progress.values["memory"].text().endswith("GB")
    assert dock.progress.bar.value() == 1000
    assert not dock.progress.stop_button.isEnabled()

    preview = dock.viewer.layers["training preview of my-vae-1"]
    assert preview.data.ndim == 2
    assert preview.metadata["napari_cellsim"]["step"] == 24
    movie = dock.viewer.layers["movie"]
    assert preview.extent.world[0, -1] > movie.extent.world[1, -1], "it stands beside the movie"

    (entry,) = [one for one in model_list.available("vae") if not one.bundled]
    assert entry.name == "my-vae-1"
    (models,) = [w for name, w in dock.viewer.window.dock_widgets.items() if name.startswith("Models")]
    assert entry.path in [one.path for one in models.entries]
    qtbot.waitUntil(lambda: [run.status for run in dock.runs] == ["finished"], timeout=PATIENCE)
    assert dock.form.name.value == "my-vae-2"

    file = runs / "my-vae-1" / "run.toml"
    file.write_text(file.read_text().replace("seed = 0", "seed = 5"))  # what the first tab does not show
    dock.reuse(runs / "my-vae-1")
    assert dock.form.choice.recipe == "vae"
    assert dock.form.folder.value == str(tiny_data)
    assert (dock.form.unit.value, dock.form.amount.value) == ("steps", 24)
    request = dock.form.request()
    assert request.settings["overrides"] == TINY["overrides"]
    assert request.fit_config().seed == 5
    assert request.run == runs / "my-vae-2"


def test_pause_go_on_and_stop(dock, runs, tiny_data, qtbot):
    choose(dock, "vae", tiny_data)
    dock.run().wait(PATIENCE / 1000)
    qtbot.waitUntil(lambda: dock.follower.status == "running", timeout=PATIENCE)
    qtbot.mouseClick(dock.progress.pause_button, _left())
    qtbot.waitUntil(lambda: dock.follower.status == "paused", timeout=PATIENCE)
    assert dock.progress.pause_button.text() == "Resume"
    before = look(runs / "my-vae-1").step
    qtbot.wait(1500)
    assert look(runs / "my-vae-1").step == before
    qtbot.mouseClick(dock.progress.pause_button, _left())
    qtbot.waitUntil(lambda: look(runs / "my-vae-1").step > before, timeout=PATIENCE)
    qtbot.mouseClick(dock.progress.stop_button, _left())
    qtbot.waitUntil(lambda: ended(dock), timeout=PATIENCE)
    assert look(runs / "my-vae-1").status == "stopped"
    assert [entry.name for entry in model_list.available("vae") if not entry.bundled] == ["my-vae-1"]


def test_killed_then_resumed_and_cancelled(dock, runs, tiny_data, qtbot):
    choose(dock, "vae", tiny_data, checkpoint_every=4)
    process = dock.run().wait(PATIENCE / 1000).process
    run = runs / "my-vae-1"
    qtbot.waitUntil(lambda: any(run.glob("checkpoints/step-*/state.json")), timeout=PATIENCE)
    process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    qtbot.waitUntil(lambda: ended(dock), timeout=PATIENCE)
    if sys.platform != "win32":
        assert "killed by signal 9" in dock.message
    assert str(run / "train.log") in dock.message
    assert dock.viewer is not None  # napari lives

    dock.show_tab("Runs")
    qtbot.waitUntil(lambda: [one.status for one in dock.runs] == ["dead"], timeout=PATIENCE)
    dock._list.select(run)
    assert "Resume goes on" in dock._list.details.text()
    qtbot.waitUntil(dock._list.resume_button.isEnabled, timeout=PATIENCE)
    before = look(run).step
    qtbot.mouseClick(dock._list.resume_button, _left())
    qtbot.waitUntil(lambda: look(run).status == "running" and look(run).step > before, timeout=PATIENCE)
    steps = dock.progress.curves.training("loss")[0]
    assert (np.diff(steps) > 0).all(), "what is done again is drawn once"
    qtbot.mouseClick(dock.progress.cancel_button, _left())
    qtbot.waitUntil(lambda: ended(dock), timeout=PATIENCE)
    assert look(run).status == "cancelled"
    assert not (run / "final.safetensors").exists()
    assert "was cancelled" in dock.message
    if sys.platform != "win32":  # the process is gone, and with it its memory
        with pytest.raises(ProcessLookupError):
            os.kill(look_pid(run), 0)


def look_pid(run):
    from napari_cellsim.training import RunFolder

    return RunFolder(run).state()["pid"]


def test_bad_choices_get_one_sentence_each(dock, runs, tiny_data, tmp_path, qtbot):
    choose(dock, "segmentation", tmp_path / "nowhere")
    qtbot.waitUntil(lambda: "There is no folder" in dock.form.data_line.text(), timeout=PATIENCE)
    for folder, sentence in (
        (tmp_path, "has no sequences in its subfolder train"),
        (tmp_path / "nowhere", "There is no folder"),
        ("", "Choose what to learn from"),
    ):
        dock.form.folder.value = str(folder)
        with pytest.raises(CellSimError, match=sentence):
            dock.run().wait(PATIENCE / 1000)
        assert sentence in dock.message
        assert not any(runs.glob("*")), "nothing stays"
    choose(dock, "flow", tiny_data)
    with pytest.raises(CellSimError, match="come without known motion"):
        dock.run().wait(PATIENCE / 1000)
    dock.form.amount.value = 0
    with pytest.raises(CellSimError, match="no budget"):
        dock.run()
    dock.form.amount.value = 5
    dock.form.name.value = "a/b"
    with pytest.raises(CellSimError, match="cannot name a run"):
        dock.run()
    with pytest.raises(CellSimError, match="No training is running"):
        dock.pause()


def test_layers_become_training_data(dock, runs, qtbot):
    from napari_cellsim.base import JobToken
    from napari_cellsim.gui.train_data import describe_data, provide_data
    from napari_cellsim.training.sequences import find_sequences

    pictures, labels = discs()
    dock.viewer.add_image(pictures, name="movie", scale=(600, 0.108, 0.108), units=("s", "um", "um"))
    choose(dock, "segmentation")
    dock.form.source.value = "layers of this viewer"
    qtbot.waitUntil(lambda: "draw the cells" in dock.form.data_line.text(), timeout=PATIENCE)
    drawn = dock.viewer.add_labels(np.zeros_like(labels), name="cells")
    drawn.data = np.where(np.arange(10)[:, None, None] < 6, labels, 0)
    assert dock.form.labels.value is drawn
    qtbot.waitUntil(lambda: dock.form.pixel_size.value == pytest.approx(0.108), timeout=PATIENCE)
    assert dock.form.interval.value == pytest.approx(10)
    data, needs = dock.form.data(), dock.form.choice.needs
    assert "10 frames of 40 × 40 px, 0.108 µm" in describe_data(data, needs)
    folder = _drain(provide_data(data, needs, runs / "data", JobToken()))
    (train,) = find_sequences(folder / "train")
    assert np.array_equal(train.images, pictures[:5])
    assert np.array_equal(train.semantic > 1, labels[:5] > 0)
    assert train.info["pixel_size"] == pytest.approx(0.108)
    assert len(find_sequences(folder / "validation")) == 1
    dock.viewer.add_labels(labels[:4], name="short")
    dock.form.labels.value = dock.viewer.layers["short"]
    with pytest.raises(CellSimError, match="has the shape"):
        describe_data(dock.form.data(), needs)


def _drain(job):
    while True:
        try:
            next(job)
        except StopIteration as stop:
            return stop.value


def _left():
    from qtpy.QtCore import Qt

    return Qt.MouseButton.LeftButton
