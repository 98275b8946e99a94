"""Scale maps intensities to network units and back, exactly to float32 rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_cellsim.base import CellSimError
from napari_cellsim.data import Scale, fit_scale

_FRAMES = np.random.default_rng(5).gamma(3, 900, (4, 40, 50)).astype(np.uint16)


def test_percentiles_become_zero_and_one_without_clipping():
    forward = fit_scale(_FRAMES).forward(_FRAMES)
    assert forward.dtype == np.float32
    np.testing.assert_allclose(np.percentile(forward, [0.1, 99.9]), [0, 1], atol=1e-6)
    assert forward.max() > 1
    assert forward.min() < 0


def test_minmax():
    forward = fit_scale(_FRAMES, method="minmax").forward(_FRAMES)
    assert (forward.min(), forward.max()) == (0, 1)


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16]),
        arrays.array_shapes(min_dims=3, max_dims=3, max_side=8),
    ),
    st.sampled_from(["percentile", "minmax"]),
)
def test_integers_survive_the_round_trip(frames, method):
    scale = fit_scale(frames, method)
    assert scale.gain > 0
    back = scale.inverse(scale.forward(frames))
    spread = float(np.ptp(frames.astype(float))) + abs(scale.offset)
    np.testing.assert_allclose(back, frames, rtol=3e-7, atol=3e-7 * spread)


@given(
    st.floats(-1e4, 1e4),
    st.floats(1e-3, 1e5),
    arrays.arrays(np.float32, 20, elements=st.floats(0, 1, width=32)),
)
def test_network_values_survive_the_round_trip(offset, gain, values):
    scale = Scale(offset, gain)
    again = scale.forward(scale.inverse(values))
    # float32 intensities keep seven digits of offset + gain
    np.testing.assert_allclose(again, values, atol=1e-6 + 3e-7 * abs(offset) / gain)


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_constant_frames_have_gain_one(value):
    scale = fit_scale(np.full((2, 5, 6), value, np.uint16))
    assert (scale.offset, scale.gain) == (value, 1.0)
    assert (scale.forward(np.full(3, value)) == 0).all()


def test_few_bright_spots_on_black_still_have_a_scale():
    frames = np.zeros((1, 100, 100), np.uint8)
    frames[0, 3, 4] = 200
    assert fit_scale(frames) == Scale(0.0, 200.0)


def test_values_that_are_no_numbers_are_left_out():
    frames = np.array([[[0.0, 10.0, np.nan, np.inf]]])
    assert fit_scale(frames, method="minmax") == Scale(0.0, 10.0)
    with pytest.raises(CellSimError, match="every value"):
        fit_scale(np.full((1, 3, 3), np.nan))


def test_unknown_method():
    with pytest.raises(CellSimError, match="'percentile' or 'minmax'"):
        fit_scale(_FRAMES, method="zscore")  # type: ignore[arg-type]
