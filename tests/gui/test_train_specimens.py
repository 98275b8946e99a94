"""Training on a folder of photographs in the Train dock: a generator per class, a classifier, odd and bad folders."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication
from train_runs import ended

from napari_cellsim.base import CellSimError
from napari_cellsim.gui import model_list, settings
from napari_cellsim.models import Model, ModelCard
from napari_cellsim.training import (
    CellGANConfig,
    ClassifierConfig,
    MSGGANConfig,
    SpecimenConfig,
    read_run,
    supervision,
)

PATIENCE = 150_000
CLASSES = {"benthic": (200, 60, 40), "planktic": (40, 80, 210)}
TINY = {"data": {"batch": 2}, "overrides": {"latent": 4, "widths": [4] * 9}}


def photographs(root: Path, counts: dict[str, int], size: tuple[int, int] = (32, 32)) -> Path:
    """Noisy pictures in folders by class; each class has its colour."""
    random = np.random.default_rng(0)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            noise = random.integers(0, 40, (*size, 3))
            pixels = (noise + CLASSES.get(name, (90, 90, 90))).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number:03d}.png")
    return root


@pytest.fixture(scope="session")
def forams(tmp_path_factory) -> Path:
    return photographs(tmp_path_factory.mktemp("own") / "forams", {"benthic": 130, "planktic": 20})


@pytest.fixture
def dock(make_napari_viewer, tmp_path, monkeypatch, _own_settings, qtbot):
    monkeypatch.setattr(supervision, "NICENESS", 0)
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path / "models"))
    settings.train_settings().runs_folder = str(tmp_path / "runs")
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Train")
    dock.viewer, dock.folder = viewer, tmp_path / "runs"
    yield dock
    if dock.follower.running_name:
        dock.cancel()
        qtbot.waitUntil(lambda: ended(dock), timeout=PATIENCE)


def choose(dock, title: str) -> None:
    """Choose what to train by the words that the dock shows."""
    box = dock.form.what.native
    box.setCurrentIndex(next(i for i in range(box.count()) if box.itemText(i) == title))


def drop(dock, folder: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(folder))])
    keys = (Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(dock.form.drop_zone, QDragEnterEvent(QPoint(5, 5), *keys))
    QApplication.sendEvent(dock.form.drop_zone, QDropEvent(QPointF(5, 5), *keys))


def words(dock) -> str:
    return dock.form.data_line.text()


def wait_for_words(dock, qtbot, part: str) -> None:
    def said() -> None:
        assert part in words(dock)

    qtbot.waitUntil(said, timeout=PATIENCE)


def visible(row) -> bool:
    return not row.native.isHidden()


def own_model(folder: Path, name: str) -> Path:
    """A generator of the user's, trained on something else."""
    path = folder / f"{name}.safetensors"
    folder.mkdir(exist_ok=True)
    card = ModelCard(training={"classes": {"pollen": 300}})
    Model.create(name, "msggan", card=card, size=32, latent=4, widths=[4] * 9).save(path)
    return path


