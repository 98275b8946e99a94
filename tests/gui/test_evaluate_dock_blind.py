"""The Blind test tab of the Evaluate dock, answered by keys in its own window."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_cellsim.base import CellSimError
from napari_cellsim.gui.evaluate_judging import Judging, class_keys

EACH = 3


@pytest.fixture
def dock(make_napari_viewer, small_generators, monkeypatch):
    """A viewer's Evaluate dock at its last tab, with real pictures and a small generator."""
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(small_generators))
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Evaluate")
    real = np.random.default_rng(0).normal(9000, 1500, (5, 40, 40)).clip(0).astype(np.uint16)
    viewer.add_image(real, name="stills")
    dock.show_tab("Blind test")
    dock._view.blind.generated.value = small_generators / "small-cellgan.safetensors"
    dock.viewer = viewer
    return dock


@pytest.fixture
def judge(qtbot):
    """Press keys in the window of a test, and wait until each answer is on the disk."""

    def press(window, keys):
        for key in keys:
            code = {"<": Qt.Key.Key_Backspace, "!": Qt.Key.Key_Escape}.get(key)
            qtbot.keyClick(window, key if code is None else code)
            qtbot.waitUntil(lambda: not window.busy, timeout=10_000)

    return press


def make(dock, folder, **choices):
    dock.make_test(folder, each=EACH, seed=5, **choices).wait(60)


def texts(window):
    return " ".join(label.text() for label in window.findChildren(QLabel))


def begin(dock, name):
    dock._view.blind.assessor.value = name
    dock.begin().wait(30)
    return dock.window_of_test


def test_from_pictures_to_the_result_by_keys(dock, tmp_path, judge, qtbot):
    view = dock._view.blind
    view.folder.value = str(tmp_path / "test")
    view.each.value = EACH
    view.make_button.click()
    qtbot.waitUntil(lambda: (tmp_path / "test" / "pictures.npy").exists(), timeout=60_000)
    qtbot.waitUntil(lambda: dock.job is None, timeout=30_000)
    assert "6 pictures are ready" in view.status.text()
    assert [layer.name for layer in dock.viewer.layers] == ["stills"], "no layer tells what is what"
    view.assessor.value = "Anna"
    view.begin_button.click()
    qtbot.waitUntil(lambda: dock.window_of_test is not None, timeout=30_000)
    window = dock.window_of_test
    truth = json.loads((tmp_path / "test" / "key.json").read_text(encoding="utf-8"))["generated"]
    for number, generated in enumerate(truth):
        assert f"{number + 1} of 6" in texts(window)
        judge(window, "g5" if generated else "r4")
    qtbot.waitUntil(lambda: dock.study is not None and dock.job is None, timeout=30_000)
    assert dock.window_of_test is None
    (anna,) = dock.study.assessors
    assert anna.kind.all.value == 1.0
    row = dict(zip(*view.result.texts, strict=True))
    assert row["Assessor"] == "Anna"
    assert row["Right"].startswith("100 % [")
    assert (row["Confidence real"], row["Confidence generated"]) == ("4.00", "5.00")
    assert row["Real called generated"] == "0"
    dock.save_report(tmp_path / "blind.html").wait(30)
    assert "Anna" in (tmp_path / "blind.html").read_text(encoding="utf-8")


def test_the_screen_is_the_same_for_both_kinds(dock, tmp_path, judge):
    make(dock, tmp_path / "test")
    truth = json.loads((tmp_path / "test" / "key.json").read_text(encoding="utf-8"))["generated"]
    window = begin(dock, "Anna")
    seen = {True: set(), False: set()}
    for number, generated in enumerate(truth[:-1]):
        words = texts(window).replace(f"{number + 1} of 6", "")
        seen[generated].add((words, window.windowTitle(), window.picture.toolTip()))
        judge(window, "r1")
    assert seen[True] == seen[False]
    assert len(seen[True]) == 1
    assert window.isModal(), "the viewer's layers cannot be looked through meanwhile"


def test_break_off_resume_and_take_back(dock, tmp_path, judge, qtbot):
    make(dock, tmp_path / "test")
    window = begin(dock, "Anna")
    judge(window, "r3g2")
    judge(window, "g<")  # half an answer is taken back first
    assert "3 of 6" in texts(window)
    judge(window, "<")
    assert "2 of 6" in texts(window)
    judge(window, "xr5")  # X means nothing
    judge(window, "!")
    assert dock.window_of_test is None
    assert "Anna has judged 2 of 6" in dock._view.blind.status.text()
    with pytest.raises(CellSimError, match="after the last one"):
        dock.show_results().wait(30)
    window = begin(dock, " Anna ")
    assert "3 of 6" in texts(window)
    answers = window.standing.test.answers()
    assert [(a.generated, a.confidence) for a in answers] == [(False, 3), (False, 5)]
    judge(window, "g1" * 4)
    qtbot.waitUntil(lambda: dock.study is not None and dock.job is None, timeout=30_000)
    assert dock.study.assessors[0].answers == 6
    dock.begin().wait(30)
    assert dock.window_of_test is None, "there is nothing left to judge"


def test_second_assessor_and_classes(dock, tmp_path, judge, qtbot):
    view = dock._view.blind
    view.classes.value = "round, ghost, rod, round"
    make(dock, tmp_path / "test")
    window = begin(dock, "Anna")
    assert all(part in texts(window) for part in ("[O] round", "[H] ghost", "[D] rod"))
    judge(window, "og1" + "1gd" + "r2h" + "g5o" * 3)
    qtbot.waitUntil(lambda: dock.study is not None and dock.job is None, timeout=30_000)
    assert view.result.isVisibleTo(dock)
    window = begin(dock, "Ben")
    assert not view.result.isVisibleTo(dock), "Anna's result would influence Ben"
    assert "1 of 6" in texts(window)
    judge(window, "r1o" * 6)
    qtbot.waitUntil(lambda: dock.study is not None and dock.job is None, timeout=30_000)
    names = [row[0] for row in view.result.texts[1:]]
    assert names == ["Anna", "Ben", "all assessors"]
    said = [a.cell_class for a in window.standing.test.answers() if a.assessor == "Anna"]
    assert said[:3] == ["round", "rod", "ghost"]


