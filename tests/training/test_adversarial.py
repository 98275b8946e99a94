"""Losses and penalties of adversarial training: closed forms, masks, and a ring of eight Gaussians."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_cellsim import nets
from napari_cellsim.nets import Verdict
from napari_cellsim.training import AdamP, adversarial


def test_losses_at_indifference():
    zero = [torch.zeros(4, 1), torch.zeros(4, 1, 3, 3)]
    assert float(adversarial.non_saturating_discriminator(zero, zero)) == pytest.approx(4 * math.log(2))
    assert float(adversarial.non_saturating_generator(zero)) == pytest.approx(2 * math.log(2))
    assert float(adversarial.wasserstein_discriminator(zero, zero)) == 0


def test_losses_by_hand():
    real, fake = [torch.tensor([[2.0]])], [torch.tensor([[-1.0]])]
    expected = math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))
    assert float(adversarial.non_saturating_discriminator(real, fake)) == pytest.approx(expected)
    assert float(adversarial.non_saturating_generator(fake)) == pytest.approx(math.log(1 + math.e))
    assert float(adversarial.wasserstein_discriminator(real, fake, drift=0.5)) == pytest.approx(-3 + 0.5 * 4)
    assert float(adversarial.wasserstein_generator(fake)) == pytest.approx(1)


def test_r1_of_a_plane_is_its_squared_slope():
    slope = torch.tensor([[3.0, 4.0]])
    x = torch.randn(5, 2)
    assert float(adversarial.r1_penalty(lambda x: [x @ slope.T], x)) == pytest.approx(25)
    # a second output of the same slope doubles the gradient
    assert float(adversarial.r1_penalty(lambda x: [x @ slope.T, x @ slope.T], x)) == pytest.approx(100)


def test_gradient_penalty_vanishes_for_unit_slope():
    unit = torch.tensor([[0.6, 0.8]])
    real, fake = torch.randn(5, 2), torch.randn(5, 2)
    assert float(adversarial.gradient_penalty(lambda x: [x @ unit.T], real, fake)) == pytest.approx(
        0, abs=1e-10
    )
    assert float(adversarial.gradient_penalty(lambda x: [3 * x @ unit.T], real, fake)) == pytest.approx(4)


def test_path_length_of_a_linear_map():
    torch.manual_seed(0)
    # picture = A w with orthonormal columns scaled by 3: |Aᵀ y| is near 3 |y| restricted to the columns' space
    basis = torch.linalg.qr(torch.randn(64, 4)).Q * 3
    styles = torch.randn(4096, 1, 4, requires_grad=True)
    images = (styles[:, 0] @ basis.T).reshape(-1, 1, 8, 8)
    path = adversarial.PathLength(decay=1.0)
    penalty = path(images, styles)
    # y ~ N(0, 1)/8: lengths are 3/8 times a chi variable of 4 degrees of freedom
    mean = 3 / 8 * math.sqrt(2) * math.gamma(2.5) / math.gamma(2)
    assert float(path.mean) == pytest.approx(mean, rel=0.02)
    assert float(penalty) == pytest.approx((3 / 8) ** 2 * 4 - mean**2, rel=0.1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**20), height=st.integers(2, 40), width=st.integers(2, 40))
def test_cutmix_masks_are_one_box(seed, height, width):
    masks = adversarial.cutmix_masks(3, height, width, np.random.default_rng(seed))
    assert masks.shape == (3, 1, height, width)

    def is_box(mask: torch.Tensor) -> bool:
        return bool(torch.equal(mask, (mask.any(1)[:, None] & mask.any(0)[None]).float()))

    assert all(is_box(mask) or is_box(1 - mask) for mask in masks[:, 0])


def test_cutmix_boxes_cover_half_on_average_and_are_inverted_half_the_time():
    masks = adversarial.cutmix_masks(4000, 16, 16, np.random.default_rng(0))
    corners = masks[:, 0, 0, 0]
    assert float(masks.mean()) == pytest.approx(0.5, abs=0.02)
    assert 0.3 < float(corners.mean()) < 0.7


def test_cutmix_consistency_is_zero_for_a_pixelwise_judge():
    def judge(images: torch.Tensor) -> Verdict:
        return Verdict(images.mean((1, 2, 3))[:, None], images.square())

    real, fake = torch.randn(3, 1, 8, 8), torch.randn(3, 1, 8, 8)
    masks = adversarial.cutmix_masks(3, 8, 8, np.random.default_rng(1))
    value = adversarial.cutmix_consistency(judge, real, fake, (judge(real), judge(fake)), masks)
    assert float(value) == pytest.approx(0, abs=1e-10)


def test_cutmix_consistency_teaches_only_through_the_mixed_picture():
    judge = nets.create("cellgan_discriminator", "lite", size=32)
    real, fake = torch.randn(2, 1, 32, 32), torch.randn(2, 1, 32, 32)
    masks = adversarial.cutmix_masks(2, 32, 32, np.random.default_rng(1))
    verdicts = judge(real), judge(fake)
    value = adversarial.cutmix_consistency(judge, real, fake, verdicts, masks)
    assert torch.autograd.grad(value, verdicts[0].pixel, allow_unused=True, retain_graph=True) == (None,)
    value.backward()
    assert judge.pixel.weight.grad.any()


def test_top_k_keeps_the_best():
    logits = torch.tensor([[1.0], [5.0], [3.0], [-2.0]])
    assert adversarial.top_k(logits, 0.5).flatten().tolist() == [5, 3]
    assert adversarial.top_k(logits, 0.01).flatten().tolist() == [5]
    assert len(adversarial.top_k(logits, 1.0)) == 4


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, 96), nn.LeakyReLU(0.2), nn.Linear(96, 96), nn.LeakyReLU(0.2), nn.Linear(96, outputs)
    )


def ring(count: int) -> torch.Tensor:
    angle = torch.randint(8, (count,)) * (math.pi / 4)
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(count, 2)


def test_the_loop_learns_all_eight_modes_of_a_ring():
    # Reich 2020, §9.3: eight Gaussians of deviation 0.05 on the unit circle, where plain GANs lose modes
    torch.manual_seed(0)
    generator, judge = mlp(8, 2), mlp(2, 1)
    steps = [AdamP(net.parameters(), lr=2e-3, betas=(0.0, 0.99)) for net in (judge, generator)]
    average = {name: p.detach().clone() for name, p in generator.named_parameters()}
    for step in range(2500):
        real, fake = ring(256), generator(torch.randn(256, 8))
        loss = adversarial.non_saturating_discriminator([judge(real)], [judge(fake.detach())])
        if step % 4 == 0:
            loss = loss + 4 * 0.05 * adversarial.r1_penalty(lambda x: [judge(x)], real)
        steps[0].zero_grad()
        loss.backward()
        steps[0].step()
        loss = adversarial.non_saturating_generator([judge(generator(torch.randn(256, 8)))])
        steps[1].zero_grad()
        loss.backward()
        steps[1].step()
        for name, p in generator.named_parameters():
            average[name].lerp_(p.detach(), 0.005)
    with torch.no_grad():
        samples = torch.func.functional_call(generator, average, torch.randn(4000, 8))
    centres = torch.stack([torch.tensor([math.cos(a), math.sin(a)]) for a in torch.arange(8) * (math.pi / 4)])
    distance, nearest = torch.cdist(samples, centres).min(1)
    good = distance < 0.2
    shares = torch.bincount(nearest[good], minlength=8) / len(samples)
    assert float(good.float().mean()) > 0.65
    assert float(shares.min()) > 0.04


def test_multi_scale_penalty_against_a_naive_double_backward_loop():
    torch.manual_seed(3)
    judge = nets.create("msggan_discriminator", "lite", size=16, widths=(6, 8, 10, 4, 4, 4, 4, 4, 4)).double()
    sides = (4, 8, 16)
    real, fake = ([torch.randn(4, 3, s, s, dtype=torch.float64) for s in sides] for _ in range(2))
    torch.manual_seed(7)
    penalty = adversarial.multi_scale_gradient_penalty(judge, real, fake)
    found = torch.autograd.grad(penalty, list(judge.parameters()), allow_unused=True)

    torch.manual_seed(7)
    share = torch.rand(4, 1, 1, 1, dtype=torch.float64)
    between = [(share * r + (1 - share) * f).requires_grad_() for r, f in zip(real, fake, strict=True)]
    # Not one call for all: the slope of the whole score by each scale, picture by picture, is summed up by hand.
    # Through the deviation over the batch, the score of each picture depends on all of them.
    expected, score = 0.0, judge(between).sum()
    for mixed in between:
        (slope,) = torch.autograd.grad(score, mixed, create_graph=True, retain_graph=True)
        for picture in range(4):
            length = math.sqrt(1e-10 + sum(v**2 for v in slope[picture].flatten().tolist()))
            norm = (slope[picture].square().sum() + 1e-10).sqrt()
            assert norm.item() == pytest.approx(length)
            expected = expected + (norm - 1) ** 2 / 4 / len(sides)
    assert penalty.item() == pytest.approx(expected.item())
    wanted = torch.autograd.grad(expected, list(judge.parameters()), allow_unused=True)
    for one, other in zip(found, wanted, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other)


def test_multi_scale_penalty_against_differences():
    # a critic whose slope at each scale is known: 2 x at the coarse one, constant 3 at the fine one
    coarse, fine = torch.full((2, 1, 2, 2), 0.5), torch.zeros(2, 1, 4, 4)
    penalty = adversarial.multi_scale_gradient_penalty(
        lambda p: p[0].square().sum((1, 2, 3)) + 3 * p[1].sum((1, 2, 3)), [coarse, fine], [coarse, fine]
    )
    # ‖2 · 0.5 · ones(4)‖ = 2, ‖3 · ones(16)‖ = 12
    assert float(penalty) == pytest.approx(((2 - 1) ** 2 + (12 - 1) ** 2) / 2)


def test_weights_that_are_not_trained_get_no_gradient():
    first, second = nn.Linear(2, 2), nn.Linear(2, 1)
    adversarial.train_only(second, first)
    second(first(torch.ones(1, 2))).sum().backward()
    assert first.weight.grad is None
    assert second.weight.grad is not None
    adversarial.train_only(first, second)
    assert first.weight.requires_grad
    assert not second.weight.requires_grad
