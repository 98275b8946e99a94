"""Confidence intervals: coverage, pairing, reproducibility."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import bootstrap_interval, ratio_interval


def test_coverage_is_near_nominal():
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        low, high = bootstrap_interval(generator.gamma(2.0, 1.0, 48), 0.9, resamples=500, seed=trial)
        covered += low <= 2.0 <= high
    assert 0.83 < covered / 300 < 0.95


def test_interval_agrees_with_theory():
    values = np.random.default_rng(1).standard_normal(400) + 5
    low, high = bootstrap_interval(values)
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_pairing_cancels_difficulty():
    """Sequences differ a thousandfold in difficulty, but the model is always 20 % better: no uncertainty is left."""
    baseline = 10 ** np.random.default_rng(2).uniform(-3, 0, 30)
    assert ratio_interval(0.8 * baseline, baseline) == pytest.approx((0.8, 0.8))
    low, high = ratio_interval(0.8 * baseline[::-1], baseline)
    assert low < 0.6 < 1.0 < high


def test_level_seed_and_degenerate_input():
    values = np.random.default_rng(3).random(20)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    wide, narrow = bootstrap_interval(values, 0.99), bootstrap_interval(values, 0.5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert np.isnan(bootstrap_interval([1.0])).all()
    with pytest.raises(CellSimError, match="level"):
        bootstrap_interval(values, 1.0)
    with pytest.raises(CellSimError, match=r"\(20,\).*\(19,\)"):
        ratio_interval(values, values[1:])
