"""The Evaluate dock with photographs of specimens: colour, a classifier, and a blind test of several classes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from qtpy.QtGui import QColor

from napari_cellsim import generate, phantom
from napari_cellsim.models import Model, ModelCard

SIZE = 16
CLASSES = ("grain", "spiral")
SHAPE = {"size": SIZE, "latent": 6, "widths": (12,) * 9}


@pytest.fixture(scope="module")
def shells(tmp_path_factory):
    """A folder of simulated photographs per class."""
    root = tmp_path_factory.mktemp("shells")
    for name in CLASSES:
        (root / name).mkdir()
        for number, picture in enumerate(phantom.simulate_shells(12, 0, size=SIZE, classes=name).images):
            Image.fromarray(picture.transpose(1, 2, 0)).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Untrained: a generator of each class, one of both, and a classifier of them."""
    folder = tmp_path_factory.mktemp("models")
    for seed, classes in enumerate([("grain",), ("spiral",), CLASSES]):
        name = f"shells ({classes[0]})" if len(classes) == 1 else "all shells"
        card = ModelCard(
            modality="photograph",
            normalisation={"method": "range", "mean": 127.5, "std": 127.5, "low": 0, "high": 255},
            training={"classes": dict.fromkeys(classes, 12)},
        )
        torch.manual_seed(seed)
        Model.create(name, "msggan", card=card, **SHAPE).save(folder / f"{name}.safetensors")
    card = ModelCard(training={"class_names": list(CLASSES)}, input_size=SIZE)
    judge = Model.create("judge", "classifier", card=card, classes=2, widths=(8,), hidden=())
    judge.save(folder / "judge.safetensors")
    return folder


@pytest.fixture
def dock(make_napari_viewer, models, small_generators, monkeypatch):
    """A viewer's Evaluate dock with these models and a small Cell-GAN on its list."""
    from napari_cellsim.gui import model_list

    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(models))
    trap = small_generators / "small-cellgan.safetensors"
    model_list.keep_for_session(trap)
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Evaluate")
    dock._view.generator.model_form.model.value = models / "shells (grain).safetensors"
    dock.viewer, dock.trap = viewer, trap
    yield dock
    model_list.drop_from_session(trap)


def ended(dock, qtbot, box):
    qtbot.waitUntil(lambda: box.isVisibleTo(dock) and dock.job is None, timeout=60_000)


def test_a_generator_of_specimens(dock, shells, models, qtbot):
    view = dock._view.generator
    dock.show_tab("Generator")
    assert view.truncation.native.isHidden(), "it means nothing for these models"
    assert not view.sources.pixel_size.native.isVisibleTo(dock)
    assert not view.classifier.native.isHidden()
    assert view.classifier.value == models / "judge.safetensors"
    view.sources.add([shells])
    view.n.value = 8
    view.run_button.click()
    ended(dock, qtbot, view.result)
    study = dock.study
    assert (study.distances.real, study.distances.fake) == (12, 8)
    table = {row[0]: row[1:] for row in view.result.texts[1:]}
    right = study.recognised.generated.right["grain"]
    assert table["Classifier right, grain"][0].startswith(f"{100 * right.value:.0f} % [")
    assert table["Classifier right, grain"][0].endswith("of 8")
    assert table["Classifier right, grain"][1].endswith("of 12")
    assert "judge" in view.result.summary.text()
    assert "--classifier" in study.command
    assert str(shells) in study.command


def test_a_colour_layer_is_as_good_as_files_of_its_size(dock, shells, models):
    images = phantom.simulate_shells(12, 3, size=SIZE, classes="grain").images
    dock.viewer.add_image(np.moveaxis(images, 1, -1), name="photographs", rgb=True)
    study = dock.evaluate_generator(n=8).wait(60)
    assert study.distances.real == 12
    assert study.recognised.real.pictures == 12
    assert study.recognised.real.right == {}, "nobody knows what a layer shows"
    assert study.command is None


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda dock, view, _: setattr(view.classifier, "value", None), "give a classifier"),
        (lambda dock, view, _: setattr(view.model_form.model, "value", dock.trap), "no TIFF"),
        (lambda dock, view, shells: view.sources.add([shells / "grain" / "0.png"]), "single picture"),
    ],
)
def test_bad_input_gets_one_sentence(dock, shells, qtbot, spoil, sentence):
    view = dock._view.generator
    view.sources.add([shells])
    spoil(dock, view, shells)
    view.n.value = 8
    view.run_button.click()
    qtbot.waitUntil(lambda: "⚠" in dock.message, timeout=60_000)
    assert sentence in dock.message
    assert "unexpected" not in dock.message
    assert dock.study is None


