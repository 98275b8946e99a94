"""Calibration, coverage and scores of samples against closed forms and distributions that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import (
    bootstrap_interval,
    coverage,
    coverage_by_horizon,
    crps,
    diversity,
    energy_score,
    fit_calibration,
)
from napari_cellsim.evaluation.calibration import LEVELS
from napari_cellsim.forecasting import half_width


def noise(seed: int, scale: np.ndarray) -> np.ndarray:
    """Laplace noise of a given scale."""
    return np.random.default_rng(seed).laplace(size=scale.shape) * scale


def uneven(seed: int, shape: tuple[int, ...] = (3, 60, 70)) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.01, 0.2, shape)


@pytest.mark.parametrize("level", LEVELS)
def test_exact_scales_cover_what_they_say(level):
    scale = uneven(1)
    truth = noise(2, scale)
    width = half_width(scale, level=level)
    for step in range(3):
        # binomial: four standard errors of 4200 pixels are 0.031 at most
        assert coverage(0 * truth[step], width[step], truth[step]) == pytest.approx(level, abs=0.031)


@pytest.mark.parametrize("level", [0.6827, 0.75, 0.95])
def test_calibration_mends_wrong_scales(level):
    """Scales that are too small, more so the further ahead; the factors come from other sequences."""
    wrong = np.array([0.5, 0.25, 0.1])[:, None, None]
    scales = [uneven(k) for k in range(6)]
    errors = [noise(10 + k, scale) for k, scale in enumerate(scales)]
    table = fit_calibration(
        [[e[step] for e in errors[:5]] for step in range(3)],
        [[(s * wrong)[step] for s in scales[:5]] for step in range(3)],
    )
    assert [entry.horizon for entry in table] == [1, 2, 3]
    bare, mended = (half_width(scales[5] * wrong, t, level) for t in ([], table))
    for step in range(3):
        truth = errors[5][step]
        assert coverage(np.zeros_like(truth), bare[step], truth) < level - 0.1
        # within levels 0.68 to 0.8 errors are exponential, so that the interpolation is exact
        assert coverage(np.zeros_like(truth), mended[step], truth) == pytest.approx(level, abs=0.03)


def test_factors_are_the_quantiles():
    ratios = np.arange(1, 101)
    errors = -np.random.default_rng(0).permutation(ratios) * 0.5
    (found,) = fit_calibration([[errors]], [[np.full(100, 0.5)]], levels=[0.25, 0.5, 0.99])
    assert found.factors == [25, 50, 99]


def test_sequences_count_the_same_whatever_their_size():
    small, large = np.full((2, 2), 1.0), np.full((50, 50), 3.0)
    ones = [np.ones_like(small), np.ones_like(large)]
    (found,) = fit_calibration([[small, large]], [ones], levels=[0.49, 0.5, 0.51])
    assert found.factors == [1, 1, 3]


def test_unknown_pixels_are_left_out():
    error = np.array([1.0, 2.0, np.nan, 3.0])
    (found,) = fit_calibration([[error]], [[np.ones(4)]], levels=[0.9])
    assert found.factors == [3]
    assert coverage(np.zeros(4), np.full(4, 2.0), error) == pytest.approx(2 / 3)
    assert coverage(np.zeros(4), np.full(4, 2.0), error, mask=[True, True, True, False]) == 1
    assert np.isnan(coverage(np.zeros(2), np.ones(2), np.full(2, np.nan)))


def test_coverage_over_sequences():
    """Two steps of three sequences of which one is shorter; coverage 1, 0.5 and 0 by construction."""
    truth = [np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), np.zeros((1, 2, 2))]
    guess = [np.zeros((2, 2, 2)), np.ones((2, 2, 2)), np.full((1, 2, 2), [[0.0, 0], [2, 2]])]
    found = coverage_by_horizon(guess, [np.full((2, 2, 2), 0.5)] * 3, truth)
    assert [c.horizon for c in found] == [1, 2]
    assert [c.sequences for c in found] == [3, 2]
    assert [c.value for c in found] == [0.5, 0.5]
    assert (found[0].low, found[0].high) == bootstrap_interval([1.0, 0.0, 0.5])
    alone = coverage_by_horizon(guess[:1], [np.ones((2, 2, 2))], truth[:1])[0]
    assert (alone.value, alone.low, alone.high) == (1, None, None)


def gaussian_crps(mean: float, deviation: float, y: np.ndarray) -> np.ndarray:
    """Gneiting & Raftery 2007, page 367, with the sign that 0 is perfect."""
    z = (y - mean) / deviation
    return deviation * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))


@pytest.mark.parametrize("fair", [True, False])
def test_crps_of_many_gaussian_samples_is_the_closed_form(fair):
    target = np.linspace(-3, 3, 25).reshape(5, 5)
    samples = np.random.default_rng(0).normal(0.3, 0.8, (4000, 5, 5))
    expected = gaussian_crps(0.3, 0.8, target).mean()
    assert crps(samples, target, fair=fair) == pytest.approx(expected, rel=0.01)


def test_fair_crps_does_not_depend_on_the_number_of_samples():
    generator = np.random.default_rng(1)
    target = generator.normal(size=200_000)
    for count in (2, 5):
        samples = generator.normal(size=(count, 200_000))
        assert crps(samples, target) == pytest.approx(1 / np.sqrt(np.pi), rel=0.02)  # closed form of N(0, 1)
        assert crps(samples, target, fair=False) > 1.05 / np.sqrt(np.pi)


@given(st.integers(2, 6), st.integers(0, 10_000), st.booleans())
def test_scores_are_their_definitions(count, seed, fair):
    generator = np.random.default_rng(seed)
    samples, target = generator.normal(size=(count, 3, 4)), generator.normal(size=(3, 4))
    pairs = count * (count - 1) if fair else count**2
    differences = samples[:, None] - samples[None]
    absolute = np.abs(samples - target).mean() - np.abs(differences).sum(axis=(0, 1)).mean() / (2 * pairs)
    assert crps(samples, target, fair=fair) == pytest.approx(absolute, abs=1e-12)
    rms = np.sqrt((differences**2).mean(axis=(2, 3)))
    whole = np.sqrt(((samples - target) ** 2).mean(axis=(1, 2))).mean() - rms.sum() / (2 * pairs)
    assert energy_score(samples, target, fair=fair) == pytest.approx(whole, abs=1e-12)
    assert diversity(samples) == pytest.approx(rms.sum() / (count * (count - 1)), abs=1e-12)


def test_one_picture_scores_its_error():
    generator = np.random.default_rng(3)
    guess, target = generator.normal(size=(2, 6, 6))
    for fair in (True, False):
        copies = np.stack([guess] * 3)
        assert crps(copies, target, fair=fair) == pytest.approx(np.abs(guess - target).mean())
        assert energy_score(copies, target, fair=fair) == pytest.approx(
            np.sqrt(((guess - target) ** 2).mean())
        )
    assert crps(guess[None], target, fair=False) == pytest.approx(np.abs(guess - target).mean())
    assert energy_score(guess[None], target, fair=False) == pytest.approx(
        np.sqrt(((guess - target) ** 2).mean())
    )
    assert diversity(np.stack([guess] * 3)) == 0


def test_energy_score_sees_what_crps_cannot():
    """Samples with the right spread in each pixel, but independent of their neighbours, which truth is not."""
    generator = np.random.default_rng(4)
    differences = []
    for _ in range(200):
        truth = np.full((8, 8), generator.normal())
        together = np.ones((4, 8, 8)) * generator.normal(size=(4, 1, 1))
        apart = generator.normal(size=(4, 8, 8))
        differences.append(
            [f(apart, truth) - f(together, truth) for f in (energy_score, crps)],
        )
    energy, pixelwise = np.mean(differences, axis=0)
    assert energy > 0.05
    assert abs(pixelwise) < 0.05


def test_samples_of_the_truth_differ_as_much_as_they_err():
    samples = np.random.default_rng(5).normal(size=(5, 300, 300))
    errors = np.sqrt(((samples[1:] - samples[0]) ** 2).mean(axis=(1, 2)))
    assert diversity(samples[1:]) == pytest.approx(errors.mean(), rel=0.01)


def test_pixels_without_truth_are_left_out_of_scores():
    generator = np.random.default_rng(6)
    samples, target = generator.normal(size=(3, 2, 4)), generator.normal(size=(2, 4))
    holed = target.copy()
    holed[1] = np.nan
    for score in (crps, energy_score):
        assert score(samples, holed) == pytest.approx(score(samples[:, :1], target[:1]))
        assert np.isnan(score(samples, np.full((2, 4), np.nan)))


def test_refuses_nonsense():
    ones = np.ones((2, 2))
    with pytest.raises(CellSimError, match="1 horizons, but scales of 2"):
        fit_calibration([[ones]], [[ones], [ones]])
    with pytest.raises(CellSimError, match="2 sequences, but scales of 1"):
        fit_calibration([[ones, ones]], [[ones]])
    with pytest.raises(CellSimError, match="shape"):
        fit_calibration([[ones]], [[np.ones(3)]])
    with pytest.raises(CellSimError, match="0 or less"):
        fit_calibration([[ones]], [[0 * ones]])
    with pytest.raises(CellSimError, match="no errors"):
        fit_calibration([[np.nan * ones]], [[ones]])
    with pytest.raises(CellSimError, match="same sequences, not 1, 1 and 0"):
        coverage_by_horizon([ones], [ones], [])
    with pytest.raises(CellSimError, match="at least two samples"):
        crps(ones[None], ones)
    with pytest.raises(CellSimError, match="no samples of"):
        energy_score(ones, ones)
    with pytest.raises(CellSimError, match="two samples or more"):
        diversity(ones[None])
