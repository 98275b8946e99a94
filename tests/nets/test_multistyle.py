"""Multi-StyleGAN's generator."""

from __future__ import annotations

import pytest
import torch

from napari_cellsim.nets.cellgan.multistyle import create_multistyle

SMALL = {"size": 32, "latent": 6, "widths": (5, 5, 4, 4, 4, 4, 4, 4)}


def test_it_is_used_like_a_style_generator() -> None:
    torch.manual_seed(0)
    net = create_multistyle("lite", **SMALL)
    assert net.slots == 8
    assert net.noise_shapes == [(4, 4), (8, 8), (8, 8), (16, 16), (16, 16), (32, 32), (32, 32)]
    w = torch.randn(2, 6)
    noise = [torch.randn(2, 1, *shape) for shape in net.noise_shapes]
    picture = net(w, noise)
    assert picture.shape == (2, 6, 32, 32)
    torch.testing.assert_close(net(w[:, None], noise), picture)
    torch.testing.assert_close(net(w[:, None].expand(-1, 8, -1), noise), picture)
    torch.testing.assert_close(net(w[1:], [n[1:] for n in noise]), picture[1:], rtol=1e-4, atol=1e-5)
    assert net(w).shape == (2, 6, 32, 32)


@pytest.mark.parametrize("legacy", [False, True])
def test_the_second_stream_is_alive_in_our_wiring(legacy: bool) -> None:
    torch.manual_seed(0)
    net = create_multistyle("lite", **SMALL, legacy=legacy)
    for name, parameter in net.named_parameters():
        if name.endswith("strength"):
            torch.nn.init.ones_(parameter)
    fluorescence = net(torch.randn(1, 6)).unflatten(1, (3, 2))[:, :, 1]
    fluorescence.square().sum().backward()
    reached = {name for name, p in net.named_parameters() if p.grad is not None and p.grad.any()}
    streams = {name.split(".")[3] for name in reached if name.startswith("convs.") and ".streams." in name}
    assert streams == ({"0"} if legacy else {"1"})


def test_r1_and_path_length_can_reach_every_parameter() -> None:
    torch.manual_seed(0)
    net = create_multistyle("lite", **SMALL)
    w = torch.randn(2, 8, 6, requires_grad=True)
    (slope,) = torch.autograd.grad((net(w) * torch.randn(2, 6, 32, 32)).sum(), w, create_graph=True)
    slope.square().sum().backward()
    without = {name for name, p in net.named_parameters() if p.grad is None}
    # what is only added to a picture does not change how the picture follows its style
    added = ("start_image.streams.", "images.")
    assert without == {
        n for n, _ in net.named_parameters() if n.startswith(added) and "streams" in n and n.endswith("bias")
    }
