"""Cutting crops and reading them again."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_cellsim import datasets
from napari_cellsim.base import CellSimError, JobCancelled, JobToken, run
from napari_cellsim.data import open_timelapse
from napari_cellsim.datasets import cropping


def test_crops_are_the_pixels_of_the_field_around_each_trap(field, experiment, located, store):
    assert len(store) == 9
    truth = field.centres[:, None] + field.shifts[None]
    for sequence, movie in zip(store.sequences, store, strict=True):
        frames = np.asarray(movie.frames)
        assert (frames.shape, frames.dtype) == ((4, 1, 2, 64, 64), np.uint16)
        for t, (y, x) in enumerate(sequence.origins):
            np.testing.assert_array_equal(frames[t, 0], field.images[t, :, y : y + 64, x : x + 64])
            # the trap stays in the middle though the stage drifts by 10 px
            assert np.abs(truth[:, t] - (y + 31.5, x + 31.5)).max(1).min() < 2.5
        assert (movie.pixel_size, movie.interval, movie.trap_id) == (0.25, 10, sequence.trap_id)
        assert movie.origin == tuple(sequence.origins[0])


def test_the_manifest_names_the_source_of_every_picture(chip, store):
    records = list(store.manifest())
    assert len(records) == 9 * 4 * 2
    for record in records[::7]:
        field = tifffile.imread(chip / record["source"])
        crop = np.asarray(store.array(record["sequence"])[record["time"], record["channel"], record["plane"]])
        y, x = record["y"], record["x"]
        np.testing.assert_array_equal(crop, field[y : y + 64, x : x + 64])
    assert len({r["hash"] for r in records}) == 9
    assert {(r["pixel_size"], r["interval"], r["position"]) for r in records} == {(0.25, 10, "pos1")}


def test_a_sequence_opens_as_any_zarr_movie_does(store):
    sequence = store.sequences[2]
    movie = open_timelapse(store.path / sequence.array)
    assert movie.axes == "TCZYX"
    np.testing.assert_array_equal(movie.frames, store.array(sequence.id)[:])


def test_damage_is_noticed(experiment, located, tmp_path):
    store = run(datasets.crop_job(experiment, tmp_path / "c.zarr", [located], size=48))
    store.verify("pos1/trap_001")
    (shard,) = [f for f in (store.path / "pos1/trap_001/c").rglob("*") if f.is_file()]
    shard.write_bytes(b"\0" * shard.stat().st_size)
    with pytest.raises(CellSimError, match="trap_001"):
        store.verify("pos1/trap_001")


def test_an_interrupted_crop_goes_on_and_gives_the_same_store(
    experiment, located, store, tmp_path, monkeypatch
):
    monkeypatch.setattr(cropping, "_BLOCK_BYTES", 1)  # one block per time
    out, token = tmp_path / "c.zarr", JobToken()
    job = datasets.crop_job(experiment, out, [located], size=64, workers=1, token=token)
    for event in job:
        if event.done == 2:
            token.cancel()
            break
    with pytest.raises(JobCancelled):
        next(job)
    assert not out.exists()
    with pytest.raises(CellSimError, match="unfinished"):
        datasets.CropStore(out)
    log = tmp_path / "c.zarr.part" / "done.jsonl"
    log.write_text(log.read_text() + '["pos1@3", ["torn')  # as a crash leaves it
    cut, original = [], cropping._cut
    monkeypatch.setattr(cropping, "_cut", lambda *a: cut.append(a[3].start) or original(*a))
    events = []
    again = datasets.crop_job(experiment, out, [located], size=64, workers=1)
    finished = run_collecting(again, events)
    assert cut == [2, 3]
    assert (events[0].done, events[-1].done, events[-1].total) == (2, 4, 4)
    for one in store.sequences:
        finished.verify(one.id)
        np.testing.assert_array_equal(finished.array(one.id)[:], store.array(one.id)[:])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.zarr"]


def run_collecting(job, events):
    while True:
        try:
            events.append(next(job))
        except StopIteration as stop:
            return stop.value


def test_a_finished_store_is_returned_and_another_one_is_never_overwritten(
    experiment, located, store, tmp_path
):
    job = datasets.crop_job(experiment, store.path, [located], size=64)
    with pytest.raises(StopIteration) as stop:
        next(job)
    assert stop.value.value.path == store.path
    with pytest.raises(CellSimError, match="holds other crops"):
        run(datasets.crop_job(experiment, store.path, [located], size=32))
    (tmp_path / "mine.zarr").mkdir()
    with pytest.raises(CellSimError, match="no store of crops: choose another name"):
        run(datasets.crop_job(experiment, tmp_path / "mine.zarr", [located], size=32))


def test_other_crops_do_not_go_on_in_an_unfinished_store(experiment, located, tmp_path):
    token = JobToken()
    job = datasets.crop_job(experiment, tmp_path / "c.zarr", [located], size=32, token=token)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(job)
    with pytest.raises(CellSimError, match=r"unfinished store c\.zarr\.part is of other crops"):
        run(datasets.crop_job(experiment, tmp_path / "c.zarr", [located], size=48))


def test_traps_whose_crop_leaves_the_field_are_left_out_and_named(experiment, located, tmp_path):
    store = run(datasets.crop_job(experiment, tmp_path / "c.zarr", [located], size=112))
    assert len(store) + len(store.left_out) == 9
    assert {record["trap_id"] for record in store.left_out} >= {"trap_006", "trap_007", "trap_008"}
    with pytest.raises(CellSimError, match="nothing to crop"):
        run(datasets.crop_job(experiment, tmp_path / "d.zarr", [located], size=900))


def test_pictures_that_are_crops_already_are_taken_whole(tmp_path):
    folder = tmp_path / "exp" / "pos2"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 999, (3, 40, 41)).astype(np.uint16)
    for t, picture in enumerate(pictures):
        tifffile.imwrite(folder / f"img_{t:09d}_01-BF0_000_trap_012.tif", picture)
    opened = datasets.open_experiment(tmp_path / "exp")
    places = [run(datasets.locate_job(p, None)) for p in opened.positions]
    store = run(datasets.crop_job(opened, tmp_path / "c.zarr", places, size=(40, 41)))
    assert [s.id for s in store.sequences] == ["pos2/trap_012"]
    np.testing.assert_array_equal(store.array("pos2/trap_012")[:, 0, 0], pictures)


def test_a_picture_that_vanishes_stops_the_crop_with_a_sentence(chip, tmp_path):
    import shutil

    copy = tmp_path / "chip"
    shutil.copytree(chip, copy)
    opened = datasets.open_experiment(copy)
    traps = datasets.Traps.from_centres([(60.0, 60.0)], (20, 20))
    place = datasets.Located("pos1", traps, datasets.Track.still(4))
    (copy / "pos1" / "focus1" / "frame_2.tif").unlink()
    with pytest.raises(CellSimError, match=r"frame_2\.tif cannot be read"):
        run(datasets.crop_job(opened, tmp_path / "c.zarr", [place], size=32))
    assert not (tmp_path / "c.zarr").exists()


def test_what_is_no_store_gets_a_sentence(tmp_path, store):
    import zarr

    with pytest.raises(CellSimError, match="no store of crops"):
        datasets.CropStore(tmp_path / "gone.zarr")
    zarr.create_array(tmp_path / "a.zarr", data=np.zeros(3))
    with pytest.raises(CellSimError, match="no store of crops"):
        datasets.CropStore(tmp_path / "a.zarr")
    with pytest.raises(CellSimError, match="no sequence 'x'"):
        store.timelapse("x")
