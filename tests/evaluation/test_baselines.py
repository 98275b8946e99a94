"""Baselines on motions whose future is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation.baselines import (
    DEFAULT_SIGMA,
    SIGMAS,
    blurred_copy_last,
    constant_flow,
    copy_last,
    estimate_flow,
    tune_sigma,
)


def moving(frames=6, velocity=(1.0, 0.5), size=64):
    """A smooth texture that moves by (x, y) pixels per frame, drawn analytically."""
    y, x = np.mgrid[:size, :size].astype(np.float64)
    pictures = []
    for t in range(frames):
        u, v = x - velocity[0] * t, y - velocity[1] * t
        pictures.append(np.sin(u / 3.1) * np.cos(v / 4.3) + 0.5 * np.sin((u + v) / 5.7))
    return np.stack(pictures).astype(np.float32)


def test_static_scene_is_predicted_exactly():
    still = np.repeat(moving(1), 5, axis=0)
    assert (copy_last(still[:3], 2) == still[3:]).all()
    np.testing.assert_allclose(constant_flow(still[:3], 2), still[3:], atol=1e-5)


def test_constant_motion_is_continued():
    movie = moving()
    predicted = constant_flow(movie[:3], 3)
    inner = (slice(None), slice(12, -12), slice(12, -12))
    error = ((predicted - movie[3:])[inner] ** 2).mean(axis=(1, 2))
    copied = ((copy_last(movie[:3], 3) - movie[3:])[inner] ** 2).mean(axis=(1, 2))
    assert (error < 0.02 * copied).all()


def test_flow_is_backward_with_x_first():
    flow = estimate_flow(moving(2, velocity=(1.0, -0.5)))
    inner = flow[:, 16:-16, 16:-16]
    assert np.median(inner[0]) == pytest.approx(-1.0, abs=0.05)
    assert np.median(inner[1]) == pytest.approx(0.5, abs=0.05)
    assert (estimate_flow(moving(1)) == 0).all()


def test_flow_does_not_depend_on_intensity_units():
    movie = moving(2)
    np.testing.assert_allclose(estimate_flow(movie * 1000 + 400), estimate_flow(movie), atol=2e-2)


def test_given_flow_is_iterated_along_the_path():
    """A zoom about the middle: tracing back k steps through a steady field multiplies by factor**k."""
    size, factor = 65, 0.95
    y, x = np.mgrid[:size, :size] - size // 2
    flow = np.stack([(factor - 1) * x, (factor - 1) * y]).astype(np.float32)
    ramp = np.stack([x.astype(np.float32)])
    predicted = constant_flow(ramp, 3, flow)
    for k in range(3):
        np.testing.assert_allclose(predicted[k], factor ** (k + 1) * x, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(11, 20), st.integers(11, 20), st.integers(0, 99))
def test_shapes_and_causality(frames, steps, height, width, seed):
    history = np.random.default_rng(seed).random((frames, height, width)).astype(np.float32)
    for predicted in (
        copy_last(history, steps),
        blurred_copy_last(history, steps),
        constant_flow(history, steps),
    ):
        assert predicted.shape == (steps, height, width)
        assert predicted.dtype == np.float32
        assert history[-1].min() - 1e-5 <= predicted.min()
        assert predicted.max() <= history[-1].max() + 1e-5


def test_blur_per_step():
    history = moving(2)
    predicted = blurred_copy_last(history, 3, (0.0, 0.7, 2.0))
    np.testing.assert_array_equal(predicted[0], history[-1])
    np.testing.assert_allclose(predicted[2], gaussian_filter(history[-1], 2.0, mode="nearest"))


def test_tuned_sigma_is_the_best_of_the_grid():
    generator = np.random.default_rng(0)
    texture = gaussian_filter(generator.random((48, 48)), 2) * 8
    noisy = [texture + 0.3 * generator.standard_normal((4, 48, 48)) for _ in range(3)]
    (sigma,) = tune_sigma(noisy, 1)

    def error(s):
        return sum(
            ((gaussian_filter(seq[t].astype(np.float32), s, mode="nearest") - seq[t + 1]) ** 2).mean()
            for seq in noisy
            for t in range(3)
        )

    assert error(sigma) == min(map(error, SIGMAS))
    assert 0.5 < sigma < 4


def test_tuning_without_blur_to_gain_and_without_frames():
    still = np.repeat(np.random.default_rng(1).random((1, 20, 20)), 4, axis=0)
    assert tune_sigma([still], 2) == (0.0, 0.0)
    assert tune_sigma([still[:1]], 2) == (DEFAULT_SIGMA, DEFAULT_SIGMA)
    assert tune_sigma([still[:2]], 3) == (0.0, 0.0, 0.0)  # longer horizons take the longest one seen
    late = still.copy()
    late[:2] = np.random.default_rng(2).random((2, 20, 20))
    assert tune_sigma([late], 1, at=[2]) == (0.0,)


@pytest.mark.parametrize("baseline", [copy_last, blurred_copy_last, constant_flow])
def test_bad_input_gets_a_sentence(baseline):
    with pytest.raises(CellSimError, match=r"\(T, Y, X\)"):
        baseline(np.zeros((12, 12)), 2)
    with pytest.raises(CellSimError, match="at least one frame"):
        baseline(np.zeros((0, 12, 12)), 2)
    with pytest.raises(CellSimError, match="steps must be at least 1"):
        baseline(np.zeros((2, 12, 12)), 0)


def test_wrong_flow_and_sigma():
    history = np.zeros((2, 12, 14))
    with pytest.raises(CellSimError, match=r"\(2, 14, 12\)"):
        constant_flow(history, 1, np.zeros((2, 14, 12)))
    with pytest.raises(CellSimError, match="one blur"):
        blurred_copy_last(history, 2, (0.7,))
    with pytest.raises(CellSimError, match="at least 0"):
        blurred_copy_last(history, 1, -1.0)