def test_a_model_of_traps_asks_for_no_classifier(dock):
    view = dock._view.generator
    view.model_form.model.value = dock.trap
    assert view.classifier.native.isHidden()
    assert not view.truncation.native.isHidden()
    assert view.request(real=[dock.trap]).classifier is None


def press(qtbot, window, keys):
    for key in keys:
        qtbot.keyClick(window, key)
        qtbot.waitUntil(lambda: not window.busy, timeout=10_000)


def test_blind_test_of_several_classes_in_colour(dock, shells, models, tmp_path, qtbot):
    view = dock._view.blind
    dock.show_tab("Blind test")
    names = [name for name, _ in view._makers(None)]
    assert "models shells: grain, spiral" in names
    view.generated.value = dict(view._makers(None))["models shells: grain, spiral"]
    view.folder.value, view.assessor.value = str(tmp_path / "test"), "Anna"
    view.sources.add([shells])
    view.each.value = 5
    view.make_button.click()
    qtbot.waitUntil(lambda: "10 pictures are ready" in view.status.text(), timeout=60_000)
    qtbot.waitUntil(lambda: dock.job is None, timeout=30_000)
    key = json.loads((tmp_path / "test" / "key.json").read_text(encoding="utf-8"))
    own = list(zip(key["generated"], key["class"], strict=True))
    assert sorted(own) == sorted(
        [
            (kind, name)
            for kind in (False, True)
            for name, n in (("grain", 3), ("spiral", 2))
            for _ in range(n)
        ]
    )
    view.begin_button.click()
    qtbot.waitUntil(lambda: dock.window_of_test is not None, timeout=30_000)
    window = dock.window_of_test
    assert list(window.judging.keys.values()) == list(CLASSES)
    shown = window.standing.test.pictures
    assert shown.shape == (10, SIZE, SIZE, 3)
    for place in ((0, 0), (7, 3)):
        assert QColor(window.picture._image.pixel(place[1], place[0])).getRgb()[:3] == tuple(shown[0][place])
    letters = {name: letter for letter, name in window.judging.keys.items()}
    for generated, name in own:
        press(qtbot, window, ("g5" if generated else "r5") + letters[name])
    qtbot.waitUntil(lambda: dock.study is not None and dock.job is None, timeout=30_000)
    (anna,) = dock.study.assessors
    assert anna.kind.all.value == anna.cell_class.all.value == 1
    assert anna.class_confusion == {"grain": {"grain": 6, "spiral": 0}, "spiral": {"grain": 0, "spiral": 4}}


def test_blind_test_from_a_colour_layer_of_one_class(dock, shells, models, tmp_path):
    generate(models / "shells (grain).safetensors", n=6, seed=1).add_to(dock.viewer)
    layer = dock.viewer.layers[-1]
    dock.make_test(tmp_path / "test", real=[shells], generated=layer, each=4).wait(60)
    key = json.loads((tmp_path / "test" / "key.json").read_text(encoding="utf-8"))
    assert key["class"] == [None] * 8, "of one class nothing is to be asked"
    test = dock._view.blind
    test.classes.value = "grain, spiral"
    dock.make_test(tmp_path / "asked", real=[shells], generated=layer, each=4).wait(60)
    key = json.loads((tmp_path / "asked" / "key.json").read_text(encoding="utf-8"))
    assert key["class"] == ["grain"] * 8
    dock.begin("Anna", tmp_path / "asked").wait(30)
    window = dock.window_of_test
    layer_pictures = np.rint(np.asarray(layer.data) * 255).astype(np.uint8)
    number = key["generated"].index(True)
    picture = window.standing.test.pictures[number]
    assert (layer_pictures == picture).all(axis=(1, 2, 3)).any(), "colours are those of the layer"
    window.close()
