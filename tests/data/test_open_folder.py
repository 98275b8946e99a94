"""Folders, patterns and lists of single pictures, and folders of trap pictures."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
import tifffile

from napari_cellsim.base import CellSimError
from napari_cellsim.data import folder as folder_module
from napari_cellsim.data import open_timelapse


def picture(value, shape=(12, 16)):
    return np.full(shape, value, np.uint16)


@pytest.fixture
def numbered(tmp_path):
    """Folder with frames 1 … 12 whose names sort differently as text, each filled with its number."""
    for i in range(1, 13):
        tifffile.imwrite(tmp_path / f"t{i}.tif", picture(i))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "._t1.tif").write_bytes(b"what macOS leaves on foreign disks")
    return tmp_path


def test_natural_order(numbered):
    for source in (numbered, str(numbered / "t*.tif"), [numbered / f"t{i}.tif" for i in range(12, 0, -1)]):
        movie = open_timelapse(source)
        assert movie.frames.shape == (12, 1, 1, 12, 16)
        np.testing.assert_array_equal(movie.array()[:, 0, 0], np.arange(1, 13))
    assert open_timelapse(numbered).name == numbered.name


def test_a_pattern_may_choose_some(numbered):
    np.testing.assert_array_equal(open_timelapse(str(numbered / "t1?.tif")).array()[:, 0, 0], [10, 11, 12])


def test_large_folders_are_read_lazily(numbered, monkeypatch):
    monkeypatch.setattr(folder_module, "EAGER_BYTES", 0)
    movie = open_timelapse(numbered)
    assert isinstance(movie.frames, dask.array.Array)
    np.testing.assert_array_equal(movie.array([10])[0], picture(11))


def test_calibration_is_what_all_files_agree_on(tmp_path):
    for i in range(3):
        metadata = {"axes": "YX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "TimeIncrement": 60.0 * (i + 1)}
        tifffile.imwrite(tmp_path / f"{i}.ome.tif", picture(i), metadata=metadata)
    movie = open_timelapse(tmp_path)
    assert (movie.pixel_size, movie.interval) == (0.1, None)


def test_pictures_with_planes(tmp_path):
    for i in range(4):
        tifffile.imwrite(tmp_path / f"{i}.ome.tif", picture(i, (5, 12, 16)), metadata={"axes": "ZYX"})
    movie = open_timelapse(tmp_path)
    assert (movie.frames.shape, movie.axes) == ((4, 1, 5, 12, 16), "TZYX")


def test_one_file_in_a_folder_is_the_movie(tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", picture(1, (6, 12, 16)))
    assert open_timelapse(tmp_path).n_times == 6


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        (picture(0, (12, 17)), "12×16 uint16 but t99.tif is 12×17"),
        (picture(0).astype(np.uint8), "uint8"),
    ],
)
def test_mixed_pictures(numbered, odd, sentence):
    tifffile.imwrite(numbered / "t99.tif", odd)
    with pytest.raises(CellSimError, match=sentence):
        open_timelapse(numbered)


def test_a_broken_picture_among_good_ones(numbered):
    (numbered / "t7.tif").write_bytes((numbered / "t7.tif").read_bytes()[:300])
    with pytest.raises(CellSimError, match=r"t7\.tif"):
        open_timelapse(numbered)


def test_colour_pictures(tmp_path):
    for i in range(3):
        tifffile.imwrite(tmp_path / f"{i}.tif", np.zeros((12, 16, 3), np.uint8), photometric="rgb")
    with pytest.raises(CellSimError, match="colour"):
        open_timelapse(tmp_path)


def test_several_movies_in_a_folder(tmp_path):
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", picture(1, (6, 12, 16)))
    with pytest.raises(CellSimError, match=r"a\.tif, b\.tif is a movie itself"):
        open_timelapse(tmp_path)


def test_folder_without_pictures(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CellSimError, match="no TIFF pictures"):
        open_timelapse(tmp_path)


def test_folder_of_folders_names_them(tmp_path):
    for name in ("pos10", "pos9", "empty"):
        (tmp_path / name).mkdir()
    for name in ("pos10", "pos9"):
        tifffile.imwrite(tmp_path / name / "1.tif", picture(1))
    with pytest.raises(CellSimError, match=r"open one of pos9, pos10\."):
        open_timelapse(tmp_path)


def test_pattern_without_match(tmp_path):
    with pytest.raises(CellSimError, match="No file matches"):
        open_timelapse(str(tmp_path / "*.tif"))


def test_trap_of_pictures_that_show_none(numbered):
    with pytest.raises(CellSimError, match="not named as a picture of a trap"):
        open_timelapse(numbered, trap=1)


def value_of(time, channel, plane, trap):
    return time * 1000 + channel * 100 + plane * 10 + trap


def write_traps(folder, times=(17, 18, 19), planes=(0, 1, 2), traps=(5, 12), fluorescence_planes=(0, 1, 2)):
    folder.mkdir(exist_ok=True)
    for time in times:
        for c, channel in enumerate(("BF0", "GFP", "RFP")):
            for plane in planes if c == 0 else fluorescence_planes:
                for trap in traps:
                    name = f"img_{time:09d}_01-{channel}_{plane:03d}_trap_{trap:03d}.tif"
                    tifffile.imwrite(folder / name, picture(value_of(time, c, plane, trap)))
    return folder


@pytest.mark.parametrize("trap", [12, "12", "trap_012"])
def test_trap_folder(tmp_path, trap):
    movie = open_timelapse(write_traps(tmp_path / "pos01"), trap=trap)
    assert movie.frames.shape == (3, 3, 3, 12, 16)
    assert movie.channel_names == ("BF0", "GFP", "RFP")
    assert movie.trap_id == "trap_012"
    assert movie.name == "pos01 trap_012"
    for t in range(3):
        for c in range(3):
            for z in range(3):
                assert movie.array(t, channel=c, plane=z)[0, 0, 0] == value_of(17 + t, c, z, 12)


def test_trap_folder_needs_a_choice(tmp_path):
    folder = write_traps(tmp_path / "pos01")
    with pytest.raises(CellSimError, match=r'trap_005, trap_012.*trap="trap_005"'):
        open_timelapse(folder)
    with pytest.raises(CellSimError, match=r"no trap 7 .*trap_005, trap_012"):
        open_timelapse(folder, trap=7)


def test_only_trap_needs_no_choice(tmp_path):
    movie = open_timelapse(write_traps(tmp_path / "pos01", traps=(5,), planes=(0,), fluorescence_planes=(0,)))
    assert (movie.frames.shape, movie.axes) == ((3, 3, 1, 12, 16), "TCYX")


def test_trap_numbers_of_four_digits_are_not_cut_short(tmp_path):
    movie = open_timelapse(write_traps(tmp_path / "pos01", traps=(1234, 1235)), trap=1235)
    assert movie.trap_id == "trap_1235"
    assert movie.array(0)[0, 0, 0] == value_of(17, 0, 0, 1235)


def test_fluorescence_in_one_plane_is_repeated(tmp_path):
    folder = write_traps(tmp_path / "pos01", traps=(5,), fluorescence_planes=(1,))
    movie = open_timelapse(folder)
    assert movie.array(0, channel=0, plane=2)[0, 0, 0] == value_of(17, 0, 2, 5)
    assert [movie.array(0, channel=2, plane=z)[0, 0, 0] for z in range(3)] == [value_of(17, 2, 1, 5)] * 3


def test_one_channel_and_plane_by_pattern(tmp_path):
    folder = write_traps(tmp_path / "pos01")
    movie = open_timelapse(str(folder / "*-BF0_001_trap_012.tif"))
    assert (movie.axes, movie.channel_names, movie.trap_id) == ("TYX", ("BF0",), "trap_012")
    np.testing.assert_array_equal(movie.array()[:, 0, 0], [value_of(t, 0, 1, 12) for t in (17, 18, 19)])


def test_time_stamps_beyond_nine_sort_by_value(tmp_path):
    movie = open_timelapse(write_traps(tmp_path / "pos01", times=(8, 9, 10, 11), traps=(5,)))
    np.testing.assert_array_equal(movie.array()[:, 0, 0], [value_of(t, 0, 0, 5) for t in (8, 9, 10, 11)])


def test_missing_picture_of_a_trap(tmp_path):
    folder = write_traps(tmp_path / "pos01", traps=(5,))
    (folder / "img_000000018_01-GFP_001_trap_005.tif").unlink()
    with pytest.raises(CellSimError, match="time 18, channel GFP, plane 001"):
        open_timelapse(folder)


def test_jump_in_time(tmp_path):
    folder = write_traps(
        tmp_path / "pos01", times=(1, 2, 3, 6, 7), traps=(5,), planes=(0,), fluorescence_planes=()
    )
    with pytest.raises(CellSimError, match="jump from time 3 to 6"):
        open_timelapse(folder)
    assert open_timelapse(sorted(folder.iterdir())[:3]).n_times == 3


def test_two_positions_in_one_folder(tmp_path):
    folder = write_traps(tmp_path / "pos01", traps=(5,))
    tifffile.imwrite(folder / "img_000000017_02-BF0_000_trap_005.tif", picture(0))
    with pytest.raises(CellSimError, match="one position at a time"):
        open_timelapse(folder)


def test_stranger_among_trap_pictures(tmp_path):
    folder = write_traps(tmp_path / "pos01", traps=(5,))
    tifffile.imwrite(folder / "overview.tif", picture(0))
    with pytest.raises(CellSimError, match=r"overview\.tif is not"):
        open_timelapse(folder)


def test_trap_pictures_that_are_stacks(tmp_path):
    for t in (1, 2):
        tifffile.imwrite(tmp_path / f"img_{t:09d}_01-BF0_000_trap_005.tif", picture(0, (5, 12, 16)))
    with pytest.raises(CellSimError, match="single plane"):
        open_timelapse(tmp_path)
