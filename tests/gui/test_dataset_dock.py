"""Find and Crop of the Dataset dock in a real viewer, on a small phantom chip written as single TIFFs."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent

from napari_cellsim.base import CellSimError, JobCancelled
from napari_cellsim.datasets import CropStore, cropping
from napari_cellsim.gui.dataset_find_tab import DRAWN

PIXEL, SIDE = 0.25, 64


def drop(dock, *paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place = dock.rect().center()
    enter = QDragEnterEvent(
        place, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    dock.dragEnterEvent(enter)
    assert enter.isAccepted()
    event = QDropEvent(
        QPointF(place), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )  # fmt: skip
    dock.dropEvent(event)
    if dock.job is not None:
        dock.job.wait(60)


def settled(dock, qtbot):
    """Wait until the rectangles are drawn and what a hand did is read."""
    qtbot.waitUntil(lambda: not dock._sliding.isActive() and dock._hit_layer.settled, timeout=20_000)


@pytest.fixture
def opened(dataset_dock, phantom_chip):
    """The dock with the chip open and calibrated."""
    drop(dataset_dock, phantom_chip)
    dataset_dock._view.find.pixel_size.value = PIXEL
    dataset_dock._view.find.interval.value = 10.0
    return dataset_dock


@pytest.fixture
def found(opened, qtbot):
    """The dock with the tear-drop traps of the first position found."""
    opened._view.find.template.value = "tear-drop"
    opened.find().wait(60)
    settled(opened, qtbot)
    return opened


def test_a_dropped_folder_is_shown_lazily(dataset_dock, phantom_chip, phantom_field):
    drop(dataset_dock, phantom_chip)
    find = dataset_dock._view.find
    assert [find.position.itemText(i) for i in range(find.position.count())] == ["pos1", "pos2"]
    text = find.facts_line.text()
    for words in ("2 positions", "4 frames of 336 × 336 px", "2 focal planes", "pixel size and interval"):
        assert words in text
    (layer,) = dataset_dock.viewer.layers
    assert layer.data.shape == (4, 2, 336, 336)
    assert not isinstance(layer.data, np.ndarray), "pictures are read when they are needed"
    np.testing.assert_array_equal(layer.data[2, 1], phantom_field.images[2, 1])
    low, high = layer.contrast_limits
    assert phantom_field.images.min() <= low < high <= phantom_field.images.max()


def test_the_calibration_that_is_typed_moves_all_layers(found):
    image, hits = found.viewer.layers["pos1"], found.viewer.layers["traps"]
    np.testing.assert_allclose(image.scale, (10.0, 1.0, PIXEL, PIXEL))
    np.testing.assert_allclose(hits.scale, (PIXEL, PIXEL))
    assert str(found.viewer.layers.units[-1]) == "micrometer"
    assert "Not known" not in found._view.find.facts_line.text()
    found._view.find.pixel_size.value = 0.2
    np.testing.assert_allclose(image.scale[-2:], hits.scale)
    np.testing.assert_allclose(hits.scale, 0.2)
    assert found.field.experiment.positions[0].timelapse().pixel_size == 0.2


def test_another_position_keeps_its_own_traps(found, qtbot):
    found.find(everywhere=True).wait(60)
    assert "in 2 positions" in found._view.find.count_line.text()
    first = len(found.traps)
    layer = found.viewer.layers["traps"]
    layer.selected_data = {0}
    layer.remove_selected()
    found.show_position("pos2").wait(60)
    settled(found, qtbot)
    assert [one.name for one in found.viewer.layers] == ["pos2", "traps"]
    assert len(found.traps) == len(found.viewer.layers["traps"].data) == first
    found.show_position("pos1").wait(60)
    settled(found, qtbot)
    assert len(found.traps) == len(found.viewer.layers["traps"].data) == first - 1


def test_a_drawn_rectangle_finds_all_traps(opened, phantom_field, qtbot):
    find = opened._view.find
    find.template.value = DRAWN
    find.draw_button.click()
    drawing = opened.viewer.layers["one trap"]
    assert drawing.mode == "add_rectangle"
    y, x = phantom_field.centres[4]
    drawing.add_rectangles([[(y - 28, x - 40), (y + 28, x + 40)]])
    find.find_button.click()
    opened.job.wait(60)
    settled(opened, qtbot)
    assert find.count_line.text().startswith(f"<b>{len(phantom_field.centres)} traps</b>")
    away = np.linalg.norm(opened.traps.centres[:, None] - phantom_field.centres, axis=-1)
    assert np.median(away.min(0)) < 1.5
    shapes = opened.viewer.layers["traps"].data
    middles = np.sort([shape.mean(0) for shape in shapes], axis=0)
    np.testing.assert_allclose(middles, np.sort(opened.traps.centres, axis=0), atol=0.01)


def test_the_threshold_only_filters(found, qtbot):
    """Moving the slider starts no job and leaves what it does not concern."""
    scores = np.sort(found.traps.scores)
    between = float(scores[2:4].mean())
    jobs = []
    slider = found._view.find.threshold
    slider.changed.connect(lambda _value: jobs.append(found.job))
    found.threshold = round(between, 2)
    settled(found, qtbot)
    count = int((scores >= round(between, 2)).sum())
    assert 0 < count < len(scores)
    assert len(found.viewer.layers["traps"].data) == len(found.traps) == count
    assert f"<b>{count} trap" in found._view.find.count_line.text()
    found.threshold = 0.2
    settled(found, qtbot)
    assert len(found.viewer.layers["traps"].data) >= len(scores)
    assert jobs == [None, None]


def test_hits_are_edited_by_hand(found, qtbot):
    find = found._view.find
    before = found.traps
    find.edit_button.click()
    layer = found.viewer.layers["traps"]
    assert layer.mode == "select"
    layer.selected_data = {0}
    gone = np.asarray(layer.data[0]).mean(0)
    layer.remove_selected()
    moved = [np.asarray(shape) for shape in layer.data]
    start = moved[3].mean(0)
    moved[3] = moved[3] + (6.0, -4.0)
    layer.data = moved
    find.add_button.click()
    assert layer.mode == "add_rectangle"
    layer.add_rectangles([[(100, 40), (130, 60)]])
    settled(found, qtbot)
    now = found.traps
    assert len(now) == len(before)
    assert "2 placed by hand, 2 removed" in find.count_line.text()

    def nearest(point):
        return np.abs(now.centres - point).max(1).min()

    assert nearest(gone) > 5
    assert nearest(start) > 3
    assert nearest(start + np.array([6.0, -4.0])) < 0.1
    assert nearest((115, 50)) < 0.1
    assert np.isnan(now.scores).sum() == 2
    for threshold in (0.9, 0.3):
        found.threshold = threshold
        settled(found, qtbot)
    assert nearest((115, 50)) < 0.1
    again = found.find().wait(60)
    settled(found, qtbot)
    assert len(again["pos1"]) >= len(before)
    assert len(found.traps) == len(before), "a new search keeps what a hand did"


def test_deleting_the_layer_of_the_hits_forgets_them(found):
    found.viewer.layers.remove("traps")
    assert found.traps is None
    with pytest.raises(CellSimError, match="no traps to crop"):
        found.crop("never.zarr")


def test_crops_follow_what_a_hand_did(found, phantom_field, tmp_path, qtbot):
    layer = found.viewer.layers["traps"]
    layer.selected_data = {4}
    layer.remove_selected()
    crop = found._view.crop
    crop.path.setText(str(tmp_path / "mine"))
    crop.size.setValue(SIDE)
    crop.crop_button.click()
    assert not crop.crop_button.isEnabled()
    assert "8 traps" in crop.summary_line.text()
    found.job.wait(60)
    assert crop.crop_button.isEnabled()
    store = CropStore(tmp_path / "mine.zarr")
    assert len(store) == 8
    assert store.pixel_size == PIXEL
    assert found.store.path == store.path
    assert "8 sequences of 64 × 64 px" in crop.done_line.text()
    for sequence in store.sequences:
        for t, (y, x) in enumerate(sequence.origins):
            np.testing.assert_array_equal(
                store.array(sequence.id)[t, 0], phantom_field.images[t, :, y : y + SIDE, x : x + SIDE]
            )
    drift = np.diff(store.sequences[0].origins[[0, -1]], axis=0)[0]
    assert np.abs(drift - (8, -6)).max() <= 1.5
    found.crop().wait(60)
    assert found.store.path == store.path, "a finished store of the same crops is opened"


def test_cancel_and_continue(found, tmp_path, monkeypatch, make_napari_viewer):
    out = tmp_path / "crops.zarr"
    monkeypatch.setattr(cropping, "_BLOCK_BYTES", 1)  # one block per time
    first_block, go_on = threading.Event(), threading.Event()
    cut = cropping._cut

    def gated(*args):
        if first_block.is_set():
            go_on.wait(30)
        first_block.set()
        return cut(*args)

    monkeypatch.setattr(cropping, "_cut", gated)
    found._view.crop.path.setText(str(out))
    job = found.crop(size=SIDE)
    assert first_block.wait(30)
    found._view.bar.cancel_button.click()
    go_on.set()
    with pytest.raises(JobCancelled):
        job.wait(30)
    monkeypatch.setattr(cropping, "_cut", cut)
    assert not out.exists()
    crop = found._view.crop
    assert crop.continue_button.isVisibleTo(crop)
    assert "interrupted" in crop.state_line.text()
    with pytest.raises(CellSimError, match="begun with other crops"):
        found.crop(size=SIDE - 16).wait(30)

    _, later = make_napari_viewer().window.add_plugin_dock_widget("napari-cellsim", "Dataset")
    later._view.crop.path.setText(str(out))
    assert later._view.crop.continue_button.isVisibleTo(later._view.crop)
    later._view.crop.continue_button.click()
    later.job.wait(60)
    assert not later._view.crop.continue_button.isVisibleTo(later._view.crop)
    monkeypatch.setattr(cropping, "_BLOCK_BYTES", 64 * 2**20)
    whole = found.crop(tmp_path / "whole.zarr", SIDE).wait(60).store
    resumed = CropStore(out)
    for sequence in whole.sequences:
        resumed.verify(sequence.id)
        np.testing.assert_array_equal(resumed.array(sequence.id)[:], whole.array(sequence.id)[:])


def fails(dock, words: str, action) -> None:
    """A button's action leaves one sentence in the dock and raises nothing."""
    action()
    if dock.job is not None:
        with pytest.raises(CellSimError):
            dock.job.wait(60)
    assert dock.message.startswith("⚠")
    assert words in dock.message
    assert "\n" not in dock.message


