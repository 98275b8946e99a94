"""The Models dock, and model files dropped on napari."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_cellsim.base import CellSimError
from napari_cellsim.gui import jobs


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


def flow_weights(path: Path) -> Path:
    """Fresh weights of PWC-Net by the names of the authors' file."""
    import torch

    from napari_cellsim import nets
    from napari_cellsim.models import importers

    modules = importers._official_modules()
    state = nets.create("pwcnet", "thesis").state_dict()
    names = {key: f"{modules[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}" for key in state}
    torch.save({names[key]: value for key, value in state.items()}, path)
    return path


def generator_weights(path: Path) -> Path:
    """Random weights of a small Multi-StyleGAN as its authors wrap them."""
    import torch

    from napari_cellsim.models.import_multistylegan import layout
    from napari_cellsim.ops import fir_kernel

    state = {name: torch.rand(shape) for name, shape in layout((4, 4, 4, 4), 5, 3, 8).items()}
    for name in state:
        if name.endswith(".kernel"):
            state[name] = (4 if ".blur." in name else 1) * fir_kernel()
    torch.save({"generator_ema": {f"module.{name}": value for name, value in state.items()}}, path)
    return path


@pytest.fixture
def import_file(dock, tmp_path, monkeypatch, qtbot):
    """Press the button and choose a file, as a person does, and wait for the end."""
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path / "kept"))

    def press(path: Path) -> None:
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
        qtbot.mouseClick(dock.import_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not jobs.running_jobs(), timeout=60_000)

    return press


@pytest.mark.parametrize(
    ("write", "purpose"),
    [
        (lambda folder: flow_weights(folder / "pwc_net.pth.tar"), "optical flow"),
        (lambda folder: generator_weights(folder / "checkpoint_100.pt"), "generate"),
        (None, "start of a classifier"),
    ],
    ids=["PWC-Net", "Multi-StyleGAN", "ResNet-18"],
)
def test_import_recognises_what_a_file_holds(dock, import_file, resnet18_file, tmp_path, write, purpose):
    path = resnet18_file if write is None else write(tmp_path)
    import_file(path)
    assert not dock.message.startswith("⚠"), dock.message
    entry = dock.selected
    assert entry.name == path.name.partition(".")[0]
    assert dock._tree.currentItem().text(1) == purpose
    assert "Brought by the user" in dock.details
    assert entry.path == tmp_path / "kept" / f"{entry.name}.safetensors"


def test_a_file_with_other_weights_gets_one_sentence(dock, import_file, tmp_path):
    import torch

    path = tmp_path / "wrong.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    before = dock.entries
    import_file(path)
    assert dock.message.startswith("⚠")
    for words in ("wrong.pth", "PWC-Net, Multi-StyleGAN and ResNet-18"):
        assert words in dock.message
    assert "\n" not in dock.message
    assert len(dock.entries) == len(before)
    assert not list((tmp_path / "kept").glob("*"))