def test_classes_and_counts_are_shown_before_anything_starts(dock, forams, tmp_path, qtbot):
    form = dock.form
    assert not visible(form.specimens.classes), "a forecaster has no classes"
    pollen = own_model(tmp_path / "models", "pollen")
    dock.reset_choices()
    choose(dock, "Generator of specimens (MSG-GAN)")
    assert visible(form.specimens.classes)
    assert not visible(form.source)
    assert form.name.value == "my-msggan-1"
    drop(dock, forams)
    wait_for_words(dock, qtbot, "Learns from 120 pictures of all classes.")
    table = form.specimens.table_line.text()
    cells = table.replace("<td align=right>", "|").replace("</td>", "").replace("</tr>", "")
    assert "benthic|104|13|13" in cells
    assert "planktic|16|2|2" in cells
    offered = [
        form.specimens.classes.native.itemText(i) for i in range(form.specimens.classes.native.count())
    ]
    assert offered == ["All classes together", "One model per class", "benthic", "planktic"]
    assert "fewer than" not in words(dock)

    form.specimens.classes.native.setCurrentText("planktic")
    assert "Learns from 16 pictures of planktic." in words(dock)
    assert "⚠ 16 of planktic: fewer than 100 pictures" in words(dock)
    form.start.value = str(pollen)
    assert "fewer than" not in words(dock), "this is what the warning asks for"
    request = form.request()
    assert request.start == str(pollen)
    assert (request.data.classes, request.data.each) == (("planktic",), False)
    form.start.value = ""
    form.specimens.classes.native.setCurrentText("One model per class")
    assert "2 models, trained one after the other." in words(dock)
    assert "⚠ 16 of planktic" in words(dock)

    choose(dock, "Classifier of specimens")
    assert not visible(form.specimens.classes)
    wait_for_words(dock, qtbot, "Learns from 120 pictures of all classes.")
    assert "fewer than" not in words(dock)
    choose(dock, "Forecaster (SDC-Net++)")
    assert form.specimens.table_line.isHidden()
    assert visible(form.source)


def test_one_model_per_class_from_folder_to_generated_pictures(dock, forams, qtbot):
    form, progress = dock.form, dock.progress
    choose(dock, "Generator of specimens (MSG-GAN)")
    drop(dock, forams)
    wait_for_words(dock, qtbot, "of all classes")
    form.specimens.classes.native.setCurrentText("One model per class")
    form.specimens.size.native.setCurrentText("32 px")
    form.name.value = "forams"
    form.device.value = "cpu"
    form.unit.value = "steps"
    form.amount.value = 4
    form.advanced.fill(TINY, {"log_every": 1, "validate_every": 2})
    qtbot.mouseClick(dock._view.probe_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "for each of the models" in dock._view.probe_line.text(), timeout=PATIENCE)
    qtbot.waitUntil(lambda: dock.job is None, timeout=PATIENCE)
    qtbot.mouseClick(dock._view.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.follower.run == dock.folder / "forams (benthic)", timeout=PATIENCE)
    qtbot.waitUntil(lambda: dock.follower.run == dock.folder / "forams (planktic)", timeout=PATIENCE)
    qtbot.waitUntil(lambda: ended(dock), timeout=PATIENCE)
    assert "forams (planktic) is ready" in dock.message, dock.message
    assert not (dock.folder / "forams").exists()

    # the monitors of the recipe, in words, and the pictures at all scales
    shown = {name: value.text() for name, value in progress.monitors.values.items()}
    assert not progress.monitors.isHidden()
    assert [f"({side} px)" in shown["change"] for side in (4, 8, 16, 32)] == [True] * 4
    assert "chance: 1 %" in shown["copies"]
    assert "real pictures" in shown["grid"]
    assert shown["duality_gap"] == ""
    picture = progress.monitors.picture.pixmap()
    assert picture.width() / picture.height() == pytest.approx(8 / 4, rel=0.05), "8 pictures at 4 scales"
    assert {"change_4", "copies", "grid"} <= set(progress.curves.names)
    for name in CLASSES:
        assert dock.viewer.layers[f"training preview of forams ({name})"].data.shape == (4 * 32, 8 * 32, 3)
    qtbot.waitUntil(lambda: [run.status for run in dock.runs] == ["finished"] * 2, timeout=PATIENCE)

    # the models are those of the Generate dock now, and belong together
    _, generate = dock.viewer.window.add_plugin_dock_widget("napari-cellsim", "Generate")
    models = {entry.name: entry.path for entry in model_list.available("msggan")}
    assert set(models) == {f"forams ({name})" for name in CLASSES}
    chooser = generate._view.model_form
    chooser.model.value = models["forams (benthic)"]
    texts = [chooser.specimens.native.itemText(i) for i in range(chooser.specimens.native.count())]
    assert texts == ["benthic", "planktic"]
    chooser.specimens.native.setCurrentText("planktic")
    drawn = generate.run(n=2).wait(PATIENCE / 1000)
    assert drawn.provenance["model"]["name"] == "forams (planktic)"
    assert drawn.colour

    # and the settings of one can be taken for another run
    dock.reuse(dock.folder / "forams (planktic)")
    wait_for_words(dock, qtbot, "Learns from 16 pictures of planktic.")
    request = form.request()
    assert request.choice.title == "Generator of specimens (MSG-GAN)"
    assert request.data.classes == ("planktic",)
    assert request.data.photographs["size"] == 32
    assert request.settings["overrides"] == TINY["overrides"]
    assert request.fit_config().average == 0.999


