"""Patch distances: zero for one distribution, each scale sees its own detail, known answers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation.patches import patch_distances


def noise(count: int, seed: int, size: int = 16, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, channels, size, size))


def test_sets_of_one_distribution_are_near_and_of_others_far():
    real = noise(64, 0)
    same = patch_distances(real, noise(64, 1))
    assert list(same) == [16, 8, 4]
    assert max(same.values()) < 0.3  # 64 pictures of 4 px are few
    assert same[16] < 0.05
    brighter = patch_distances(real, noise(64, 1) + 1)
    # a constant is no detail: the coarsest scale alone sees it
    assert brighter[16] == pytest.approx(same[16])
    assert brighter[4] > 2


def test_each_scale_sees_its_own_detail():
    coarse = noise(64, 0, size=4).repeat(8, 2).repeat(8, 3)
    fine = noise(64, 2, size=32) * 0.5
    fine -= fine.reshape(64, 3, 16, 2, 16, 2).mean((3, 5)).repeat(2, 2).repeat(2, 3)
    real = coarse + fine
    without = patch_distances(real, coarse)
    assert without[32] > 0.5
    assert without[4] < 1e-9


def test_a_known_distance():
    # Independent pixels: deviation 1 against deviation 2. Sorted normal values differ by |quantile| · 1, mean √(2/π).
    real, fake = noise(4096, 0, size=4, channels=1), 2 * noise(4096, 1, size=4, channels=1)
    assert patch_distances(real, fake)[4] == pytest.approx(np.sqrt(2 / np.pi), rel=0.05)


def test_repeatable_and_for_sets_of_different_length():
    real, fake = noise(5, 0), noise(3, 1)
    assert patch_distances(real, fake) == patch_distances(real, fake)


@pytest.mark.parametrize("shape", [(2, 3, 16), (2, 3, 12, 12), (2, 3, 16, 8), (0, 3, 16, 16), (2, 1, 16, 16)])
def test_other_shapes_get_a_sentence(shape):
    with pytest.raises(CellSimError, match="power of two"):
        patch_distances(noise(2, 0), np.zeros(shape))
