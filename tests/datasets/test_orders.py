"""What a viewer needs of the datasets: orders that survive a restart, pictures without dask, decisions in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cellsim import datasets
from napari_cellsim.base import CellSimError, run
from napari_cellsim.datasets import CropOrder, Traps
from napari_cellsim.datasets.locating import frame_reader
from napari_cellsim.datasets.orders import interrupted, order_path
from napari_cellsim.datasets.pictures import ChannelPictures


def test_an_order_comes_back_bit_for_bit(experiment, located, tmp_path):
    scores = located.traps.scores.copy()
    scores[0] = np.nan
    place = replace(located, traps=replace(located.traps, scores=scores))
    order = CropOrder(experiment.path, None, 0.25, 10.0, (64, 48), (place,))
    out = tmp_path / "crops.zarr"
    order.save(out)
    again = CropOrder.open(out)
    assert (again.experiment, again.pixel_size, again.size) == (experiment.path, 0.25, (64, 48))
    (found,) = again.located
    for name in ("centres", "scores", "angles"):
        np.testing.assert_array_equal(getattr(found.traps, name), getattr(place.traps, name))
    np.testing.assert_array_equal(found.track.shifts, place.track.shifts)
    np.testing.assert_array_equal(found.origins((64, 48)), place.origins((64, 48)))


def test_an_interrupted_store_is_finished_from_its_order(experiment, located, tmp_path):
    out = tmp_path / "crops.zarr"
    job = datasets.crop_job(experiment, out, [located], size=32)
    next(job)
    CropOrder(experiment.path, None, 0.25, None, (32, 32), (located,)).save(out)
    job.close()
    assert interrupted(out)
    order = CropOrder.open(out)
    opened = datasets.open_experiment(order.experiment, pixel_size=order.pixel_size)
    store = run(datasets.crop_job(opened, out, order.located, size=order.size))
    assert len(store) == len(located.traps)
    assert not interrupted(out)


def test_broken_orders(tmp_path):
    out = tmp_path / "crops.zarr"
    with pytest.raises(CellSimError, match="missing"):
        CropOrder.open(out)
    order_path(out).write_text('{"experiment": "x"}')
    with pytest.raises(CellSimError, match="cannot be read"):
        CropOrder.open(out)
    nowhere = CropOrder(tmp_path, None, None, None, (1, 1), ())
    with pytest.raises(CellSimError, match="cannot be written"):
        nowhere.save(tmp_path / "missing" / "crops.zarr")


def test_channel_pictures_slice_like_the_movie(field, experiment):
    grid = experiment.positions[0].grid()
    pictures = ChannelPictures(grid, 0)
    truth = field.images
    assert pictures.shape == truth.shape
    for key in (
        2,
        (1, 1),
        (slice(0, 3), 0),
        (..., slice(5, 9)),
        (np.int64(3), 1, slice(None), 4),
        np.s_[-1, ..., 0],
    ):
        np.testing.assert_array_equal(pictures[key], truth[key])
    read, times = frame_reader(experiment.positions[0], 0, 1)
    assert times == len(truth)
    np.testing.assert_array_equal(read(2), truth[2, 1])


def test_a_single_plane_has_no_axis_of_planes(chip):
    pattern = r"(?P<p>pos1)/focus0/frame_(?P<t>\d+)"
    pictures = ChannelPictures(datasets.open_experiment(chip, pattern=pattern).positions[0].grid(), 0)
    assert pictures.ndim == 3
    assert pictures[1].shape == pictures.shape[1:]
    assert pictures[1:3, :7].shape == (2, 7, pictures.shape[2])


def test_stating_the_calibration_later(chip):
    opened = datasets.open_experiment(chip)
    assert opened.positions[0].calibration.pixel_size is None
    stated = opened.with_calibration(pixel_size=0.2).with_calibration(interval=5.0)
    movie = stated.positions[0].timelapse()
    assert (movie.pixel_size, movie.interval) == (0.2, 5.0)
    with pytest.raises(CellSimError, match="positive"):
        opened.with_calibration(pixel_size=-1.0)


def test_decisions_go_on_with_their_own_windows(store, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "napari_cellsim.datasets.curation.curation_path", lambda store: tmp_path / "decisions.json"
    )
    assert datasets.Curation.resumed(store).length is None
    first = datasets.Curation(store, 2)
    first.decide(first.windows[3].id, "flag")
    again = datasets.Curation.resumed(store)
    assert again.length == 2
    assert again.by_hand() == [first.windows[3].id]
    assert datasets.Curation(store, 4, anew=True).decisions == {}
    (tmp_path / "decisions.json").write_text("[]")
    with pytest.raises(CellSimError, match="cannot be read"):
        datasets.Curation.resumed(store)


def test_traps_moved_by_hand_are_traps(located):
    moved = Traps.from_rectangles(located.traps.rectangles() + 3, located.traps.size)
    np.testing.assert_allclose(moved.centres, located.traps.centres + 3)
