"""Units become µm and minutes; axis letters are checked or guessed by the documented rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cellsim.base import CellSimError
from napari_cellsim.data.axes import ORDER, check_axes, from_tczyx, guess_axes, to_tczyx
from napari_cellsim.data.units import micrometres, minutes


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.108, "µm", 0.108),
        (0.108, "um", 0.108),
        (0.108, "\u03bcm", 0.108),
        (0.108, "\\u00B5m", 0.108),
        (0.108, "Micron", 0.108),
        (0.108, "microns", 0.108),
        ("0.108", "micrometre", 0.108),
        (108, "nm", 0.108),
        (0.000108, "mm", 0.108),
        (1, "inch", 25400),
        (1, "pixel", None),
        (1, "", None),
        (0, "µm", None),
        (-1, "µm", None),
        (float("nan"), "µm", None),
        ("wide", "µm", None),
        (None, "µm", None),
    ],
)
def test_lengths_become_micrometres(value, unit, expected):
    assert micrometres(value, unit) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (180, "s", 3.0),
        (180_000, "ms", 3.0),
        (3, "min", 3.0),
        (3, "minutes", 3.0),
        (0.05, "h", 3.0),
        (180, "sec", 3.0),
        (3, "frame", None),
        (3, "µm", None),
    ],
)
def test_times_become_minutes(value, unit, expected):
    assert minutes(value, unit) == (None if expected is None else pytest.approx(expected))


def test_whole_seconds_give_whole_minutes():
    assert minutes(180, "s") == 3.0
    assert minutes(300.0, "s") == 5.0


@given(st.integers(0, 5).flatmap(lambda n: st.permutations(ORDER).map(lambda p: "".join(p[: max(n, 2)]))))
def test_any_axis_order_goes_to_tczyx_and_back(axes):
    axes = "".join(dict.fromkeys(axes + "YX"))
    shape = tuple(2 + ORDER.index(axis) for axis in axes)
    array = np.arange(np.prod(shape)).reshape(shape)
    full = to_tczyx(array, axes)
    assert full.shape == tuple(2 + i if letter in axes else 1 for i, letter in enumerate(ORDER))
    np.testing.assert_array_equal(from_tczyx(full, axes), array)


def test_to_tczyx_puts_each_axis_where_its_letter_says():
    array = np.zeros((3, 4, 5, 6))
    array[1, 2, 3, 4] = 1  # x = 1, z = 2, t = 3, y = 4
    assert to_tczyx(array, "XZTY")[3, 0, 2, 4, 1] == 1


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((9, 8), "YX"),
        ((3, 9, 8), "TYX"),
        ((2, 3, 9, 8), "TZYX"),
        ((2, 3, 4, 9, 8), "TCZYX"),
        ((6, 9, 2), "TYX"),
    ],
)
def test_guess(shape, axes):
    assert guess_axes(shape, "it") == axes


@pytest.mark.parametrize("shape", [(64, 64, 3), (10, 64, 64, 3), (10, 64, 64, 4)])
def test_guess_refuses_colour(shape):
    with pytest.raises(CellSimError, match="colour"):
        guess_axes(shape, "it")


@pytest.mark.parametrize("shape", [(7,), (), (1, 2, 3, 4, 5, 6)])
def test_guess_refuses_other_dimensions(shape):
    with pytest.raises(CellSimError, match="dimensions"):
        guess_axes(shape, "it")


@pytest.mark.parametrize(
    ("axes", "ndim", "sentence"),
    [
        ("TYXS", 4, "colour"),
        ("QYX", 3, "independent pictures"),
        ("AYX", 3, "none of T, C, Z"),
        ("TTYX", 4, "twice|once"),
        ("TZY", 3, "Y and X"),
        ("TYX", 4, "one letter per dimension"),
    ],
)
def test_wrong_axes_get_a_sentence(axes, ndim, sentence):
    with pytest.raises(CellSimError, match=sentence):
        check_axes(axes, (5,) * ndim, "it")


def test_axes_may_be_small_letters():
    assert check_axes("tyx", (1, 2, 3), "it") == "TYX"