def test_from_a_layer_of_generated_pictures(dock, small_generators, tmp_path):
    from napari_cellsim import generate

    pictures = generate(small_generators / "small-cellgan.safetensors", n=4, seed=1)
    (layer,) = pictures.add_to(dock.viewer)
    view = dock._view.blind
    view.generated.value = dock.viewer.layers[layer.name]
    make(dock, tmp_path / "test", real=dock.viewer.layers["stills"])
    from napari_cellsim.evaluation import Assessment

    assert Assessment(tmp_path / "test").pictures.shape == (2 * EACH, 32, 32)


def test_true_classes_from_a_table(dock, small_generators, tmp_path, judge, qtbot):
    from napari_cellsim import generate

    generate(small_generators / "small-cellgan.safetensors", n=4, seed=1).add_to(dock.viewer)
    view = dock._view.blind
    view.generated.value = dock.viewer.layers[-1]
    view.sources.combo.value = dock.viewer.layers["stills"]
    own = {"real": ["rod", "rod", "round", "rod", "round"], "generated": ["round", "rod", "rod", "rod"]}
    rows = [f"{kind},{n},{name}" for kind, names in own.items() for n, name in enumerate(names)]
    table = tmp_path / "classes.csv"
    table.write_text("\n".join(["kind,picture,class", *rows]), encoding="utf-8")
    view.folder.value, view.each.value, view.truth.value = str(tmp_path / "test"), EACH, str(table)
    view.make_button.click()
    qtbot.waitUntil(lambda: "6 pictures are ready" in view.status.text(), timeout=60_000)
    key = json.loads((tmp_path / "test" / "key.json").read_text(encoding="utf-8"))
    kinds = ["generated" if generated else "real" for generated in key["generated"]]
    truth = [own[kind][index] for kind, index in zip(kinds, key["index"], strict=True)]
    qtbot.waitUntil(lambda: dock.job is None, timeout=30_000)
    window = begin(dock, "Anna")
    assert all(part in texts(window) for part in ("[O] rod", "[U] round")), "the classes come from the table"
    judge(window, "r1o" * 6)
    qtbot.waitUntil(lambda: dock.study is not None and dock.job is None, timeout=30_000)
    assert dock.study.assessors[0].cell_class.all.value == truth.count("rod") / 6
    row = dict(zip(*view.result.texts, strict=True))
    assert row["Class right"].startswith(f"{100 * truth.count('rod') / 6:.0f} %")


@pytest.mark.parametrize(
    ("spoil", "press", "sentence"),
    [
        (lambda view, _: setattr(view.folder, "value", " "), "make_button", "Name the folder"),
        (lambda view, _: setattr(view.each, "value", 40), "make_button", "fewer than the 40"),
        (lambda view, _: None, "begin_button", "There is no blind test"),
        (lambda view, _: setattr(view.assessor, "value", ""), "begin_button", "name or initials"),
        (lambda view, _: setattr(view.generated, "value", None), "make_button", "no generated pictures"),
        (
            lambda view, path: (
                setattr(view.each, "value", EACH),
                setattr(view.truth, "value", str(path / "no.csv")),
            ),
            "make_button",
            "no.csv",
        ),
        (lambda view, path: (path / "pictures.npy").write_text("mine"), "make_button", "already"),
    ],
)
def test_bad_input_gets_one_sentence(dock, tmp_path, qtbot, spoil, press, sentence):
    view = dock._view.blind
    view.folder.value, view.assessor.value = str(tmp_path), "Anna"
    spoil(view, tmp_path)
    getattr(view, press).click()
    qtbot.waitUntil(lambda: "⚠" in dock.message, timeout=60_000)
    assert sentence in dock.message
    assert "unexpected" not in dock.message
    assert dock.window_of_test is None


def test_an_answer_that_cannot_be_written_is_asked_for_again(dock, tmp_path, judge):
    make(dock, tmp_path / "test")
    window = begin(dock, "Anna")
    (tmp_path / "test" / "answers.csv").mkdir()
    judge(window, "r1")
    assert "cannot be written" in texts(window)
    assert "1 of 6" in texts(window)
    (tmp_path / "test" / "answers.csv").rmdir()
    judge(window, "r1")
    assert "2 of 6" in texts(window)


def test_closing_the_dock_closes_the_window(make_napari_viewer, dock, tmp_path, qtbot):
    make(dock, tmp_path / "test")
    window = begin(dock, "Anna")
    gone = []
    window.destroyed.connect(lambda: gone.append(True))
    dock.parent().destroyOnClose()
    qtbot.waitUntil(lambda: bool(gone) or not window.isVisible(), timeout=10_000)


def test_keys_of_classes_are_free_letters():
    keys = class_keys(["round", "ghost", "rod", "2-cell", "rg"])
    assert len(keys) == 5
    assert not set(keys) & set("rg12345")
    assert list(keys.values()) == ["round", "ghost", "rod", "2-cell", "rg"]


def test_taking_back_goes_as_far_as_the_first_picture():
    judging = Judging(4, done=[0, 1])
    assert judging.current == 2
    for current in (1, 0, 0):
        judging.take_back()
        assert judging.current == current
    judging.press("G")
    assert judging.answer is None
    judging.press("3")
    assert judging.answer == (0, True, 3, None)
