"""The Models dock, and model files dropped on napari."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from napari_cellsim.base import CellSimError


@pytest.fixture
def dock(make_napari_viewer, small_model):
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Models")
    dock.viewer = viewer
    return dock


@pytest.fixture
def own_file(small_models, tmp_path):
    path = tmp_path / "elsewhere" / "mine.safetensors"
    path.parent.mkdir()
    shutil.copy(small_models / "small-sdcnet.safetensors", path)
    return path


def test_lists_and_describes(dock, small_models):
    names = [entry.name for entry in dock.entries]
    assert {"small-sdcnet", "small-pwcnet", "small-unet"} <= set(names)
    dock.select(small_models / "small-sdcnet.safetensors")
    entry = dock.selected
    for words in (
        "Copies the last frame",
        "0.108 µm",
        "10 min",
        "brightfield",
        "small-pwcnet",
        entry.hash[:16],
    ):
        assert words in dock.details


def test_numbers_in_words():
    from napari_cellsim.gui.models_dock import describe
    from napari_cellsim.models import ModelCard, ModelEntry

    metrics = {"mse_ratio_3": 0.66026, "iou_cell": 0.9, "encoder": {"image_w": 0.353}, "set": "24 phantoms"}
    text = describe(ModelEntry("m", Path("m.safetensors"), True, 1, card=ModelCard(metrics=metrics)))
    for words in (
        "MSE / best baseline's, step 3: 0.66<",
        "IoU of cells: 0.9<",
        "encoder image w: 0.353",
        "set: 24 ph",
    ):
        assert words in text


def test_open_is_remembered_and_offered_by_the_forecast_dock(dock, own_file, make_napari_viewer):
    from napari_cellsim.gui import settings

    _, forecast = dock.viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    dock.open(own_file)
    assert dock.selected.path == own_file
    assert settings.opened_models() == [own_file]
    assert own_file in forecast._form.model.choices
    assert dock.forget_button.isEnabled()
    dock.forget_button.click()
    assert settings.opened_models() == []
    assert own_file.is_file()
    assert own_file not in forecast._form.model.choices


def test_a_file_that_is_no_model(dock, tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"nonsense")
    with pytest.raises(CellSimError, match=r"broken\.safetensors"):
        dock.open(path)
    assert path not in [entry.path for entry in dock.entries]


def test_a_file_that_vanished_is_no_longer_listed(dock, own_file):
    dock.open(own_file)
    own_file.unlink()
    dock.refresh()
    assert own_file not in [entry.path for entry in dock.entries]


def test_opened_through_napari(make_napari_viewer, small_model, own_file):
    viewer = make_napari_viewer()
    assert viewer.open(own_file, plugin="napari-cellsim") == []
    (dock,) = viewer.window.dock_widgets.values()
    assert dock.selected.path == own_file
    viewer.open(own_file, plugin="napari-cellsim")
    assert len(viewer.window.dock_widgets) == 1


def test_import_official_weights(dock, tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path / "kept"))
    path = tmp_path / "wrong.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(CellSimError):
        dock.import_weights(path).wait(60)
    assert dock.message.startswith("⚠")
    assert not list((tmp_path / "kept").glob("*"))
