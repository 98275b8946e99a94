"""Directions are hues, lengths are saturations."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cellsim.base import CellSimError
from napari_cellsim.data import flow_to_rgb, flow_wheel


def colour(x, y, longest=1.0):
    return flow_to_rgb(np.array([[[x]], [[y]]], np.float32), longest)[0, 0]


def test_shapes():
    assert flow_to_rgb(np.zeros((2, 5, 6))).shape == (5, 6, 3)
    rgb = flow_to_rgb(np.zeros((3, 4, 2, 5, 6)))
    assert rgb.shape == (3, 4, 5, 6, 3)
    assert rgb.dtype == np.uint8


def test_no_motion_is_white_and_unknown_is_black():
    assert (colour(0, 0) == 255).all()
    assert (colour(np.nan, 0) == 0).all()
    assert (colour(0, np.inf) == 0).all()
    assert (flow_to_rgb(np.zeros((2, 3, 3))) == 255).all()


def test_right_is_red_and_left_is_cyan():
    red, cyan = colour(1, 0).astype(int), colour(-1, 0).astype(int)
    assert red[0] == 255
    assert red[1] == red[2] < 100
    assert cyan[0] < 100
    assert cyan[1] == cyan[2] == 255


@given(st.floats(0, 2 * np.pi), st.floats(0.05, 1))
def test_hue_follows_the_direction_and_saturation_the_length(angle, length):
    full = colorsys.rgb_to_hsv(*colour(np.cos(angle), np.sin(angle)) / 255)
    part = colorsys.rgb_to_hsv(*colour(length * np.cos(angle), length * np.sin(angle)) / 255)
    turn = (full[0] - angle / (2 * np.pi) + 0.5) % 1 - 0.5
    assert abs(turn) < 0.06  # raised cosines lead and lag a little between the primaries
    assert abs((full[0] - part[0] + 0.5) % 1 - 0.5) < 0.03 / length
    assert part[1] == pytest.approx(length * full[1], abs=0.02)


def test_longer_than_the_limit_is_saturated():
    np.testing.assert_array_equal(colour(5, 5, 1.0), colour(50, 50, 1.0))


def test_wheel_shows_at_each_point_the_colour_of_the_arrow_there():
    wheel = flow_wheel(101)
    assert wheel.shape == (101, 101, 3)
    assert (wheel[0, 0] == 255).all()
    assert (wheel[50, 50] == 255).all()
    np.testing.assert_array_equal(wheel[50, 100], colour(100 / 101, 0))
    np.testing.assert_array_equal(wheel[90, 50], colour(0, 80 / 101))


@pytest.mark.parametrize("shape", [(5, 6), (3, 5, 6), (2, 3, 5, 6)])
def test_wrong_shapes(shape):
    with pytest.raises(CellSimError, match="displacement field"):
        flow_to_rgb(np.zeros(shape))
