"""Review and Split of the Dataset dock in a real viewer: keys, measures, rules, parts."""

from __future__ import annotations

import json
import shutil
import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_cellsim.base import CellSimError
from napari_cellsim.datasets import CropStore, Curation, Measures, MeasureTable, Split
from napari_cellsim.datasets.measures import measures_path
from napari_cellsim.gui.train_dock import TrainDock

KEEP, DROP, FLAG = Qt.Key.Key_K, Qt.Key.Key_D, Qt.Key.Key_F


def made_up(**faults) -> Measures:
    rows = {
        "cells": [3] * 4,
        "area": [50.0] * 4,
        "trapped": [18.0] * 4,
        "focus": [0.2] * 4,
        "difference": [0.0] + [0.03] * 3,
    }
    for name, (frame, value) in faults.items():
        rows[name][frame] = value
    return Measures(**{name: tuple(values) for name, values in rows.items()})


@pytest.fixture
def store(phantom_store, tmp_path) -> CropStore:
    """A store of one's own."""
    shutil.copytree(phantom_store.path, tmp_path / "crops.zarr")
    return CropStore(tmp_path / "crops.zarr")


@pytest.fixture
def measured(store) -> CropStore:
    """The store with made-up measures: the first four sequences have one fault each."""
    faults = [{"cells": (3, 9)}, {"trapped": (1, 0.0)}, {"area": (3, 100.0)}, {"difference": (3, 0.2)}]
    faults += [{}] * (len(store) - len(faults))
    rows = {s.id: made_up(**fault) for s, fault in zip(store.sequences, faults, strict=True)}
    MeasureTable(rows, "made up", 0, 0).save(measures_path(store))
    return store


@pytest.fixture
def review(dataset_dock):
    """A function that opens a store for review and returns the Review tab."""

    def show(store):
        dataset_dock.open(store.path).wait(60)
        return dataset_dock._view.review

    return show


@pytest.fixture
def found_and_cropped(dataset_dock, phantom_chip, phantom_field, tmp_path):
    """The dock with the chip open, and the crops of its first trap."""
    dataset_dock.open(phantom_chip).wait(60)
    dataset_dock._view.find.pixel_size.value, dataset_dock._view.find.interval.value = 0.25, 10.0
    y, x = (round(v) for v in phantom_field.centres[0])
    dataset_dock.find((y - 28, y + 28, x - 40, x + 40)).wait(60)
    review = dataset_dock.crop(tmp_path / "drifting.zarr", 64).wait(60)
    return dataset_dock, review.store


def verdicts(tab) -> list[str]:
    return [tab.table.index(row, 2).data() for row in range(tab.table.rowCount())]


def cells(tab, column: int) -> list[str]:
    return [tab.table.index(row, column).data() for row in range(tab.table.rowCount())]


def written(store) -> dict[str, str]:
    content = json.loads((store.path.parent / "crops.curation.json").read_text())
    return {name: one["verdict"] for name, one in content["decisions"].items()}


