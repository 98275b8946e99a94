from __future__ import annotations

import pytest
import torch

from napari_cellsim.training.losses import (
    cross_entropy_dice,
    endpoint_error,
    growth_weight,
    multilevel_endpoint_error,
)


def test_growth_weight_marks_new_cell_area_and_its_neighbourhood():
    last, target = torch.zeros(2, 1, 12, 12, dtype=torch.bool), torch.zeros(2, 1, 12, 12, dtype=torch.bool)
    last[0, 0, 2:6, 2:6] = True
    target[0, 0, 2:6, 2:7] = True  # grows one column to the right
    target[1] = False  # a cell that only vanishes is no growth
    last[1, 0, 5, 5] = True
    weight = growth_weight(last, target, radius=1)
    expected = torch.ones(12, 12)
    expected[1:7, 5:8] = 1.5
    assert torch.equal(weight[0, 0], expected)
    assert torch.equal(weight[1], torch.ones(1, 12, 12))


def test_cross_entropy_dice_prefers_the_truth():
    target = torch.randint(0, 4, (2, 16, 16), generator=torch.Generator().manual_seed(0))
    right = 20.0 * torch.nn.functional.one_hot(target, 4).movedim(-1, 1)
    wrong = 20.0 * torch.nn.functional.one_hot((target + 1) % 4, 4).movedim(-1, 1)
    assert cross_entropy_dice(right, target).item() == pytest.approx(0, abs=1e-4)
    assert cross_entropy_dice(wrong, target).item() > 10


def test_multilevel_error_counts_valid_pixels_at_every_level():
    target = torch.zeros(1, 2, 32, 32)
    target[:, 0] = 3.0
    target[:, 1] = 4.0
    valid = torch.ones(1, 32, 32, dtype=torch.bool)
    valid[:, :, 16:] = False
    target[:, :, :, 16:] = float("nan")
    zeros = [torch.zeros(1, 2, s, s) for s in (4, 8)]
    assert multilevel_endpoint_error(zeros, target, valid, (1.0, 0.5)).item() == pytest.approx(7.5, abs=1e-4)
    truth = [torch.tensor([3.0, 4.0]).view(1, 2, 1, 1).expand(1, 2, s, s) for s in (4, 8)]
    assert multilevel_endpoint_error(truth, target, valid, (1.0, 0.5)).item() == pytest.approx(0, abs=1e-4)


def test_endpoint_error_ignores_invalid_pixels():
    flow, target = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    target[0, 0, 0, 0], target[0, 1, 3, 3] = 2.0, 100.0
    valid = torch.zeros(1, 4, 4, dtype=torch.bool)
    valid[0, 0, :2] = True
    assert endpoint_error(flow, target, valid).item() == pytest.approx(1.0)