def test_a_cell_gan_of_photographs_generates_in_colour(dock, tmp_path):
    """What the Train dock's other generator leads to: its card is that of a training on photographs."""
    card = ModelCard(
        modality="photograph",
        normalisation={"method": "range", "mean": 127.5, "std": 127.5},
        training={"classes": {"benthic": 104, "planktic": 16}},
    )
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "own.safetensors"
    Model.create("own", "cellgan", card=card, size=32, channels=3, latent=8).save(path)
    _, generate = dock.viewer.window.add_plugin_dock_widget("napari-cellsim", "Generate")
    form = generate._view.model_form
    form.model.value = path
    assert form.specimens.native.currentText() == "2 together: benthic, planktic"
    drawn = generate.run(n=2).wait(PATIENCE / 1000)
    assert drawn.images.shape == (2, 1, 3, 32, 32)
    assert drawn.images.min() >= 0
    assert drawn.images.max() <= 255
    assert generate.layer.rgb
    generate.mix([0], [1]).wait(PATIENCE / 1000)
    with pytest.raises(CellSimError, match="no start of a movie"):
        generate.forecast(0)


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Generator of specimens (MSG-GAN)", MSGGANConfig),
        ("Generator of specimens (Cell-GAN)", CellGANConfig),
        ("Classifier of specimens", ClassifierConfig),
    ],
)
def test_what_is_chosen_stands_in_the_run_file(dock, forams, monkeypatch, title, kind):
    form = dock.form
    monkeypatch.setattr(supervision, "launch", lambda run: None)
    choose(dock, title)
    form.folder.value = str(forams)
    form.specimens.channels.native.setCurrentText("grey")
    form.specimens.fit.native.setCurrentText("add stripes")
    form.specimens.background.native.setCurrentText("white")
    form.specimens.size.native.setCurrentText("32 px")
    form.preset.native.setCurrentIndex(0)
    form.name.value = "own"
    form.amount.value = 5
    dock.run().wait(PATIENCE / 1000)
    run = read_run(dock.folder / "own" / "run.toml")
    recipe = run.make()
    assert isinstance(recipe.config, kind)
    data = recipe.config.data
    assert isinstance(data, SpecimenConfig)
    assert (data.folder, data.size, data.channels) == (str(forams), 32, 1)
    assert (data.fit, data.background, data.classes) == ("pad", "white", ())
    assert recipe.config.model_name == "own"
    assert run.fit.export == "best"
    assert run.fit.patience == (10 if kind is ClassifierConfig else 0)
    dock.follower.job and dock.follower.job.cancel()


def test_the_advanced_settings_are_those_of_photographs(dock, qtbot):
    form = dock.form
    choose(dock, "Generator of specimens (Cell-GAN)")
    form.advanced.box.expand(animate=False)
    dock._ask_catalogue()
    qtbot.waitUntil(lambda: form.advanced.forms is not None, timeout=PATIENCE)
    recipe = form.advanced.forms[0]
    assert recipe.widget("data.split").value == ""
    assert recipe.widget("data.flip").value is False
    for chosen_elsewhere in ("data.size", "data.channels", "data.classes", "data.folder"):
        with pytest.raises(KeyError):
            recipe.widget(chosen_elsewhere)
    choose(dock, "Picture generator (Cell-GAN)")
    assert form.advanced.forms[0].widget("data.frames").value == 1
    choose(dock, "Generator of specimens (MSG-GAN)")
    form.advanced.forms[0].widget("duality_steps").value = 3
    form.advanced.forms[0].widget("judge").value = "duality_gap"
    assert form.request().settings == {"duality_steps": 3, "judge": "duality_gap"}


