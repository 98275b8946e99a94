"""Half-widths of intervals: the Laplace quantile, the calibrated one, and what lies between levels."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from napari_cellsim.base import CellSimError
from napari_cellsim.forecasting import half_width, interval_factor
from napari_cellsim.models import Calibration

TABLE = [
    Calibration(horizon=1, levels=[0.5, 0.9], factors=[1.0, 4.0]),
    Calibration(horizon=2, levels=[0.5, 0.9], factors=[2.0, 5.0]),
]


@given(level=st.floats(0.01, 0.999), scale=st.floats(0.01, 100))
def test_without_a_calibration_it_is_the_laplace_quantile(level, scale):
    width = half_width(np.full((1, 1, 1), scale), level=level).item()
    assert width == pytest.approx(stats.laplace(scale=scale).ppf((1 + level) / 2), rel=1e-5)


def test_each_horizon_has_its_own_factor_and_later_ones_the_last():
    scale = np.random.default_rng(0).uniform(0.1, 1, (4, 3, 5)).astype(np.float32)
    found = half_width(scale, TABLE, level=0.9)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, scale * np.array([4, 5, 5, 5])[:, None, None], rtol=1e-6)
    with_channels = half_width(scale[:, None], TABLE, level=0.9)
    np.testing.assert_array_equal(with_channels[:, 0], found)


def test_between_levels_it_is_linear_over_the_exponential():
    middle = 1 - math.sqrt((1 - 0.5) * (1 - 0.9))  # half way in -ln(1 - level)
    assert interval_factor(TABLE, 1, middle) == pytest.approx(2.5)
    below = 1 - math.sqrt(1 - 0.5)  # half way from 0 to the first level
    assert interval_factor(TABLE, 2, below) == pytest.approx(1.0)
    assert interval_factor(TABLE, 2, 0.9) == pytest.approx(5.0)


@given(level=st.floats(0.01, 0.9))
def test_the_calibration_of_laplace_errors_changes_nothing(level):
    levels = [0.5, 0.8, 0.9]
    exact = Calibration(horizon=1, levels=levels, factors=[-math.log(1 - p) for p in levels])
    assert interval_factor([exact], 3, level) == pytest.approx(-math.log(1 - level), rel=1e-6)


@given(levels=st.lists(st.floats(0.01, 0.9), min_size=2, max_size=5, unique=True))
def test_wider_for_higher_levels(levels):
    factors = [interval_factor(TABLE, 1, level) for level in sorted(levels)]
    assert factors == sorted(factors)


def test_refuses_what_was_never_measured():
    for level in (0.0, 1.0, -1.0, 2.0):
        with pytest.raises(CellSimError, match="between 0 and 1"):
            half_width(np.ones((1, 2, 2)), level=level)
    with pytest.raises(CellSimError, match=r"up to the level 0\.9"):
        half_width(np.ones((1, 2, 2)), TABLE, level=0.95)
    with pytest.raises(CellSimError, match="horizon 1"):
        interval_factor(TABLE, 0)
    with pytest.raises(CellSimError, match="single number"):
        half_width(1.0)


def test_needs_no_torch():
    code = (
        "import sys, numpy as np; from napari_cellsim.forecasting import half_width; "
        "half_width(np.ones((1, 2, 2))); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