def test_a_store_is_reviewed_by_keys(dataset_dock, review, store, qtbot):
    tab = review(store)
    assert dataset_dock._view.tabs.currentIndex() == 2
    assert tab.table.rowCount() == 9
    assert "9 windows kept" in tab.counts_line.text()
    for key in (KEEP, DROP, FLAG, Qt.Key.Key_Down, DROP):
        qtbot.keyClick(tab.view, key)
    assert verdicts(tab)[:6] == ["✓ keep", "✗ drop", "⚑ flag", "–", "✗ drop", "–"]
    assert "6 windows kept, 2 dropped, 1 flagged" in tab.counts_line.text()
    assert tab.view.currentIndex().row() == 5, "the next one is at hand"
    qtbot.waitUntil(lambda: dataset_dock._desk.saved, timeout=10_000)
    assert list(written(store).values()) == ["keep", "drop", "flag", "drop"]
    qtbot.keyClick(tab.view, Qt.Key.Key_U)
    qtbot.keyClick(tab.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert verdicts(tab)[:6] == ["✓ keep", "✗ drop", "–", "–", "–", "–"]
    assert tab.view.currentIndex().row() == 2
    qtbot.waitUntil(lambda: dataset_dock._desk.saved, timeout=10_000)
    assert list(written(store).values()) == ["keep", "drop"]


def test_several_rows_at_once(dataset_dock, review, store, qtbot):
    tab = review(store)
    tab.view.selectAll()
    qtbot.keyClick(tab.view, DROP)
    assert verdicts(tab) == ["✗ drop"] * 9
    tab.undo_button.click()
    assert verdicts(tab) == ["–"] * 9
    assert not tab.undo_button.isEnabled()


def test_decisions_are_there_again(dataset_dock, review, store, make_napari_viewer):
    review(store)
    dataset_dock.decide("flag")
    dataset_dock._desk.flush()
    _, later = make_napari_viewer().window.add_plugin_dock_widget("napari-cellsim", "Dataset")
    later.open_store(store.path).wait(60)
    assert verdicts(later._view.review)[0] == "⚑ flag"


def test_a_decision_survives_the_closing_of_the_window(make_napari_viewer, store):
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Dataset")
    dock.open_store(store.path).wait(60)
    dock.decide("drop")
    viewer.close()
    assert list(written(store).values()) == ["drop"]


def test_presets_decide_what_no_hand_has(dataset_dock, review, measured):
    tab = review(measured)
    assert cells(tab, 3)[:2] == ["3–9", "3"]
    assert cells(tab, 4)[:2] == ["100%", "75%"]
    dataset_dock.decide("keep", [tab.table.window(0).id])
    tab.presets["with randomness"].click()
    dataset_dock.job.wait(30)
    assert verdicts(tab)[:5] == ["✓ keep", "⚑ flag", "✓ keep", "✓ keep", "✓ keep"]
    assert "8 windows kept, 0 dropped, 1 flagged" in tab.counts_line.text()
    tab.presets["without randomness"].click()
    dataset_dock.job.wait(30)
    assert verdicts(tab)[:5] == ["✓ keep", "⚑ flag", "✗ drop", "✗ drop", "✓ keep"]
    assert cells(tab, 7)[:4] == [
        "by hand",
        "the trap is empty in some frames",
        "cells are flushed in or out",
        "the picture changes suddenly",
    ]
    dataset_dock.undo()
    assert verdicts(tab)[2] == "✓ keep"
    dataset_dock.forget_decisions()
    assert verdicts(tab) == ["–"] * 9
    dataset_dock.undo()
    assert verdicts(tab)[1] == "⚑ flag"


def test_rules_need_measures(dataset_dock, review, store):
    tab = review(store)
    tab.presets["with randomness"].click()
    with pytest.raises(CellSimError):
        dataset_dock.job.wait(30)
    assert "press Measure first" in dataset_dock.message
    assert verdicts(tab) == ["–"] * 9


def test_measuring_runs_in_a_worker(dataset_dock, review, store):
    tab = review(store)
    threads = set()
    from torch.nn.modules.module import register_module_forward_pre_hook

    handle = register_module_forward_pre_hook(lambda module, args: threads.add(threading.current_thread()))
    try:
        tab.measure_button.click()
        dataset_dock.job.wait(120)
    finally:
        handle.remove()
    assert threads
    assert threading.main_thread() not in threads
    assert all(cells(tab, 3))
    assert measures_path(store).exists()
    assert "Not measured" not in tab.counts_line.text()


def test_sorting_keeps_the_choice(review, measured, qtbot):
    tab = review(measured)
    tab.view.go(1)
    chosen = tab.chosen
    tab.view.sortByColumn(6, Qt.SortOrder.DescendingOrder)
    flush = [float(value) for value in cells(tab, 6)]
    assert flush == sorted(flush, reverse=True)
    assert flush[0] > 2
    assert tab.chosen == chosen
    qtbot.keyClick(tab.view, DROP)
    assert cells(tab, 2).count("✗ drop") == 1
    tab.view.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert [tab.table.window(0).id] == chosen
    for column in range(tab.table.columnCount()):
        tab.view.sortByColumn(column, Qt.SortOrder.AscendingOrder)
        assert {tab.table.window(row).sequence for row in range(9)} == {s.id for s in measured.sequences}
        assert [tab.table.row(tab.table.window(row).id) for row in range(9)] == list(range(9))


def test_thumbnails_show_first_middle_and_last(dataset_dock, review, store, qtbot):
    tab = review(store)
    window = tab.table.window(2)
    tab.view.go(2)
    qtbot.waitUntil(lambda: tab.thumbnails.frames(window) is not None, timeout=30_000)
    assert tab.strip_line.text().startswith(window.sequence)
    truth = np.asarray(store.array(window.sequence)[:, 0, 1]).astype(float)
    for label, t in zip(tab.strip, (0, 1, 3), strict=True):
        picture = label.pixmap().toImage()
        side = picture.width()
        grey = np.array([[picture.pixelColor(x, y).red() for x in range(side)] for y in range(side)], float)
        at = np.arange(side) * 64 // side
        expected = truth[t][np.ix_(at, at)]
        assert np.corrcoef(grey.ravel(), expected.ravel())[0, 1] > 0.9
    assert tab.table.index(2, 0).data(Qt.ItemDataRole.DecorationRole).width() == 36


def test_only_what_is_seen_gets_a_thumbnail(make_napari_viewer, store, qtbot):
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Dataset")
    dock.open(store.path).wait(60)
    dock.set_window_length(1).wait(30)
    tab = dock._view.review
    assert tab.table.rowCount() == 36
    assert cells(tab, 1)[:5] == ["0–0", "1–1", "2–2", "3–3", "0–0"]
    made = tab.thumbnails._made
    qtbot.waitUntil(lambda: len(made) > 0 and tab.thumbnails._job is None, timeout=30_000)
    qtbot.wait(300)
    assert tab.table.window(0).id in made
    assert len(made) < 36


def test_enter_shows_the_window_in_the_viewer(dataset_dock, review, store, qtbot):
    tab, viewer = review(store), dataset_dock.viewer
    tab.view.go(3)
    qtbot.keyClick(tab.view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=30_000)
    window = tab.table.window(3)
    assert window.sequence in viewer.layers[0].name
    np.testing.assert_array_equal(np.asarray(viewer.layers[0].data), store.array(window.sequence)[:, 0])
    origin = store.sequence(window.sequence).origins[0]
    np.testing.assert_allclose(viewer.layers[0].translate[-2:], origin * 0.25)
    tab.view.doubleClicked.emit(tab.table.index(3, 0))
    tab.view.go(4)
    tab.show_button.click()
    name = tab.table.window(4).sequence
    qtbot.waitUntil(lambda: len(viewer.layers) == 1 and name in viewer.layers[0].name, timeout=30_000)


def test_a_window_lies_where_the_stage_had_drifted_to(found_and_cropped, qtbot):
    dock, store = found_and_cropped
    dock.set_window_length(2).wait(30)
    dock.show_window(f"{store.sequences[0].id}@2-4")
    qtbot.waitUntil(lambda: any("trap_000" in layer.name for layer in dock.viewer.layers), timeout=30_000)
    qtbot.wait(200)
    shown = dock.viewer.layers[-1]
    assert shown.data.shape[0] == 2
    np.testing.assert_allclose(shown.translate[0], 20.0)
    np.testing.assert_allclose(shown.translate[-2:], store.sequences[0].origins[2] * 0.25)
    field = np.asarray(dock.viewer.layers["pos1"].data[2, 0])
    y, x = store.sequences[0].origins[2]
    np.testing.assert_array_equal(np.asarray(shown.data)[0, 0], field[y : y + 64, x : x + 64])


def test_windows_of_another_length(dataset_dock, review, store, qtbot):
    tab = review(store)
    tab.length.setValue(2)
    dataset_dock.job.wait(30)
    assert tab.table.rowCount() == 18
    dataset_dock.decide("drop")
    tab.length.setValue(4)
    assert "decided by hand" in dataset_dock.message
    assert tab.length.value() == 2
    assert verdicts(tab)[0] == "✗ drop"
    tab.forget_button.click()
    tab.length.setValue(4)
    dataset_dock.job.wait(30)
    assert tab.table.rowCount() == 9
    dataset_dock.decide("keep")
    dataset_dock._desk.flush()
    assert Curation.resumed(store).length == 4


def test_split_by_trap_without_leaks(dataset_dock, review, store):
    review(store)
    dataset_dock.set_window_length(2).wait(30)
    dataset_dock.decide("drop")
    tab = dataset_dock._view.split
    dataset_dock.show_tab("Split")
    assert "17 windows are kept; 1 dropped" in tab.kept_line.text()
    tab.training.setValue(60)
    tab.validation.setValue(20)
    assert tab.test.value() == 20
    assert not tab.train_button.isVisibleTo(tab)
    tab.split_button.click()
    dataset_dock.job.wait(30)
    split = Split.open(store)
    assert sum(map(len, split.parts.values())) == 17
    traps = [{w.sequence for w in own} for own in split.parts.values()]
    assert sum(map(len, traps)) == len(set().union(*traps)) == 9
    assert "Checked" in tab.leak_line.text()
    assert "crops.zarr" in tab.next_line.text()
    assert tab.train_button.isVisibleTo(tab)
    for part, own in split.parts.items():
        assert f"{part}&nbsp;</td><td align=right>&nbsp;{len(own)}<" in tab.result.text()
    dataset_dock.decide("flag")
    assert "split again" in tab.leak_line.text()


def test_train_with_this(dataset_dock, review, store):
    review(store)
    dataset_dock.split().wait(30)
    dataset_dock._view.split.train_button.click()
    docks = dataset_dock.viewer.window.dock_widgets
    (train,) = (dock for dock in docks.values() if isinstance(dock, TrainDock))
    assert train.form.folder.value == str(store.path)
    dataset_dock._view.split.train_button.click()
    assert train.form.folder.value == str(store.path)
    assert len([dock for dock in docks.values() if isinstance(dock, TrainDock)]) == 1


def test_split_by_window_and_wrong_shares(dataset_dock, review, store):
    tab = dataset_dock._view.split
    tab.split_button.click()
    assert "No store of crops is open" in dataset_dock.message
    review(store)
    tab.group.value = "trap and time window"
    assert tab.grouping == "window"
    assert dataset_dock.split(seed=3).wait(30).windows["train"] >= 6
    with pytest.raises(CellSimError, match="add up to 1"):
        dataset_dock.split((0.9, 0.9, 0.1)).wait(30)
    dataset_dock._view.review.view.selectAll()
    dataset_dock.decide("drop")
    with pytest.raises(CellSimError, match="nothing to split"):
        dataset_dock.split().wait(30)


def test_what_is_no_store(dataset_dock, tmp_path, store):
    with pytest.raises(CellSimError, match="no store of crops"):
        dataset_dock.open_store(tmp_path / "missing.zarr").wait(30)
    (tmp_path / "crops.curation.json").write_text("{}")
    with pytest.raises(CellSimError, match=r"crops\.curation\.json cannot be read"):
        dataset_dock.open_store(store.path).wait(30)
    (tmp_path / "crops.curation.json").unlink()
    (tmp_path / "crops.measures.json").write_text("{}")
    dataset_dock.open_store(store.path).wait(30)
    assert "measure the store again" in dataset_dock._view.review.store_line.text()
    for action in (
        dataset_dock._view.review.view.clearSelection,
        dataset_dock._view.review.keep_button.click,
    ):
        action()
    assert "No window is chosen" in dataset_dock.message