def spoil(root: Path, how: str) -> Path:
    """Make a folder that cannot be learnt from."""
    if how == "three pictures in all":
        return photographs(root, {"benthic": 1, "planktic": 1, "sediment": 1})
    photographs(root, {"benthic": 12, "planktic": 12})
    if how == "one class empty":
        (root / "sediment").mkdir()
    elif how == "unreadable picture":
        (root / "planktic" / "003.png").write_text("this is no picture")
    elif how == "a stack":
        tifffile.imwrite(root / "planktic" / "stack.tif", np.zeros((5, 20, 20), np.uint8))
    elif how == "twins":
        (root / "planktic" / "twin.png").write_bytes((root / "benthic" / "001.png").read_bytes())
    elif how == "no folder":
        return root / "nowhere"
    elif how == "a picture":
        return root / "benthic" / "001.png"
    return root


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("one class empty", "The class sediment is empty"),
        ("unreadable picture", "003.png cannot be read"),
        ("three pictures in all", "The class benthic has 1 different picture, too few"),
        ("a stack", "stack.tif holds a stack"),
        ("twins", "are the same picture in the classes benthic and planktic"),
        ("no folder", "There is no folder"),
        ("a picture", "There is no folder"),
    ],
)
def test_bad_folders_get_one_sentence_each(dock, tmp_path, how, sentence, qtbot):
    choose(dock, "Generator of specimens (MSG-GAN)")
    drop(dock, spoil(tmp_path / "own", how))
    wait_for_words(dock, qtbot, sentence)
    assert words(dock).startswith("⚠ ")
    assert "\n" not in words(dock)
    assert dock.form.specimens.table_line.isHidden()
    for choice in ("All classes together", "One model per class"):
        dock.form.specimens.classes.native.setCurrentText(choice)
        with pytest.raises(CellSimError, match=sentence):
            dock.run().wait(PATIENCE / 1000)
    assert not any(dock.folder.glob("*")), "nothing stays"


def test_no_folder_at_all_and_traps_instead_of_photographs(dock, forams, qtbot):
    choose(dock, "Generator of specimens (Cell-GAN)")
    with pytest.raises(CellSimError, match="Choose the folder of your pictures"):
        dock.run().wait(PATIENCE / 1000)
    choose(dock, "Picture generator (Cell-GAN)")
    drop(dock, forams)
    wait_for_words(dock, qtbot, "photographs in a folder per class are for the choices of specimens")


def test_odd_pictures_are_taken_and_said(dock, tmp_path, qtbot):
    """Mixed sizes and modes, transparency and 16-bit colour."""
    root = photographs(tmp_path / "own", {"benthic": 12, "planktic": 12}, (40, 72))
    random = np.random.default_rng(1)
    home = root / "benthic"
    Image.fromarray(random.integers(0, 256, (20, 20), np.uint8)).save(home / "grey.png")
    Image.fromarray(random.integers(0, 256, (50, 40, 4), np.uint8)).save(home / "clear.png")
    deep = random.integers(0, 4000, (64, 64, 3)).astype(np.uint16)
    (home / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    Image.fromarray(random.integers(0, 256, (90, 60, 3), np.uint8)).convert("CMYK").save(home / "print.jpg")
    choose(dock, "Generator of specimens (MSG-GAN)")
    drop(dock, root)
    wait_for_words(dock, qtbot, "of all classes")
    for note in (
        "enlarged",
        "1 picture grey, repeated in red, green and blue",
        "1 picture partly transparent, laid on the background",
        "1 picture of more than 8 bits: 4095 is white",
    ):
        assert note in words(dock)
    assert "benthic" in dock.form.specimens.table_line.text()
