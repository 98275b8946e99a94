"""Opening experiments of several layouts by names alone."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile
import zarr

from napari_cellsim import datasets
from napari_cellsim.base import CellSimError
from napari_cellsim.data import Series, write_series


def picture(value: int, shape=(6, 8)) -> np.ndarray:
    return np.full(shape, value, np.uint16)


def write(root, values: dict[str, int], **more) -> None:
    for name, value in values.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, picture(value), **more)


def pixels(position) -> np.ndarray:
    """First pixel of every picture, (T, C, Z)."""
    return np.asarray(position.timelapse().frames[..., 0, 0])


def test_position_focal_plane_time_is_the_tyc_layout(tmp_path):
    names = {
        f"pos{p}/{z}/img_{t}.tif": 100 * p + 10 * z + t
        for p in (1, 2, 10)
        for z in range(3)
        for t in (0, 1, 9, 10)
    }
    write(tmp_path, names)
    opened = datasets.open_experiment(tmp_path, pixel_size=0.1, interval=5)
    assert [p.name for p in opened.positions] == ["pos1", "pos2", "pos10"]
    movie = opened.position("pos2").timelapse()
    assert (movie.frames.shape, movie.pixel_size, movie.interval) == ((4, 1, 3, 6, 8), 0.1, 5)
    np.testing.assert_array_equal(
        pixels(opened.positions[1])[:, 0], [[200 + 10 * z + t for z in range(3)] for t in (0, 1, 9, 10)]
    )
    assert opened.positions[1].source(3, 0, 2) == tmp_path / "pos2/2/img_10.tif"


def test_trap_pictures_are_one_position_per_trap(tmp_path):
    names = {
        f"pos7/img_{t:09d}_01-{c}_{z:03d}_trap_{n:03d}.tif": 1000 * n + 100 * t + 10 * (c == "GFP") + z
        for n in (3, 12) for t in (4, 5) for c, planes in (("BF0", 3), ("GFP", 1)) for z in range(planes)
    }  # fmt: skip
    write(tmp_path, names)
    opened = datasets.open_experiment(tmp_path)
    assert [(p.name, p.trap_id) for p in opened.positions] == [
        ("pos7/trap_003", "trap_003"),
        ("pos7/trap_012", "trap_012"),
    ]
    movie = opened.positions[1].timelapse()
    assert movie.channel_names == ("BF0", "GFP")
    # fluorescence was taken in one plane and stands beside each
    np.testing.assert_array_equal(pixels(opened.positions[1])[0], [[12400, 12401, 12402], [12410] * 3])


def test_usual_letters_before_numbers(tmp_path):
    names = {
        f"exp_s{p}_t{t:03d}c{c}_z{z}.tif": 1000 * p + 100 * c + 10 * t + z
        for p in (1, 2) for t in (0, 5) for c in (0, 1) for z in (1, 2)
    }  # fmt: skip
    write(tmp_path, names)
    opened = datasets.open_experiment(tmp_path)
    assert len(opened) == 2
    np.testing.assert_array_equal(pixels(opened.positions[1])[1], [[2051, 2052], [2151, 2152]])


def test_a_pattern_outranks_what_names_seem_to_say(tmp_path):
    write(
        tmp_path, {f"A{p}/red/{t}.tif": 10 * p + t for p in (1, 2) for t in range(3)} | {"A1/notes/0.tif": 9}
    )
    opened = datasets.open_experiment(tmp_path, pattern=r"A(?P<p>\d+)/(?P<c>red)/(?P<t>\d+)")
    assert [p.name for p in opened.positions] == ["1", "2"]
    assert opened.positions[1].timelapse().channel_names == ("red",)
    np.testing.assert_array_equal(pixels(opened.positions[1]).ravel(), [20, 21, 22])


def test_pictures_without_numbers_that_tell_are_times_in_natural_order(tmp_path):
    write(tmp_path, {f"well{p}/shot{t}.tif": t for p in "AB" for t in (2, 10, 1)})
    opened = datasets.open_experiment(tmp_path)
    assert [p.name for p in opened.positions] == ["wellA", "wellB"]
    np.testing.assert_array_equal(pixels(opened.positions[0]).ravel(), [1, 2, 10])


def test_positions_in_an_ome_tiff(tmp_path):
    series = [
        Series(
            f"place {n}", np.stack([picture(10 * n + t) for t in range(3)]), "TYX", pixel_size=0.2, interval=4
        )
        for n in range(2)
    ]
    tifffile_path = tmp_path / "all.ome.tif"
    with tifffile.TiffWriter(tifffile_path, ome=True) as writer:
        for one in series:
            writer.write(one.data, photometric="minisblack", metadata=one.ome_metadata())
    opened = datasets.open_experiment(tifffile_path)
    assert [p.name for p in opened.positions] == ["place 0", "place 1"]
    movie = opened.positions[1].timelapse()
    assert (movie.pixel_size, movie.interval) == (0.2, 4)
    np.testing.assert_array_equal(pixels(opened.positions[1]).ravel(), [10, 11, 12])


def test_a_folder_of_movies_and_one_movie(tmp_path):
    for n in range(2):
        data = np.stack([picture(10 * n + t) for t in range(3)])
        write_series(tmp_path / f"m{n}.ome.tif", [Series("m", data, "TYX")], {})
    opened = datasets.open_experiment(tmp_path, pixel_size=0.3)
    assert [p.name for p in opened.positions] == ["m0", "m1"]
    assert opened.positions[1].timelapse().pixel_size == 0.3
    single = datasets.open_experiment(tmp_path / "m1.ome.tif")
    np.testing.assert_array_equal(pixels(single.positions[0]).ravel(), [10, 11, 12])


def test_a_folder_of_zarr_movies(tmp_path):
    zarr.create_array(tmp_path / "one.zarr", data=np.arange(24, dtype="u2").reshape(2, 3, 4))
    opened = datasets.open_experiment(tmp_path)
    assert [p.name for p in opened.positions] == ["one"]
    np.testing.assert_array_equal(pixels(opened.positions[0]).ravel(), [0, 12])


def test_two_thousand_files_are_opened_without_being_read(tmp_path):
    write(tmp_path, {"pos0/img_t0_z0.tif": 5})
    first = tmp_path / "pos0" / "img_t0_z0.tif"
    for p in range(4):
        folder = tmp_path / f"pos{p}"
        folder.mkdir(exist_ok=True)
        for t in range(250):
            for z in range(2):
                if (p, t, z) != (0, 0, 0):
                    shutil.copyfile(first, folder / f"img_t{t}_z{z}.tif")
    broken = tmp_path / "pos2" / "img_t249_z1.tif"
    broken.write_bytes(b"")
    opened = datasets.open_experiment(tmp_path)
    assert [p.timelapse().frames.shape for p in opened.positions] == [(250, 1, 2, 6, 8)] * 4
    movie = opened.positions[2].timelapse()
    assert np.asarray(movie.frames[3:5, 0, :, 2:4, 1:]).shape == (2, 2, 2, 7)
    with pytest.raises(CellSimError, match="img_t249_z1"):
        movie.array([249], plane=1)


def test_an_unfinished_last_time_is_left_out_and_said(tmp_path):
    write(tmp_path, {f"t{t}_z{z}.tif": t for t in range(4) for z in range(2) if (t, z) != (3, 1)})
    (position,) = datasets.open_experiment(tmp_path).positions
    assert position.timelapse().n_times == 3
    assert "incomplete" in position.notes[0]


def test_a_missing_picture_in_the_middle_gets_a_sentence(tmp_path):
    write(tmp_path, {f"t{t}_z{z}.tif": t for t in range(4) for z in range(2) if (t, z) != (1, 1)})
    (position,) = datasets.open_experiment(tmp_path).positions
    with pytest.raises(CellSimError, match="lacks 1 of 8 pictures, the first at time 1"):
        position.timelapse()


def test_a_picture_of_another_size_gets_a_sentence_when_it_is_read(tmp_path):
    write(tmp_path, {"a1.tif": 1, "a2.tif": 2})
    tifffile.imwrite(tmp_path / "a3.tif", picture(3, (7, 8)))
    movie = datasets.open_experiment(tmp_path).positions[0].timelapse()
    with pytest.raises(CellSimError, match=r"a3\.tif has the shape"):
        movie.array([2])


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("(", "no regular expression"),
        (r"(?P<z>\d+)", "no group for the time"),
        (r"(?P<t>\d+)(?P<q>x)", "unknown group q"),
        (r"frame(?P<t>\d+)", "matches none"),
    ],
)
def test_bad_patterns_get_a_sentence(tmp_path, pattern, sentence):
    write(tmp_path, {"a1.tif": 1})
    with pytest.raises(CellSimError, match=sentence):
        datasets.open_experiment(tmp_path, pattern=pattern)


def test_what_is_no_experiment_gets_a_sentence(tmp_path):
    with pytest.raises(CellSimError, match="no file or folder"):
        datasets.open_experiment(tmp_path / "gone")
    with pytest.raises(CellSimError, match="holds no TIFF pictures"):
        datasets.open_experiment(tmp_path)
    write(tmp_path, {"a1.tif": 1, "sub/z1/b1.tif": 1, "sub/b2.tif": 2})
    with pytest.raises(CellSimError, match="pictures and folders of pictures"):
        datasets.open_experiment(tmp_path)
    with pytest.raises(CellSimError, match="pixel_size must be"):
        datasets.open_experiment(tmp_path, pixel_size=-1)
    with pytest.raises(CellSimError, match="are the same time"):
        datasets.open_experiment(tmp_path, pattern=r"[ab](?P<t>\d)").positions[0].timelapse()
    with pytest.raises(CellSimError, match="no position 'x'"):
        datasets.open_experiment(tmp_path, pattern=r"a(?P<t>\d)").select(["x"])
