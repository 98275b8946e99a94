"""How an adaptation judges forecasts of held-out frames, and how much of them it believes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from drift import drifting

from napari_cellsim.base import JobToken
from napari_cellsim.training.adaptation_check import HeldOut


def test_the_check_knows_truth_and_baselines():
    images = drifting(12, speed=1.0, noise=0.0)
    held_out = HeldOut(images, 8, 3, JobToken())
    assert held_out.steps == 4
    assert [len(future) for _, future, _ in held_out.items] == [4, 3, 2, 1]
    futures = iter([torch.from_numpy(future) for _, future, _ in held_out.items])
    assert held_out(lambda history, steps: next(futures)[None, :, None]).error == 0
    # constant motion is the truth here but for the border, so a copy is much worse than the best baseline
    assert held_out(lambda history, steps: history[:, -1:].repeat(1, steps, 1, 1, 1)).error > 2


def test_a_good_forecast_is_believed_and_a_bad_one_is_not():
    images = drifting(12, speed=1.0)
    held_out = HeldOut(images, 8, 3, JobToken())
    futures = iter([torch.from_numpy(future) for _, future, _ in held_out.items])
    right = held_out(lambda history, steps: next(futures)[None, :, None])
    assert [entry.weight for entry in right.shrinkage] == [1, 1, 1, 1]
    assert [entry.horizon for entry in right.shrinkage] == [1, 2, 3, 4]
    wrong = held_out(lambda history, steps: torch.rand(1, steps, *history.shape[2:]))
    assert all(entry.weight < 0.2 for entry in wrong.shrinkage)
    assert wrong.shrunk < 0.7 * wrong.error


def test_the_share_that_is_believed_is_the_best_one():
    images = drifting(12, speed=1.0)
    held_out = HeldOut(images, 11, 3, JobToken())  # one future of one frame
    _, future, blurred = held_out.items[0]
    for share, weight in ((0.5, 1.0), (2.0, 0.5), (-1.0, 0.0)):
        guess = torch.from_numpy(blurred + share * (future - blurred))[None, :, None]
        found = held_out(lambda history, steps, guess=guess: guess)
        assert found.shrinkage[0].weight == pytest.approx(weight, abs=1e-5)


def test_of_a_large_field_the_windows_are_looked_at_in_which_something_changes():
    images = np.random.default_rng(0).normal(100, 1, (6, 300, 900)).astype(np.float32)
    images[:, 20:200, 400:600] += 50 * np.arange(6)[:, None, None]
    held_out = HeldOut(images, 5, 3, JobToken())
    assert len(held_out.items) == 2
    assert held_out.items[0][0].shape == (3, 256, 256)
    assert np.ptp(held_out.items[0][0]) > np.ptp(images[0]) / 300