def test_what_cannot_be_opened_is_said(dataset_dock, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    fails(dataset_dock, "holds no TIFF pictures", lambda: drop_only(dataset_dock, empty))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "t0.tif").write_text("no picture")
    fails(dataset_dock, "t0.tif", lambda: drop_only(dataset_dock, broken))
    fails(dataset_dock, "one folder", lambda: drop_only(dataset_dock, empty, broken))
    fails(dataset_dock, "no file or folder", lambda: drop_only(dataset_dock, tmp_path / "nowhere"))
    fails(dataset_dock, "No experiment is open", dataset_dock._view.find.find_button.click)
    fails(dataset_dock, "Type a name", dataset_dock._view.crop.crop_button.click)
    dataset_dock._view.crop.path.setText(str(tmp_path / "crops.zarr"))
    fails(dataset_dock, "No experiment is open", dataset_dock._view.crop.crop_button.click)
    assert len(dataset_dock.viewer.layers) == 0


def drop_only(dock, *paths):
    with contextlib.suppress(CellSimError):
        drop(dock, *paths)


def test_one_unreadable_picture_is_named(dataset_dock, phantom_field, tmp_path):
    for t in range(3):
        tifffile.imwrite(tmp_path / f"img_t{t}.tif", phantom_field.images[t, 0])
    (tmp_path / "img_t2.tif").write_bytes(b"II*\0 cut off")
    dataset_dock.open(tmp_path).wait(60)
    dataset_dock._view.find.pixel_size.value = PIXEL
    dataset_dock._view.find.template.value = "tear-drop"
    dataset_dock.find().wait(60)
    with pytest.raises(CellSimError, match=r"img_t2\.tif.*cannot be read"):
        dataset_dock.crop(tmp_path.parent / "unreadable.zarr", SIDE).wait(60)
    assert not (tmp_path.parent / "unreadable.zarr").exists()


