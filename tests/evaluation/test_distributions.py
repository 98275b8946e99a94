"""Distances between feature sets against closed forms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation.metrics import frechet_distance, kid, precision_recall


def gaussian(n, d, seed, mean=0.0, scale=1.0):
    return mean + scale * np.random.default_rng(seed).standard_normal((n, d))


def test_frechet_equals_the_formula_with_scipy():
    real, fake = gaussian(80, 6, 0), gaussian(60, 6, 1, mean=0.3, scale=1.7) @ np.diag(np.arange(1.0, 7))
    cov_r, cov_f = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    shift = real.mean(0) - fake.mean(0)
    expected = shift @ shift + np.trace(cov_r + cov_f - 2 * np.real(sqrtm(cov_r @ cov_f)))
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(real, fake) == pytest.approx(frechet_distance(fake, real), rel=1e-9)


def test_frechet_of_known_gaussians():
    """Two clouds with exactly known moments: |Δµ|² + Σ (σ1 - σ2)²."""
    cloud = gaussian(500, 3, 2)
    white = (cloud - cloud.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(cloud, rowvar=False)).T)
    real = white * [1.0, 2.0, 3.0]
    fake = white * [2.0, 2.0, 0.5] + [1.0, 0.0, -2.0]
    assert frechet_distance(real, fake) == pytest.approx(1 + 4 + 1 + 0 + 6.25, rel=1e-9)


def test_frechet_of_equal_sets_is_zero_even_with_few_samples():
    few = gaussian(5, 40, 3)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(few, few + 2) == pytest.approx(160, rel=1e-6)


def test_frechet_of_one_dimension():
    real = np.array([[0.0], [2.0]])
    assert frechet_distance(real, 3 * real) == pytest.approx(4 + (3 - 1) ** 2 * 2)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-20, 20))
def test_frechet_in_turned_shifted_and_scaled_features(seed, scale, shift):
    """Rotation and common shift change nothing, a common scale acts squared."""
    generator = np.random.default_rng(seed)
    real, fake = generator.normal(size=(2, 30, 4)) * [[[1]], [[1.5]]]
    turn = np.linalg.qr(generator.normal(size=(4, 4)))[0]
    moved = frechet_distance(scale * real @ turn + shift, scale * fake @ turn + shift)
    assert moved == pytest.approx(scale**2 * frechet_distance(real, fake), rel=1e-6)


def test_kid_is_unbiased_and_grows_with_distance():
    same = [kid(gaussian(60, 4, 2 * s), gaussian(60, 4, 2 * s + 1)) for s in range(60)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(len(same))
    assert min(same) < 0 < max(same)
    shifted = [kid(gaussian(200, 4, 0), gaussian(200, 4, 1, mean=m)) for m in (0.5, 1.0, 2.0)]
    assert shifted == sorted(shifted)
    assert shifted[0] > 3 * np.std(same)


def test_kid_written_out():
    real, fake = gaussian(4, 2, 0), gaussian(3, 2, 1)

    def kernel(x, y):
        return (x @ y / 2 + 1) ** 3

    within_real = np.mean([kernel(a, b) for i, a in enumerate(real) for j, b in enumerate(real) if i != j])
    within_fake = np.mean([kernel(a, b) for i, a in enumerate(fake) for j, b in enumerate(fake) if i != j])
    between = np.mean([kernel(a, b) for a in real for b in fake])
    assert kid(real, fake) == pytest.approx(within_real + within_fake - 2 * between)


def test_precision_and_recall_of_simple_situations():
    real = gaussian(300, 2, 0)
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(real, real + 100) == (0, 0)
    mode = real[np.linalg.norm(real - [1, 1], axis=1) < 0.8]  # real-looking, but without variety
    collapsed = precision_recall(real, mode)
    assert collapsed.precision == 1
    assert collapsed.recall < 0.5
    swapped = precision_recall(mode, real)
    assert (swapped.precision, swapped.recall) == (collapsed.recall, collapsed.precision)


def test_precision_written_out():
    real, fake = gaussian(12, 3, 4), gaussian(9, 3, 5, mean=0.5)
    inside = 0
    for sample in fake:
        for i, centre in enumerate(real):
            distances = np.sort([np.linalg.norm(centre - other) for j, other in enumerate(real) if j != i])
            if np.linalg.norm(sample - centre) <= distances[2]:
                inside += 1
                break
    assert precision_recall(real, fake).precision == pytest.approx(inside / 9)


@pytest.mark.parametrize("metric", [frechet_distance, kid, precision_recall])
def test_tensors_and_bad_input(metric):
    real, fake = gaussian(20, 3, 0), gaussian(20, 3, 1)
    assert metric(torch.from_numpy(real), torch.from_numpy(fake)) == metric(real, fake)
    with pytest.raises(CellSimError, match=r"\(N, D\)"):
        metric(real[0], fake)
    with pytest.raises(CellSimError, match="3 dimensions but fake ones 2"):
        metric(real, fake[:, :2])
    with pytest.raises(CellSimError, match="fake samples are needed"):
        metric(real, fake[:1])
