"""The Study tab of the Evaluate dock: from a folder of simulated shells to a verdict, as a person gets there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from qtpy.QtGui import QDesktopServices

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError
from napari_cellsim.gui.evaluate_study_tab import StudyTab
from napari_cellsim.models import Model, ModelCard
from napari_cellsim.training import SpecimenConfig
from napari_cellsim.training.specimen_pictures import fingerprints

SIZE = 32
CLASSES = ("grain", "spiral")
PATIENCE = 60_000


def write_shells(root: Path, count: int, seed: int, classes: tuple[str, ...] = CLASSES) -> Path:
    """A folder of simulated photographs per class."""
    for name in classes:
        (root / name).mkdir(parents=True)
        for number, picture in enumerate(
            phantom.simulate_shells(count, seed, size=SIZE, classes=name).images
        ):
            Image.fromarray(picture.transpose(1, 2, 0)).save(root / name / f"{number:03d}.png")
    return root


@pytest.fixture(scope="module")
def shells(tmp_path_factory) -> Path:
    return write_shells(tmp_path_factory.mktemp("real") / "shells", 12, 0)


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Path:
    return write_shells(tmp_path_factory.mktemp("generated") / "pictures", 6, 50)


@pytest.fixture(scope="module")
def generators(shells, tmp_path_factory) -> Path:
    """Untrained generators of 16 px, one per class, that say they learnt from the training part alone."""
    folder = tmp_path_factory.mktemp("generators")
    specimens = SpecimenConfig(folder=str(shells), size=16).read()
    for seed, name in enumerate(CLASSES):
        marks = fingerprints(specimens, specimens.rows("train", name))
        card = ModelCard(
            modality="photograph",
            normalisation={"method": "range", "mean": 127.5, "std": 127.5, "low": 0, "high": 255},
            training={"classes": {name: 10}, "fingerprints": marks},
        )
        torch.manual_seed(seed)
        model = Model.create(f"shells ({name})", "msggan", card=card, size=16, latent=6, widths=(8,) * 9)
        model.save(folder / f"shells ({name}).safetensors")
    return folder


@pytest.fixture
def dock(make_napari_viewer, tmp_path, monkeypatch):
    """A viewer's Evaluate dock at the tab Study, with no model on its list."""
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path / "models"))
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Evaluate")
    dock.show_tab("Study")
    dock.viewer, dock.models = viewer, tmp_path / "models"
    return dock


@pytest.fixture
def view(dock) -> StudyTab:
    return dock._view.study


def fill_in(view: StudyTab, real: Path, generated: list[Path]) -> None:
    """Ask for four short trainings."""
    view.folder.value = str(real)
    view.generated.drop_zone.dropped.emit(generated)
    view.pictures.size.value = SIZE
    view.per_class.value = "4"
    view.initialisations.value = 2
    view.steps.value = 2
    view.device.value = "cpu"


def ended(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: dock.job is None, timeout=PATIENCE)


def test_from_a_folder_to_a_verdict(dock, view, shells, generated, tmp_path, qtbot, monkeypatch):
    view.drop_zone.dropped.emit([shells])
    qtbot.waitUntil(lambda: "grain" in view.pictures.table_line.text(), timeout=PATIENCE)
    cells = view.pictures.table_line.text().replace("<td align=right>", "|").replace("</td>", "")
    assert "grain|9|2|1" in cells
    assert "spiral|9|2|1" in cells
    fill_in(view, shells, [generated])
    view.per_class.value = "6, 4"
    assert view.plan.text().startswith(
        "6 trainings: 2 with real pictures alone, 2 with 4 generated ones of each"
    )
    assert "Cancelled, they are lost" in view.plan.text()
    said = []
    view.run_button.click()
    dock.job.happened.connect(lambda _event: said.append(dock.message))
    assert not view.run_button.isEnabled()
    qtbot.waitUntil(lambda: view.result.isVisibleTo(dock), timeout=PATIENCE)
    ended(dock, qtbot)
    assert view.run_button.isEnabled()
    assert any("Training" in words and "of 6" in words for words in said)
    assert "finished" in dock.message

    study = dock.study
    assert study.verdict in view.result.summary.text()
    assert study.verdict.startswith("No significant difference")
    heads, real, few, many = view.result.texts
    assert (real[0], few[0], many[0]) == ("real only", "+ 4 per class", "+ 6 per class")
    means = [100 * arm.mean.value for arm in study.arms]
    assert [float(row[1].split()[0]) for row in (real, few, many)] == pytest.approx(means, abs=0.5)
    best = heads.index("Best, %")
    assert [float(row[best]) for row in (real, few, many)] == pytest.approx(
        [100 * arm.best for arm in study.arms]
    )
    assert real[heads.index("Difference, points")] == "–"
    for row, test in zip((few, many), study.tests, strict=True):
        difference = row[heads.index("Difference, points")]
        assert float(difference.split()[0]) == pytest.approx(100 * test.difference.value, abs=0.05)
        assert "[" in difference
        assert float(row[heads.index("p (Holm)")]) == pytest.approx(test.holm)
        assert row[heads.index("Significant")] == "no"
    notes = view.result.notes.text()
    for sentence in (*(test.conclusion for test in study.tests), study.judgement, *study.warnings):
        assert sentence in notes

    view.result.choice.value = "Each class"
    heads, *rows = view.result.texts
    assert [row[0] for row in rows] == list(CLASSES)
    assert float(rows[0][-1]) == pytest.approx(100 * study.recognised["grain"][1], abs=0.05)
    view.result.choice.value = "Unsure test pictures"
    assert {row[0] for row in view.result.texts[1:]} == set(study.test)

    assert study.command.endswith(
        f"study {shells} --synthetic {generated} --initialisations 2 --per-class 6,4 --size 32 --steps 2"
    )
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    view.result.open_button.click()
    ended(dock, qtbot)
    assert study.verdict in Path(opened[0]).read_text(encoding="utf-8")
    dock.save_report(tmp_path / "study.json").wait(30)
    assert len(json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))["arms"]) == 3


