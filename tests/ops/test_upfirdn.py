"""upfirdn against scipy, known answers, and its derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellsim.base import CellSimError
from napari_cellsim.ops import fir_kernel, upfirdn


def scipy_upfirdn(
    x: np.ndarray, taps_v: np.ndarray, taps_h: np.ndarray, up: int, down: int, pad: tuple[int, int]
):
    """Separable oracle: scipy's one-dimensional operator along one axis after the other."""

    def line(values: np.ndarray, taps: np.ndarray) -> np.ndarray:
        spread = np.zeros(up * len(values))
        spread[::up] = values
        padded = np.pad(spread, pad)
        full = scipy.signal.upfirdn(taps, padded)
        return full[len(taps) - 1 : len(padded)][::down]  # only where the filter lies inside

    rows = np.apply_along_axis(line, -2, x, taps_v)
    return np.apply_along_axis(line, -1, rows, taps_h)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(3, 9),
    width=st.integers(3, 9),
    up=st.integers(1, 3),
    down=st.integers(1, 3),
    pad=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    seed=st.integers(0, 2**16),
)
def test_equals_scipy(height, width, up, down, pad, seed):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(2, 3, height, width))
    taps_v, taps_h = (
        generator.normal(size=3),
        generator.normal(size=2),
    )  # asymmetric: catches a mirrored filter
    kernel = torch.from_numpy(np.outer(taps_v, taps_h))
    result = upfirdn(torch.from_numpy(x), kernel, up, down, pad)
    expected = scipy_upfirdn(x, taps_v, taps_h, up, down, pad)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)


def test_upsampling_keeps_brightness_and_doubles_the_size():
    flat = torch.full((1, 2, 8, 8), 3.0)
    doubled = upfirdn(flat, fir_kernel(), up=2, pad=(2, 1), gain=4.0)
    assert doubled.shape == (1, 2, 16, 16)
    torch.testing.assert_close(doubled[..., 2:-2, 2:-2], torch.full((1, 2, 12, 12), 3.0))


def test_filter_has_unit_sum_and_symmetry():
    kernel = fir_kernel()
    assert kernel.sum() == pytest.approx(1)
    torch.testing.assert_close(kernel, kernel.T)
    torch.testing.assert_close(kernel, kernel.flip(0))


def test_twice_differentiable():
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    kernel = fir_kernel().double()

    def cubed(x: torch.Tensor) -> torch.Tensor:
        return upfirdn(x, kernel, up=2, pad=(2, 1)) ** 3

    assert torch.autograd.gradcheck(cubed, x)
    assert torch.autograd.gradgradcheck(cubed, x)


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((3, 4, 4), (4, 4), {}),
        ((1, 1, 4, 4), (4,), {}),
        ((1, 1, 4, 4), (4, 4), {"up": 0}),
        ((1, 1, 4, 4), (4, 4), {"pad": (-1, 0)}),
        ((1, 1, 2, 2), (4, 4), {}),
    ],
)
def test_bad_input_gets_a_sentence(shape, kernel, options):
    with pytest.raises(CellSimError):
        upfirdn(torch.zeros(shape), torch.zeros(kernel), **options)
