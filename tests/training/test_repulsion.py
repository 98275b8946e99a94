"""Repulsion of generated pictures."""

from __future__ import annotations

import math

import pytest
import torch

from napari_cellsim.training.repulsion import Repulsion


def filled(generated: torch.Tensor, real: torch.Tensor) -> Repulsion:
    """Return a repulsion whose memory holds exactly these pictures."""
    repulsion = Repulsion(generated.shape[1], memory=len(real))
    assert float(repulsion(generated, real)) == 0  # nothing to compare with yet
    return repulsion


def test_the_penalty_is_that_of_its_formula():
    """Constant pictures: pooling keeps them, and distances are those of their values times 16."""
    levels = torch.arange(8.0)[:, None, None, None]
    real = (10 * levels).expand(-1, 1, 32, 32)
    made = (100 * levels).expand(-1, 1, 32, 32)
    repulsion = filled(made, real)
    new_real = real[:2] + 4  # nearest: 4 away, and 6 the other way; the two are 10 apart
    new = torch.tensor([701.0, 760.0])[:, None, None, None].expand(-1, 1, 32, 32)  # nearest: 1 and 59
    penalty = repulsion(new, new_real)
    usual = math.log(16 * 4)
    expected = (max(0, usual - math.log(16 * 1)) + max(0, usual - math.log(16 * 59))) / 2
    assert float(penalty) == pytest.approx(expected, rel=1e-4)
    assert float(repulsion.usual) == pytest.approx(usual, rel=1e-4)


def test_the_batch_itself_counts_too():
    real = torch.randn(8, 1, 16, 16)
    repulsion = filled(torch.randn(8, 1, 16, 16), real)
    twins = torch.randn(1, 1, 16, 16).expand(4, -1, -1, -1)
    strangers = torch.randn(4, 1, 16, 16) * 10
    assert float(repulsion(twins, torch.randn(4, 1, 16, 16))) > 5
    assert float(repulsion(strangers, torch.randn(4, 1, 16, 16))) == 0


def test_its_slope_drives_neighbours_apart():
    repulsion = filled(
        torch.zeros(4, 1, 16, 16) + torch.arange(4.0)[:, None, None, None] * 50, torch.randn(4, 1, 16, 16) * 9
    )
    made = torch.full((1, 1, 16, 16), 1.0, requires_grad=True)  # just above the 0 that is remembered
    repulsion(made, torch.randn(1, 1, 16, 16) * 9).backward()
    assert bool((made.grad < 0).all())  # descending, it moves away from 0


def test_equal_pictures_have_a_finite_slope():
    repulsion = filled(torch.ones(4, 1, 16, 16), torch.randn(4, 1, 16, 16))
    made = torch.ones(2, 1, 16, 16, requires_grad=True)
    penalty = repulsion(made, torch.randn(2, 1, 16, 16))
    penalty.backward()
    assert float(penalty.detach()) > 10
    assert bool(made.grad.isfinite().all())


def test_noise_and_size_do_not_count_but_layout_does():
    """At 16 px the grain of two shots of one scene is no difference."""
    torch.manual_seed(1)
    scenes = torch.nn.functional.interpolate(torch.randn(32, 1, 4, 4), size=64, mode="bilinear")
    repulsion = filled(torch.randn(32, 1, 64, 64), scenes)
    again = scenes[:8] + 0.1 * torch.randn(8, 1, 64, 64)
    repulsion(torch.randn(8, 1, 64, 64), again)
    assert float(repulsion.usual) < math.log(1.0)
    other = filled(torch.randn(32, 1, 64, 64), scenes)
    fresh = torch.nn.functional.interpolate(torch.randn(8, 1, 4, 4), size=64, mode="bilinear")
    other(torch.randn(8, 1, 64, 64), fresh)
    assert float(other.usual) > math.log(3.0)


def test_it_spreads_points_that_a_plain_loss_draws_together():
    """Eight free pictures, drawn to 0: with repulsion they end about as far apart as the real ones are."""

    def nearest(weight: float) -> float:
        torch.manual_seed(0)
        free = torch.nn.Parameter(0.1 * torch.randn(8, 1, 16, 16))
        repulsion = Repulsion(1, memory=8)
        optimiser = torch.optim.Adam([free], 0.01)
        for _ in range(300):
            real = torch.randn(8, 1, 16, 16)
            optimiser.zero_grad()
            repulsion.generated.copy_(torch.full_like(repulsion.generated, 1e3))  # the others: far away
            (free.square().mean() + weight * repulsion(free, real)).backward()
            optimiser.step()
        rows = free.detach().flatten(1)
        return float((torch.cdist(rows, rows) + 1e9 * torch.eye(8)).amin(1).mean())

    real = torch.randn(8, 256)
    usual = float((torch.cdist(real, real) + 1e9 * torch.eye(8)).amin(1).mean())
    assert nearest(0.0) < 0.1 * usual
    assert nearest(30.0) > 0.6 * usual
