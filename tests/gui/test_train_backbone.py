"""From a downloaded file of ResNet-18 to a trained classifier, in the docks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox
from train_runs import ended

from napari_cellsim.base import CellSimError
from napari_cellsim.gui import jobs, settings
from napari_cellsim.models import Model, load_model
from napari_cellsim.training import supervision

PATIENCE = 150_000


@pytest.fixture
def forams(tmp_path) -> Path:
    random = np.random.default_rng(0)
    for name, colour in {"benthic": (200, 60, 40), "planktic": (40, 80, 210)}.items():
        (tmp_path / "forams" / name).mkdir(parents=True)
        for number in range(12):
            pixels = (random.integers(0, 40, (32, 32, 3)) + colour).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "forams" / name / f"{number:02d}.png")
    return tmp_path / "forams"


@pytest.fixture
def docks(make_napari_viewer, tmp_path, monkeypatch, _own_settings, qtbot):
    """The Train, Models and Evaluate docks of one viewer."""
    monkeypatch.setattr(supervision, "NICENESS", 0)
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path / "models"))
    settings.train_settings().runs_folder = str(tmp_path / "runs")
    viewer = make_napari_viewer()
    opened = [viewer.window.add_plugin_dock_widget("napari-cellsim", name)[1] for name in ("Train", "Models")]
    yield opened
    train = opened[0]
    if train.follower.running_name:
        train.cancel()
        qtbot.waitUntil(lambda: ended(train), timeout=PATIENCE)


def test_from_the_file_to_a_classifier(docks, forams, resnet18_file, resnet18_state, tmp_path, qtbot):
    train, models = docks
    form = train.form
    models.import_weights(resnet18_file)
    qtbot.waitUntil(lambda: not jobs.running_jobs(), timeout=PATIENCE)
    backbone = str(tmp_path / "models" / "resnet18-f37072fd.safetensors")
    assert models.selected.path == Path(backbone)

    assert backbone not in form.start.choices, "a forecaster cannot start from it"
    form.what.value = next(one for one in form.what.choices if one.title == "Classifier of specimens")
    assert form.preset.value == "lite"
    form.start.native.setCurrentText("resnet18-f37072fd")
    assert form.preset.value == "resnet18", "the only size that it fits"

    form.folder.value = str(forams)
    form.specimens.size.native.setCurrentText("32 px")
    form.name.value = "named"
    form.device.value = "cpu"
    form.unit.value = "steps"
    form.amount.value = 2
    form.advanced.fill(
        {"frozen": 4, "overrides": {"hidden": [8]}, "data": {"batch": 4}}, {"validate_every": 1}
    )
    form.start.native.setCurrentText("fresh weights")
    with pytest.raises(CellSimError, match="bring them with Import weights… in the Models dock"):
        train.run().wait(PATIENCE / 1000)
    assert not (tmp_path / "runs" / "named").exists()
    form.start.native.setCurrentText("resnet18-f37072fd")
    qtbot.mouseClick(train._view.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: train.follower.run == tmp_path / "runs" / "named", timeout=PATIENCE)
    qtbot.waitUntil(lambda: ended(train), timeout=PATIENCE)
    assert "named is ready" in train.message, train.message
    model = load_model(tmp_path / "runs" / "named" / "final.safetensors")
    own = model.network.backbone.state_dict()
    assert all(torch.equal(value, resnet18_state[key]) for key, value in own.items())
    assert model.card.training["class_names"] == ["benthic", "planktic"]


def test_a_backbone_is_offered_nowhere_as_a_classifier(docks, resnet18_file, tmp_path, qtbot):
    train, models = docks
    (tmp_path / "models").mkdir()
    Model.create("own-classifier", "classifier").save(tmp_path / "models" / "own-classifier.safetensors")
    models.import_weights(resnet18_file)
    qtbot.waitUntil(lambda: not jobs.running_jobs(), timeout=PATIENCE)
    viewer = train._viewer
    offered = []
    for name in ("Evaluate", "Generate", "Forecast"):
        _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", name)
        for box in dock.findChildren(QComboBox):
            offered += [box.itemText(i) for i in range(box.count())]
    assert {"sdcnet-default", "own-classifier"} <= set(offered), "models are looked for where they are"
    assert not [text for text in offered if "resnet18" in text]
