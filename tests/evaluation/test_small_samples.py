"""Distances of small sets against torchmetrics, closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation.metrics import frechet_distance, kid
from napari_cellsim.evaluation.small_samples import (
    Spread,
    frechet_of_halves,
    inception_score,
    kid_of_subsets,
    size_warnings,
)


def cloud(n, d, seed, mean=0.0):
    return np.random.default_rng(seed).normal(mean, 1, (n, d))


def test_frechet_and_kid_equal_torchmetrics():
    fid, kernel = (pytest.importorskip(f"torchmetrics.image.{name}") for name in ("fid", "kid"))
    real, fake = cloud(300, 8, 0), 1.3 * cloud(200, 8, 1, 0.2)
    moments = [m for x in (real, fake) for m in (torch.from_numpy(x.mean(0)), torch.from_numpy(np.cov(x.T)))]
    assert frechet_distance(real, fake) == pytest.approx(fid._compute_fid(*moments).item(), rel=1e-5)
    equal = torch.from_numpy(real[:200]), torch.from_numpy(fake)  # theirs takes sets of one size only
    assert kid(*equal) == pytest.approx(kernel.poly_mmd(*equal, 3, None, 1.0).item(), rel=1e-9)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore`", "ignore:std")
def test_inception_score_equals_torchmetrics():
    module = pytest.importorskip("torchmetrics.image.inception")
    logits = torch.from_numpy(np.random.default_rng(0).normal(0, 2, (120, 7))).float()
    theirs = module.InceptionScore(feature=torch.nn.Identity(), splits=1)
    theirs.update(logits)
    found = inception_score(softmax(logits.double().numpy(), axis=1), splits=1)
    assert found.mean == pytest.approx(theirs.compute()[0].item(), rel=1e-4)
    assert found.deviation == 0


def test_inception_score_of_extremes():
    sure = np.eye(5)[np.arange(100) % 5]
    assert inception_score(sure, splits=4) == pytest.approx((5, 0))  # sure, and of all classes alike
    assert inception_score(np.eye(5)[np.zeros(100, int)]) == pytest.approx((1, 0))  # one class only
    assert inception_score(np.full((100, 5), 0.2)) == pytest.approx((1, 0))  # undecided
    halves = np.concatenate([np.eye(2)[np.zeros(50, int)], np.eye(2)[np.ones(50, int)]])
    assert inception_score(halves, 1).mean == pytest.approx(2)
    assert inception_score(halves, 2).mean == pytest.approx(1)  # each part by itself has one class


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 5))
def test_inception_score_lies_between_one_and_the_classes(seed, classes, splits):
    p = softmax(np.random.default_rng(seed).normal(0, 3, (30, classes)), axis=1)
    assert 1 - 1e-9 <= inception_score(p, splits).mean <= classes + 1e-9


def test_inception_score_needs_probabilities():
    for wrong in (cloud(20, 4, 0), np.full((20, 4), 0.2), np.full(20, 0.5), np.full((4, 2), 0.5)):
        with pytest.raises(CellSimError, match="Inception score"):
            inception_score(wrong, 10)


def test_subsets_vary_around_the_whole():
    real, fake = cloud(400, 4, 0), cloud(300, 4, 1, 0.3)
    found = kid_of_subsets(real, fake, 200, 100)
    assert found.mean == pytest.approx(kid(real, fake), abs=4 * found.deviation / np.sqrt(200) + 0.02)
    assert (found.subsets, found.size) == (200, 100)
    smaller = kid_of_subsets(real, fake, 200, 30)
    assert smaller.deviation > 1.5 * found.deviation
    assert kid_of_subsets(real, fake).size == 150
    assert kid_of_subsets(real, fake, seed=1) == kid_of_subsets(real, fake, seed=1)


def test_deviation_of_subsets_is_that_of_fresh_samples():
    """Subsets much smaller than the set are as good as new draws: the spread must be the true one."""
    real, fake = cloud(2000, 3, 0), cloud(2000, 3, 1)
    fresh = [kid(cloud(40, 3, 10 + 2 * k), cloud(40, 3, 11 + 2 * k)) for k in range(150)]
    assert kid_of_subsets(real, fake, 150, 40).deviation == pytest.approx(np.std(fresh), rel=0.35)


def test_halves_say_what_sampling_gives():
    real = cloud(200, 5, 0)
    halves = frechet_of_halves(real)
    fresh = [frechet_distance(cloud(100, 5, 100 + 2 * k), cloud(100, 5, 101 + 2 * k)) for k in range(40)]
    assert halves.mean == pytest.approx(np.mean(fresh), rel=0.3)
    assert frechet_of_halves(cloud(2000, 5, 0)).mean < 0.2 * halves.mean
    assert frechet_of_halves(real, seed=4) == frechet_of_halves(real, seed=4)


def test_warnings_of_small_sets():
    halves = Spread(1.0, 0.1)
    few = size_warnings(50, 400, 128, 9.0, halves)
    assert len(few) == 1
    assert "full rank" in few[0]
    assert "biased upwards" in size_warnings(500, 400, 128, 9.0, halves)[0]
    assert size_warnings(3000, 4000, 128, 9.0, halves) == []
    assert "cannot tell" in size_warnings(3000, 4000, 128, 1.15, halves)[0]


def test_too_few_pictures_get_a_sentence():
    with pytest.raises(CellSimError, match="At least 4"):
        frechet_of_halves(cloud(3, 2, 0))
    with pytest.raises(CellSimError, match="subsets of 12"):
        kid_of_subsets(cloud(10, 2, 0), cloud(9, 2, 1), size=12)
    with pytest.raises(CellSimError, match="halvings"):
        frechet_of_halves(cloud(10, 2, 0), repeats=1)
