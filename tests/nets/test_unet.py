"""Segmentation U-Net."""

from __future__ import annotations

import pytest
import torch

from napari_cellsim import nets


@pytest.mark.parametrize("preset", ["thesis", "lite"])
@pytest.mark.parametrize("size", [(64, 64), (37, 51), (9, 9)])
def test_any_picture_size(preset: str, size: tuple[int, int]) -> None:
    net = nets.create("unet", preset).eval()
    with torch.inference_mode():
        assert net(torch.rand(2, 1, *size)).shape == (2, 4, *size)


def test_it_can_learn_two_levels_of_grey() -> None:
    torch.manual_seed(0)
    net = nets.create("unet", "lite", widths=(8, 16))
    image = torch.zeros(1, 1, 32, 32)
    image[..., 8:24, 8:24] = 1
    target = (image[:, 0] > 0.5).long() * 2
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(net(image), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    agreement = (net(image).argmax(1) == target).float().mean()
    assert agreement > 0.97


def test_replicated_padding_changes_nothing_far_from_the_border() -> None:
    torch.manual_seed(0)
    net = nets.create("unet", "lite").eval()
    image = torch.rand(1, 1, 160, 256)
    with torch.inference_mode():
        whole, cut = net(image), net(image[..., :250])
    torch.testing.assert_close(whole[..., :96], cut[..., :96], atol=1e-5, rtol=1e-5)
