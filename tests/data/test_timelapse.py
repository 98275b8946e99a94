"""TimeLapse: its shape contract, calibration, crops and placement in napari's world."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cellsim.base import CellSimError
from napari_cellsim.data import Placement, TimeLapse, check_frames, open_timelapse


@pytest.fixture
def ramp():
    return np.arange(4 * 2 * 3 * 20 * 30, dtype=np.uint16).reshape(4, 2, 3, 20, 30)


def test_properties(ramp):
    movie = TimeLapse(ramp, pixel_size=0.1, interval=5)
    assert (movie.n_times, movie.n_channels, movie.n_planes, movie.height, movie.width) == (4, 2, 3, 20, 30)
    assert movie.dtype == np.uint16
    assert movie.channel_names == ("channel 0", "channel 1")
    assert movie.axes == "TCZYX"


@pytest.mark.parametrize("lazy", [False, True])
def test_array_reads_what_is_asked_for(ramp, lazy):
    movie = TimeLapse(dask.array.from_array(ramp, chunks=(1, 1, 1, 20, 30)) if lazy else ramp)
    part = movie.array([0, -1], channel=1, plane=2)
    assert part.dtype == np.float32
    np.testing.assert_array_equal(part, ramp[[0, 3], 1, 2].astype(np.float32))
    np.testing.assert_array_equal(movie.array(slice(1, 3)), ramp[1:3, 0, 0].astype(np.float32))
    assert movie.array(2).shape == (1, 20, 30)


def test_array_is_a_copy(ramp):
    movie = TimeLapse(ramp.astype(np.float32))
    movie.array()[:] = -1
    assert movie.frames.min() == 0


@pytest.mark.parametrize(
    "wrong", [{"times": 4}, {"times": [-5]}, {"channel": 2}, {"plane": 3}, {"channel": -1}]
)
def test_what_does_not_exist_gets_a_sentence(ramp, wrong):
    with pytest.raises(CellSimError, match=r"has no (frame|channel|plane)"):
        TimeLapse(ramp).array(**{"times": 0, **wrong})


@pytest.mark.parametrize(
    ("frames", "options", "sentence"),
    [
        (np.zeros((3, 4, 5)), {}, "T, C, Z, Y, X"),
        (np.zeros((0, 1, 1, 4, 5)), {}, "empty"),
        (np.zeros((1, 1, 1, 4, 5), complex), {}, "real numbers"),
        (np.zeros((1, 1, 1, 4, 5)), {"pixel_size": 0.0}, "positive"),
        (np.zeros((1, 1, 1, 4, 5)), {"interval": float("nan")}, "positive"),
        (np.zeros((1, 1, 1, 4, 5)), {"channel_names": ("a", "b")}, "channel names"),
    ],
)
def test_bad_movies_are_refused(frames, options, sentence):
    with pytest.raises(CellSimError, match=sentence):
        TimeLapse(frames, **options)


@given(st.data())
def test_crop_keeps_world_coordinates(data):
    y0, x0 = data.draw(st.integers(0, 10)), data.draw(st.integers(0, 10))
    frames = np.random.default_rng(0).random((2, 1, 1, 16, 18))
    layer = Placement(
        "TYX", (5, 0.5, 0.25), (1, 2, 3), ("minute", "micrometer", "micrometer"), ("t", "y", "x")
    )
    for movie in (TimeLapse(frames, pixel_size=0.5), TimeLapse(frames, layer=layer)):
        part = movie.crop(y0, y0 + 5, x0, x0 + 6)
        again = part.crop(1, 4, 2, 5)
        assert again.origin == (y0 + 1, x0 + 2)
        np.testing.assert_array_equal(again.frames, frames[..., y0 + 1 : y0 + 4, x0 + 2 : x0 + 5])
        expected = np.add(movie.placement.translate, np.multiply(movie.placement.scale, (0, y0 + 1, x0 + 2)))
        np.testing.assert_allclose(again.placement.translate, expected)


@pytest.mark.parametrize("box", [(0, 21, 0, 5), (-1, 5, 0, 5), (3, 3, 0, 5), (0, 5, 10, 4)])
def test_crop_outside_gets_a_sentence(ramp, box):
    with pytest.raises(CellSimError, match="inside"):
        TimeLapse(ramp).crop(*box)


def test_select_is_placed_at_its_plane_and_channel(ramp):
    movie = TimeLapse(ramp, pixel_size=0.1, interval=5, z_step=0.6, channel_names=("BF", "GFP"))
    one = movie.select(channel=1, plane=2)
    assert one.frames.shape == (4, 1, 1, 20, 30)
    assert one.channel_names == ("GFP",)
    np.testing.assert_array_equal(one.frames[:, 0, 0], ramp[:, 1, 2])
    assert one.placement.axes == "TCZYX"
    np.testing.assert_allclose(one.placement.translate, (0, 1, 1.2, 0, 0))


def test_placement_is_calibrated_only_where_the_calibration_is_known(ramp):
    placement = TimeLapse(ramp[:, :1], pixel_size=0.1).placement
    assert placement.axes == "TZYX"
    assert placement.scale == (1, 1, 0.1, 0.1)
    assert placement.units == ("pixel", "pixel", "micrometer", "micrometer")


def test_with_calibration_changes_only_what_is_given(ramp):
    movie = TimeLapse(ramp, pixel_size=0.1).with_calibration(interval=3)
    assert (movie.pixel_size, movie.interval) == (0.1, 3.0)
    assert movie.placement.scale == (3, 1, 1, 0.1, 0.1)


def test_file_that_vanished_gets_a_sentence():
    gone = dask.array.from_delayed(dask.delayed(open)("/no/such/file"), (2, 1, 1, 3, 3), float)
    with pytest.raises(CellSimError, match="can no longer be read"):
        TimeLapse(gone).array()


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((5, 20, 30), None, (5, 1, 1, 20, 30)),
        ((20, 30), None, (1, 1, 1, 20, 30)),
        ((5, 2, 20, 30), None, (5, 1, 2, 20, 30)),
        ((5, 2, 20, 30), "TCYX", (5, 2, 1, 20, 30)),
        ((2, 5, 20, 30), "ctyx", (5, 2, 1, 20, 30)),
        ((20, 30, 5), "YXT", (5, 1, 1, 20, 30)),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64", ">u2", "bool"])
def test_arrays(shape, axes, expected, dtype):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    for given_array in (array, dask.array.from_array(array)):
        movie = open_timelapse(given_array, axes=axes, pixel_size=0.2, interval=2)
        assert movie.frames.shape == expected
        assert (movie.pixel_size, movie.interval) == (0.2, 2.0)
        whole = np.asarray(movie.frames)
        assert whole.dtype.isnative
        assert whole.sum() == array.sum()


def test_calibration_is_never_guessed():
    movie = open_timelapse(np.zeros((3, 20, 30)))
    assert (movie.pixel_size, movie.interval, movie.z_step) == (None, None, None)


@pytest.mark.parametrize("source", [3, None, [], [1, 2], {"a": 1}])
def test_what_is_no_movie_gets_a_sentence(source):
    with pytest.raises(CellSimError, match="no time-lapse"):
        open_timelapse(source)


def test_a_timelapse_is_open_already(ramp):
    with pytest.raises(CellSimError, match="open already"):
        open_timelapse(TimeLapse(ramp))


def test_check_frames_names_the_first_bad_frame():
    frames = np.zeros((4, 5, 6), np.float32)
    check_frames(frames)
    check_frames(frames.astype(np.uint8))
    frames[2, 1, 1] = np.nan
    frames[3, 1, 1] = np.inf
    with pytest.raises(CellSimError, match="2 in all, the first in frame 2"):
        check_frames(frames)
