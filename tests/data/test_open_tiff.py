"""TIFF files of every common writer open with the right axes and calibration, large ones lazily."""

from __future__ import annotations

import subprocess
import sys

import dask.array
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_cellsim.base import CellSimError
from napari_cellsim.data import open_timelapse
from napari_cellsim.data import tiff as tiff_module


def pictures(shape=(6, 20, 30), dtype=np.uint16):
    return np.random.default_rng(1).integers(0, 200, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [{}, {"metadata": None}, {"metadata": {"axes": "TYX"}}, {"compression": "zlib"}, {"compression": "lzw"}],
)
def test_plain_multi_page(tmp_path, dtype, options):
    data = pictures(dtype=dtype)
    tifffile.imwrite(tmp_path / "trap.tif", data, **options)
    movie = open_timelapse(tmp_path / "trap.tif")
    assert movie.dtype == dtype
    np.testing.assert_array_equal(movie.frames[:, 0, 0], data)
    assert (movie.pixel_size, movie.interval) == (None, None)
    assert (movie.name, movie.axes, movie.source) == ("trap", "TYX", str(tmp_path / "trap.tif"))


def test_print_resolution_is_no_calibration(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pictures(), resolution=(300, 300), resolutionunit="INCH")
    assert open_timelapse(tmp_path / "a.tif").pixel_size is None


def test_pages_written_one_by_one(tmp_path):
    data = pictures()
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in data:
            writer.write(page)
    np.testing.assert_array_equal(open_timelapse(tmp_path / "a.tif").array(), data)


def test_four_dimensions_need_axes_to_be_channels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pictures((6, 2, 20, 30)))
    assert open_timelapse(tmp_path / "a.tif").n_planes == 2
    assert open_timelapse(tmp_path / "a.tif", axes="TCYX").n_channels == 2


@given(
    present=st.sets(st.sampled_from("TZC")),
    unit=st.sampled_from([("um", 1.0), ("micron", 1.0), ("nm", 1e-3), ("mm", 1e3), ("\\u00B5m", 1.0)]),
    pixel_size=st.sampled_from([0.05, 0.108, 0.263, 1.5]),
    seconds=st.sampled_from([None, 0.5, 180.0, 600.0]),
)
def test_imagej_hyperstacks(tmp_path_factory, present, unit, pixel_size, seconds):
    path = tmp_path_factory.mktemp("ij") / "hyper.tif"
    axes = "".join(a for a in "TZC" if a in present) + "YX"
    lengths = {"T": 4, "Z": 3, "C": 2, "Y": 20, "X": 30}
    data = pictures(tuple(lengths[a] for a in axes))
    name, factor = unit
    metadata = {"axes": axes, "unit": name, "hyperstack": True}
    if seconds is not None:
        metadata["finterval"] = seconds
    resolution = (factor / pixel_size, factor / pixel_size)
    tifffile.imwrite(path, data, imagej=True, resolution=resolution, metadata=metadata)
    movie = open_timelapse(path)
    assert movie.frames.shape == tuple(lengths[a] if a in axes else 1 for a in "TCZYX")
    assert movie.pixel_size == pytest.approx(pixel_size, rel=1e-5)
    assert movie.interval == (None if seconds is None else pytest.approx(seconds / 60))


@pytest.mark.parametrize("unit", ["pixel", "inch", "cm", ""])
def test_imagej_units_that_are_no_calibration(tmp_path, unit):
    tifffile.imwrite(
        tmp_path / "a.tif", pictures(), imagej=True, resolution=(72, 72), metadata={"unit": unit}
    )
    assert open_timelapse(tmp_path / "a.tif").pixel_size is None


def test_imagej_time_unit_and_spacing(tmp_path):
    metadata = {"axes": "TZYX", "unit": "um", "finterval": 5.0, "tunit": "min", "spacing": 0.6}
    tifffile.imwrite(tmp_path / "a.tif", pictures((4, 3, 20, 30)), imagej=True, metadata=metadata)
    movie = open_timelapse(tmp_path / "a.tif")
    assert (movie.interval, movie.z_step) == (5.0, 0.6)


def test_plain_imagej_stack_is_taken_for_time(tmp_path):
    # what ImageJ itself writes for an imported image sequence: a number of images, but no hyperstack
    description = "ImageJ=1.54f\nimages=6\nslices=6\nloop=false\n"
    tifffile.imwrite(tmp_path / "a.tif", pictures(), description=description, metadata=None)
    assert open_timelapse(tmp_path / "a.tif").n_times == 6


@given(
    axes=st.sampled_from(["TYX", "TCYX", "TZYX", "TCZYX", "CTYX", "ZYX", "YX"]),
    length=st.sampled_from([("µm", 1.0), ("nm", 1e-3), ("mm", 1e3), ("pixel", None)]),
    time=st.sampled_from([("s", 1 / 60), ("ms", 1 / 60_000), ("min", 1.0), ("h", 60.0)]),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
)
def test_ome(tmp_path_factory, axes, length, time, dtype):
    path = tmp_path_factory.mktemp("ome") / "movie.ome.tif"
    lengths = {"T": 4, "Z": 3, "C": 2, "Y": 20, "X": 30}
    data = pictures(tuple(lengths[a] for a in axes), dtype)
    metadata = {"axes": axes, "TimeIncrement": 7.5, "TimeIncrementUnit": time[0]}
    for side in "XY":
        metadata |= {f"PhysicalSize{side}": 0.2, f"PhysicalSize{side}Unit": length[0]}
    if "C" in axes:
        metadata["Channel"] = {"Name": ["BF", "GFP"]}
    tifffile.imwrite(path, data, metadata=metadata)
    movie = open_timelapse(path)
    assert movie.name == "movie"
    assert movie.frames.shape == tuple(lengths[a] if a in axes else 1 for a in "TCZYX")
    assert movie.frames.sum(dtype=float) == data.sum(dtype=float)
    assert movie.pixel_size == (None if length[1] is None else pytest.approx(0.2 * length[1]))
    assert movie.interval == pytest.approx(7.5 * time[1])
    assert movie.channel_names == (("BF", "GFP") if "C" in axes else ("channel 0",))


