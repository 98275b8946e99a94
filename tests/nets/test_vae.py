"""Variational autoencoder."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as oracle

from napari_cellsim.base import CellSimError
from napari_cellsim.nets.vae import create_vae, kl_divergence


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512])
def test_pictures_of_any_size_come_back_in_their_shape(size: int) -> None:
    net = create_vae("lite", size=size, widths=(4, 6, 8)).eval()
    with torch.inference_mode():
        mean, log_variance = net.encode(torch.randn(2, 1, size, size))
        assert mean.shape == log_variance.shape == (2, 256)
        assert net.decode(mean).shape == (2, 1, size, size)


@pytest.mark.parametrize("preset", ["thesis", "lite"])
def test_presets_with_channels_and_frames(preset: str) -> None:
    net = create_vae(preset, size=32, channels=2, frames=3)
    picture, mean, log_variance = net(torch.randn(1, 6, 32, 32))
    assert picture.shape == (1, 6, 32, 32)
    assert mean.shape == log_variance.shape == (1, net.config.latent)


def test_lite_is_small() -> None:
    assert sum(p.numel() for p in create_vae("lite").parameters()) < 2_000_000


def test_the_divergence_is_that_of_normal_distributions() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(4, 7, dtype=torch.float64), torch.randn(4, 7, dtype=torch.float64)
    expected = oracle(Normal(mean, torch.exp(log_variance / 2)), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected)
    assert kl_divergence(torch.zeros(1, 3), torch.zeros(1, 3)) == 0


def test_it_draws_a_code_while_training_only() -> None:
    torch.manual_seed(0)
    net = create_vae("lite", size=32)
    images = torch.randn(1, 1, 32, 32)
    assert not torch.equal(net(images)[0], net(images)[0])
    net.eval()
    picture, mean, _ = net(images)
    torch.testing.assert_close(picture, net.decode(mean), rtol=0, atol=0)


def test_drawn_codes_have_the_encoded_spread() -> None:
    torch.manual_seed(0)
    net = create_vae("lite", size=32, latent=3, widths=(2,))
    torch.nn.init.zeros_(net.to_code.weight)
    with torch.no_grad():
        net.to_code.bias.copy_(torch.tensor([1.0, -2, 3, 0, -2, 2]))
    codes: list[torch.Tensor] = []
    net.from_code.register_forward_pre_hook(lambda _, inputs: codes.append(inputs[0]))
    net(torch.randn(500, 1, 32, 32))
    torch.testing.assert_close(codes[0].mean(0), torch.tensor([1.0, -2, 3]), rtol=0, atol=0.4)
    expected = torch.exp(torch.tensor([0.0, -1, 1]))
    torch.testing.assert_close(codes[0].std(0), expected, rtol=0.15, atol=0)


def test_bad_input_gets_a_sentence() -> None:
    net = create_vae("lite", size=32)
    with pytest.raises(CellSimError, match="crop or resample"):
        net(torch.randn(1, 2, 32, 32))
    with pytest.raises(ValueError, match="size"):
        create_vae("lite", size=100)