def test_wrong_wishes_for_traps_and_crops(found, tmp_path):
    find, crop = found._view.find, found._view.crop
    find.template.value = DRAWN
    fails(found, "No rectangle is drawn", find.find_button.click)
    find.draw_button.click()
    drawing = found.viewer.layers["one trap"]
    drawing.add_rectangles([[(20, 20), (23, 24)]])
    fails(found, "draw a larger rectangle", find.find_button.click)
    drawing.add_rectangles([[(-90, -90), (-20, -20)]])
    fails(found, "outside the image", find.find_button.click)
    crop.path.setText(str(tmp_path / "large.zarr"))
    crop.size.setValue(400)
    fails(found, "larger than the pictures", crop.crop_button.click)
    crop.size.setValue(SIDE)
    (tmp_path / "taken.zarr").mkdir()
    crop.path.setText(str(tmp_path / "taken.zarr"))
    fails(found, "is no store of crops", crop.crop_button.click)
    crop.path.setText(str(tmp_path / "nowhere" / "crops.zarr"))
    fails(found, "there is no folder", crop.crop_button.click)
    crop.path.setText("")
    fails(found, "Type a name", crop.crop_button.click)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken.zarr"]


def test_unknown_pixel_size_is_asked_for(dataset_dock, phantom_chip, phantom_field, tmp_path):
    drop(dataset_dock, phantom_chip)
    dataset_dock._view.find.template.value = "tear-drop"
    fails(dataset_dock, "type the pixel size", dataset_dock._view.find.find_button.click)
    y, x = (round(v) for v in phantom_field.centres[0])
    dataset_dock.find((y - 28, y + 28, x - 40, x + 40)).wait(60)
    dataset_dock._view.crop.path.setText(str(tmp_path / "crops.zarr"))
    fails(dataset_dock, "pixel size is not known", dataset_dock._view.crop.crop_button.click)
    dataset_dock._view.find.pixel_size.value = PIXEL
    assert dataset_dock.crop(size=SIDE).wait(60).store.pixel_size == PIXEL


def test_a_full_disk_is_said_and_the_store_goes_on(found, tmp_path, monkeypatch):
    out = tmp_path / "crops.zarr"
    monkeypatch.setattr(cropping, "_BLOCK_BYTES", 1)
    cut, calls = cropping._cut, []

    def full(*args):
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return cut(*args)

    monkeypatch.setattr(cropping, "_cut", full)
    with pytest.raises(CellSimError, match=r"No space left on device.*goes on where it stopped"):
        found.crop(out, SIDE).wait(60)
    assert not out.exists()
    monkeypatch.setattr(cropping, "_cut", cut)
    assert len(found.crop(out, SIDE).wait(60).store) == len(found.traps)


def test_only_one_job_at_a_time(found):
    job = found.find()
    with pytest.raises(CellSimError, match="still running"):
        found.find()
    found.cancel()
    with pytest.raises(JobCancelled):
        job.wait(30)
    assert found._view.find.find_button.isEnabled()
