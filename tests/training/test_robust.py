from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from napari_cellsim.training.robust import AdaptiveRobustLoss, log_partition, nll, rho

ANCHORS = {
    0.0: math.log(math.pi * math.sqrt(2)),
    0.1: 1.42663370625,
    0.5: 1.29170703099,
    1.0: 1.185495232349193,
    1.5: 1.08718891929,
    1.9: 0.97846641128,
    2.0: 0.5 * math.log(2 * math.pi),
}


@pytest.mark.parametrize(("alpha", "expected"), ANCHORS.items())
def test_log_partition_meets_its_anchors(alpha, expected):
    assert log_partition(torch.tensor(alpha, dtype=torch.float64)).item() == pytest.approx(expected, abs=1e-6)


@given(st.floats(0.02, 1.98))
@settings(max_examples=25, deadline=None)
def test_log_partition_is_the_integral(alpha):
    def density(x):
        return math.exp(-rho(torch.tensor(x, dtype=torch.float64), alpha, 1.0).item())

    integral = 2 * (
        quad(density, 0, 30, epsabs=1e-11)[0]
        + quad(lambda s: math.exp(s) * density(math.exp(s)), math.log(30), 60)[0]
    )
    assert log_partition(torch.tensor(alpha, dtype=torch.float64)).item() == pytest.approx(
        math.log(integral), abs=1e-6
    )


def test_log_partition_is_differentiable():
    alpha = torch.linspace(0.01, 1.97, 50, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(log_partition(alpha).sum(), alpha)
    h = 1e-3
    difference = (log_partition(alpha.detach() + h) - log_partition(alpha.detach() - h)) / (2 * h)
    torch.testing.assert_close(slope, difference, rtol=0, atol=2e-3)
    zero = torch.tensor([0.0, 2.0], dtype=torch.float64, requires_grad=True)
    (ends,) = torch.autograd.grad(log_partition(zero).sum(), zero)
    assert ends[0].item() == pytest.approx(-0.859, abs=2e-3)
    assert torch.isfinite(ends).all()


def test_log_partition_refuses_shapes_outside():
    with pytest.raises(ValueError, match=r"\[0, 2\]"):
        log_partition(2.5)


@pytest.mark.parametrize(
    ("alpha", "closed_form"),
    [
        (2.0, lambda z: z / 2),
        (1.0, lambda z: np.sqrt(z + 1) - 1),
        (0.0, lambda z: np.log(z / 2 + 1)),
        (-2.0, lambda z: 2 * z / (z + 4)),
        (-math.inf, lambda z: 1 - np.exp(-z / 2)),
    ],
)
def test_rho_has_the_known_special_cases(alpha, closed_form):
    x = np.linspace(-4, 4, 41)
    value = rho(torch.tensor(x), alpha, 0.7).numpy()
    np.testing.assert_allclose(value, closed_form((x / 0.7) ** 2), atol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_rho_is_continuous_at_its_limits(alpha):
    x = torch.linspace(-3, 3, 31, dtype=torch.float64)
    sign = 1 if alpha == 0 else -1
    torch.testing.assert_close(rho(x, alpha + sign * 2e-6, 1.0), rho(x, alpha, 1.0), rtol=0, atol=2e-4)


def test_gradients_stay_finite_in_float32():
    x = torch.tensor([0.0, 1e-6, 0.1, 50.0])[:, None].requires_grad_()
    alpha = torch.tensor([0.0, 0.001, 1.0, 1.999, 2.0]).requires_grad_()
    nll(x, alpha, 0.03).sum().backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(alpha.grad).all()


def fit(residual, **settings):
    loss = AdaptiveRobustLoss(**settings)
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.05)
    for _ in range(400):
        optimiser.zero_grad()
        loss(residual).backward()
        optimiser.step()
    size = tuple(residual.shape[-2:])
    return loss.alpha(size).detach(), loss.scale(size).detach()


def test_fitting_recovers_gaussian_and_student_like_noise():
    generator = torch.Generator().manual_seed(0)
    normal = 0.05 * torch.randn(4, 1, 64, 64, generator=generator)
    alpha, scale = fit(normal, scale=0.2)
    assert alpha.item() > 1.85
    assert scale.item() == pytest.approx(0.05, rel=0.1)
    # exp(-rho) at alpha = 0 is the Cauchy density with half-width c·√2; α cannot fall quite to 0 in a short fit
    cauchy = 0.05 * math.sqrt(2) * torch.empty(4, 1, 64, 64).cauchy_(generator=generator)
    alpha, scale = fit(cauchy, scale=0.2)
    assert alpha.item() < 0.15
    assert scale.item() == pytest.approx(0.05, rel=0.2)


def test_a_map_learns_scales_by_place_and_fits_any_size():
    generator = torch.Generator().manual_seed(0)
    spread = torch.full((64, 64), 0.02)
    spread[:, 32:] = 0.2
    residual = spread * torch.randn(8, 1, 64, 64, generator=generator)
    _, scale = fit(residual, scale=0.1, map_size=(8, 8))
    assert scale.shape == (1, 1, 64, 64)
    assert scale[..., 8:24].mean().item() == pytest.approx(0.02, rel=0.25)
    assert scale[..., 40:56].mean().item() == pytest.approx(0.2, rel=0.25)
    assert AdaptiveRobustLoss(map_size=(8, 8))(torch.zeros(1, 1, 48, 80)).isfinite()


def test_the_weight_multiplies_the_residual():
    loss = AdaptiveRobustLoss(scale=0.1)
    residual = torch.randn(1, 1, 8, 8)
    assert torch.equal(loss(residual, torch.full_like(residual, 1.5)), loss(1.5 * residual))