def test_caller_outranks_file(tmp_path):
    metadata = {"axes": "TYX", "PhysicalSizeX": 0.2, "PhysicalSizeXUnit": "µm", "TimeIncrement": 60.0}
    tifffile.imwrite(tmp_path / "a.ome.tif", pictures(), metadata=metadata)
    movie = open_timelapse(tmp_path / "a.ome.tif", axes="ZYX", pixel_size=0.5, interval=9)
    assert (movie.n_planes, movie.pixel_size, movie.interval) == (6, 0.5, 9.0)


def test_oblong_pixels_are_no_pixel_size(tmp_path):
    metadata = {"axes": "TYX", "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.3}
    tifffile.imwrite(tmp_path / "a.ome.tif", pictures(), metadata=metadata)
    assert open_timelapse(tmp_path / "a.ome.tif").pixel_size is None


def test_first_series_where_the_others_are_something_else(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(pictures(), metadata={"axes": "TYX", "Name": "movie"})
        writer.write(pictures((20, 30), np.uint8), metadata={"axes": "YX", "Name": "overview"})
    assert open_timelapse(tmp_path / "a.ome.tif").n_times == 6


def test_several_movies_in_one_file_need_a_choice(tmp_path):
    first, second = pictures(), pictures() + 1
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(first, metadata={"axes": "TYX", "Name": "Position 1", "PhysicalSizeX": 0.1})
        writer.write(second, metadata={"axes": "TYX", "Name": "Position 2", "PhysicalSizeX": 0.2})
    with pytest.raises(CellSimError, match=r"'Position 1'.*'Position 2'.*series="):
        open_timelapse(tmp_path / "a.ome.tif")
    movie = open_timelapse(tmp_path / "a.ome.tif", series=1)
    np.testing.assert_array_equal(movie.array(), second)
    assert movie.pixel_size == 0.2
    with pytest.raises(CellSimError, match="no series 2"):
        open_timelapse(tmp_path / "a.ome.tif", series=2)


def test_colour_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 20, 30, 3), np.uint8), photometric="rgb")
    with pytest.raises(CellSimError, match=r"colour.*greyscale"):
        open_timelapse(tmp_path / "a.tif")


def test_independent_pictures_are_refused_unless_declared(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", pictures(), metadata={"axes": "QYX"})
    with pytest.raises(CellSimError, match=r'independent pictures.*axes="TYX"'):
        open_timelapse(tmp_path / "a.ome.tif")
    assert open_timelapse(tmp_path / "a.ome.tif", axes="TYX").n_times == 6


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "layout", [{}, {"metadata": None, "tile": (16, 16)}, {"rowsperstrip": 3, "compression": "zlib"}]
)
def test_lazy_reading_gives_the_same_pixels(tmp_path, monkeypatch, big, order, layout):
    data = pictures()
    tifffile.imwrite(tmp_path / "a.tif", data, bigtiff=big, byteorder=order, **layout)
    eager = open_timelapse(tmp_path / "a.tif")
    monkeypatch.setattr(tiff_module, "EAGER_BYTES", 0)
    lazy = open_timelapse(tmp_path / "a.tif")
    assert isinstance(eager.frames, np.ndarray)
    assert isinstance(lazy.frames, dask.array.Array)
    np.testing.assert_array_equal(lazy.array(), data)
    np.testing.assert_array_equal(eager.array(), data)
    np.testing.assert_array_equal(lazy.crop(2, 9, 3, 8).array([4]), data[[4], 2:9, 3:8])


def test_a_movie_larger_than_memory_opens_without_being_read(tmp_path):
    path = tmp_path / "large.tif"
    frame_bytes = 1024 * 1024 * 2
    stored = tifffile.memmap(path, shape=(1000, 1024, 1024), dtype=np.uint16, bigtiff=True)  # 2 GB, sparse
    stored[700, 3, 4] = 4242
    stored.flush()
    del stored
    program = (
        "import sys, tracemalloc, numpy\n"
        "from napari_cellsim.data import open_timelapse\n"
        "import dask.array, zarr\n"
        "tracemalloc.start()\n"
        "movie = open_timelapse(sys.argv[1])\n"
        "picture = movie.array([700])\n"
        "print(movie.n_times, picture[0, 3, 4], tracemalloc.get_traced_memory()[1])\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    n_times, pixel, peak = output.stdout.split()
    assert (int(n_times), float(pixel)) == (1000, 4242)
    assert int(peak) < 10 * frame_bytes


def test_three_frames_that_tifffile_took_for_colours_open_with_axes(tmp_path):
    data = pictures((3, 20, 30), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", planarconfig="separate")
    with pytest.raises(CellSimError, match='axes="TYX"'):
        open_timelapse(tmp_path / "a.tif")
    np.testing.assert_array_equal(open_timelapse(tmp_path / "a.tif", axes="TYX").array(), data)
