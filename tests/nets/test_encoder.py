"""Guidance encoder of Cell-GAN."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from napari_cellsim.base import CellSimError
from napari_cellsim.nets.cellgan.encoder import create_encoder
from napari_cellsim.nets.picture_shape import block_widths


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_the_thesis_encoder_has_17_25_million_parameters() -> None:
    with torch.device("meta"):
        net = create_encoder("thesis")
    by_hand = 0
    widths = (1, 64, 128, 256, 512, 512, 512, 256)
    for i, o in pairwise(widths):
        # two convolutions without bias, two affine norms, two Padé units of ten coefficients, the residual mapping
        by_hand += 9 * i * o + 9 * o * o + 4 * o + 20 + (i + 1) * o
    by_hand += (4 * 256 + 1) * 512
    assert count(net) == by_hand == 17_252_556


def test_the_lite_encoder_is_small() -> None:
    assert count(create_encoder("lite", plus=True)) < 1_000_000


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512])
@pytest.mark.parametrize("preset", ["thesis", "lite"])
def test_it_always_ends_at_four_pixels(preset: str, size: int) -> None:
    torch.manual_seed(0)
    if preset == "thesis":  # its real widths take too long here
        net = create_encoder(preset, size=size, widths=(4, 4, 6, 6, 8, 8, 8), latent=12, plus=True)
    else:
        net = create_encoder(preset, size=size, plus=True)
    assert len(net.blocks) == size.bit_length() - 2
    slots = 2 * (size.bit_length() - 2)
    images = torch.randn(2, 1, size, size)
    with torch.inference_mode():
        assert net(images).shape == (2, 1, net.config.latent)
        assert net(images, plus=True).shape == (2, slots, net.config.latent)


def test_widths_belong_to_resolutions() -> None:
    assert block_widths((1, 2, 3, 4, 5, 6, 7), 64) == (3, 4, 5, 6, 7)
    assert block_widths((1, 2, 3, 4, 5, 6, 7), 512) == (1, 1, 2, 3, 4, 5, 6, 7)
    assert block_widths((9,), 32) == (9, 9, 9, 9)


@pytest.mark.parametrize("preset", ["thesis", "lite"])
def test_w_plus_starts_as_w_and_learns_apart(preset: str) -> None:
    torch.manual_seed(0)
    net = create_encoder(preset, size=32, widths=(4, 8), latent=6, plus=True)
    images = torch.randn(3, 1, 32, 32)
    w, w_plus = net(images), net(images, plus=True)
    torch.testing.assert_close(w_plus, w.expand(-1, 8, -1), rtol=0, atol=0)
    target = torch.randn(3, 8, 6)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(150):
        loss = (net(images, plus=True) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.05
    assert net(images, plus=True).std(1).min() > 0.01


def test_pictures_do_not_see_their_batch_and_training_mode_changes_nothing() -> None:
    torch.manual_seed(0)
    net = create_encoder("lite", size=32)
    images = torch.randn(3, 1, 32, 32)
    with torch.no_grad():
        together = net(images)
        torch.testing.assert_close(net(images[1:2]), together[1:2], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(net.eval()(images), together, rtol=1e-5, atol=1e-6)


def test_it_starts_at_the_mean_latent() -> None:
    torch.manual_seed(0)
    net = create_encoder("lite", size=32, latent=5)
    torch.nn.init.zeros_(net.head.weight)
    net.start_at(torch.arange(5.0))
    answer = net(torch.randn(2, 1, 32, 32))
    torch.testing.assert_close(answer, torch.arange(5.0).expand(2, 1, 5), rtol=0, atol=0)


def test_several_channels_and_frames() -> None:
    net = create_encoder("lite", size=32, channels=2, frames=3)
    assert net(torch.randn(1, 6, 32, 32)).shape == (1, 1, 256)


def test_bad_input_gets_a_sentence() -> None:
    net = create_encoder("lite", size=32)
    with pytest.raises(CellSimError, match="crop or resample"):
        net(torch.randn(1, 1, 32, 48))
    with pytest.raises(CellSimError, match="no head for W"):
        net(torch.randn(1, 1, 32, 32), plus=True)
    for size in (31, 16, 1024):
        with pytest.raises(ValueError, match="size"):
            create_encoder("lite", size=size)


def test_weights_of_a_small_size_fit_the_coarse_blocks_of_a_larger_one() -> None:
    small, large = (create_encoder("lite", size=size).state_dict() for size in (32, 64))
    shared = {key for key, value in small.items() if key in large and large[key].shape == value.shape}
    # all but what looks at the picture itself
    assert set(small) - shared == {"blocks.32.first.weight", "blocks.32.residual.weight"}