def test_cancelled_midway_and_continued_from_the_folder(dock, view, shells, generated, tmp_path, qtbot):
    fill_in(view, shells, [generated])
    view.steps.value = 60
    view.keep.value = str(tmp_path / "kept")
    assert "goes on from the folder" in view.plan.text()
    view.run_button.click()
    qtbot.waitUntil(lambda: "Training 2 of 4" in dock.message, timeout=PATIENCE)
    dock._view.bar.cancel_button.click()
    ended(dock, qtbot)
    assert "cancelled" in dock.message
    assert dock.study is None
    assert not view.result.isVisibleTo(dock)
    assert view.folder.value == str(shells)
    assert view.generated.paths() == (generated,)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("final.safetensors")}
    assert 1 <= len(before) <= 3

    said = set()
    view.run_button.click()
    dock.job.happened.connect(lambda event: said.add(event.message))
    qtbot.waitUntil(lambda: view.result.isVisibleTo(dock), timeout=PATIENCE)
    ended(dock, qtbot)
    assert "Training 1 of 4" not in said
    assert "Training 4 of 4" in said
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [len(arm.trainings) for arm in dock.study.arms] == [2, 2]

    first = dock.study
    view.steps.value = 59  # another study, whose trainings must not be mixed with these
    view.run_button.click()
    ended(dock, qtbot)
    assert "other settings" in dock.message
    assert dock.study is first, "what was measured stays"
    assert view.result.isVisibleTo(dock)


def test_generators_of_the_model_list_and_their_picture_size(dock, view, shells, generators, qtbot):
    shutil.copytree(generators, dock.models)
    dock.reset_choices()
    assert view.generated.combo.native.currentText() == "models shells: grain, spiral"
    assert view.pictures.size.value == 16, "that of the generators"
    view.folder.value = str(shells)
    study = dock.study_augmentation(per_class=(2,), initialisations=2, steps=1).wait(60)
    assert study.synthetic["counts"] == {"grain": 2, "spiral": 2}
    assert study.settings["classifier"]["data"]["size"] == 16
    assert not any("does not say what its generator" in warning for warning in study.warnings)
    files = sorted(generators.glob("*.safetensors"))
    view.generated.drop_zone.dropped.emit(files)
    view.pictures.size.value = SIZE
    with pytest.raises(CellSimError, match="draws 16 px"):
        dock.study_augmentation(initialisations=2, steps=1).wait(60)


def spoil_picture(folder: Path) -> None:
    (folder / "grain" / "000.png").write_bytes(b"no picture")


def another_class(folder: Path) -> None:
    (folder / "spiral").rename(folder / "globular")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda view, real, made: setattr(view.folder, "value", ""), "Choose the folder of your pictures"),
        (lambda view, real, made: setattr(view.folder, "value", "/nowhere"), "/nowhere"),
        (lambda view, real, made: shutil.rmtree(real / "spiral"), "at least two classes"),
        (lambda view, real, made: spoil_picture(real), "000.png"),
        (lambda view, real, made: spoil_picture(made), "000.png"),
        (lambda view, real, made: another_class(made), "no generated pictures of the class spiral"),
        (lambda view, real, made: view.generated.clear(), "No generated pictures are chosen"),
        (lambda view, real, made: setattr(view.per_class, "value", ""), "are not numbers"),
        (lambda view, real, made: setattr(view.per_class, "value", "4, many"), "are not numbers"),
        (lambda view, real, made: setattr(view.per_class, "value", "500"), "but 500 of each class"),
        (lambda view, real, made: setattr(view.initialisations, "value", 1), "shows no spread"),
        (lambda view, real, made: setattr(view.split, "value", str(real / "none.json")), "none.json"),
    ],
)
def test_bad_input_gets_one_sentence(dock, view, shells, generated, tmp_path, qtbot, spoil, sentence):
    real, made = (shutil.copytree(path, tmp_path / path.name) for path in (shells, generated))
    fill_in(view, real, [made])
    spoil(view, real, made)
    view.run_button.click()
    qtbot.waitUntil(lambda: "⚠" in dock.message, timeout=PATIENCE)
    assert sentence in dock.message
    assert "unexpected" not in dock.message
    assert "\n" not in dock.message
    assert dock.study is None
    ended(dock, qtbot)
    assert view.run_button.isEnabled()
    assert view.steps.value == 2, "nothing that was typed is lost"


def test_an_unreadable_picture_is_told_before_anything_starts(view, shells, tmp_path, qtbot):
    real = shutil.copytree(shells, tmp_path / "shells")
    spoil_picture(real)
    view.folder.value = str(real)
    qtbot.waitUntil(lambda: "000.png" in view.seen_line.text(), timeout=PATIENCE)
    assert view.seen_line.text().startswith("⚠")
    assert view.pictures.table_line.isHidden()
