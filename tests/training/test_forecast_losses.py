"""Terms of the loss of the recipe sdcnet: known answers, and that the best answer is the right one."""

from __future__ import annotations

import math

import pytest
import torch

from napari_cellsim.training.recipes.forecast_losses import (
    energy_score,
    flow_error,
    flow_roughness,
    laplace_likelihood,
    squared_error,
)


def test_each_horizon_counts_in_its_own_unit() -> None:
    residual = torch.ones(2, 3, 1, 8, 8) * torch.tensor([1.0, 2.0, 4.0])[None, :, None, None, None]
    assert squared_error(residual, torch.tensor([1.0, 4.0, 16.0])) == pytest.approx(1)
    assert squared_error(residual, torch.tensor([1.0, 1.0, 1.0])) == pytest.approx(7)


def test_coarse_levels_forgive_texture_but_not_place() -> None:
    checks = torch.ones(8, 8)
    checks[::2, ::2] = checks[1::2, 1::2] = -1
    unit = torch.ones(1)
    assert squared_error(checks.expand(1, 1, 1, 8, 8), unit, 1) == pytest.approx(0.5)
    assert squared_error(torch.ones(1, 1, 1, 8, 8), unit, 2) == pytest.approx(1)


def test_roughness_of_a_ramp_is_its_slope() -> None:
    ramp = torch.arange(8.0).expand(8, 8)
    flow = torch.stack([0.25 * ramp, torch.zeros(8, 8)])[None]
    assert flow_roughness(flow) == pytest.approx(0.125)  # half of the components have a slope, along one axis


def test_flow_error_counts_where_the_truth_is_known() -> None:
    flow = torch.zeros(1, 2, 2, 4, 4)
    truth = torch.zeros(1, 2, 2, 4, 4)
    truth[:, 0, 0], truth[:, 0, 1], truth[:, 1] = 3, 4, 100
    valid = torch.zeros(1, 2, 4, 4, dtype=torch.bool)
    assert flow_error(flow, truth, valid) == 0
    valid[:, 0] = True
    assert flow_error(flow, truth, valid) == pytest.approx(5, abs=1e-4)


def test_the_likeliest_scale_is_the_mean_absolute_error() -> None:
    torch.manual_seed(0)
    error = torch.distributions.Laplace(0.0, 0.3).sample((20_000,))
    scales = [0.2, 0.25, 0.3, 0.35, 0.4]
    found = [float(laplace_likelihood(error, torch.full_like(error, b))) for b in scales]
    assert scales[found.index(min(found))] == 0.3
    assert found[2] == pytest.approx(math.log(0.6) + 1, abs=0.02)


def test_energy_score_of_single_answers_is_their_error() -> None:
    truth = torch.zeros(1, 1, 16, 16)
    answer = torch.full_like(truth, 0.5)
    assert energy_score(answer, answer, truth, (1, 4)) == pytest.approx(0.5 - 0.5e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("patch", "variety", "best"), [(1, 1.0, 1.0), (4, 1.0, 1.0), (4, 0.8, 0.5), (4, 0.2, 0.0)]
)
def test_the_best_samples_are_drawn_from_the_truth_or_nearer_the_mean(patch, variety, best) -> None:
    torch.manual_seed(0)
    truth = torch.randn(256, 1, 16, 16)
    found = {
        deviation: float(
            energy_score(
                deviation * torch.randn_like(truth),
                deviation * torch.randn_like(truth),
                truth,
                (patch,),
                variety,
            )
        )
        for deviation in (0.0, 0.5, 1.0, 1.5, 2.0)
    }
    assert min(found, key=lambda deviation: found[deviation]) == best
