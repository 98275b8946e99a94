"""MSG-GAN networks: parameter counts, every block against its closed form, what every scale reaches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_cellsim import nets
from napari_cellsim.base import CellSimError
from napari_cellsim.nets.msggan.layers import EqualStart, pyramid, with_deviation

TINY = {"size": 16, "widths": (6, 8, 10, 4, 4, 4, 4, 4, 4)}


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def generator(**options):
    torch.manual_seed(0)
    return nets.create("msggan_generator", "lite", **{**TINY, "latent": 5, **options})


def discriminator(**options):
    torch.manual_seed(0)
    return nets.create("msggan_discriminator", "lite", **{**TINY, **options})


@pytest.mark.parametrize(
    ("depth", "drawing", "judging"),
    # MODELS.md §9.1, written out; there the discriminator of depth 7 stands with 18.72 M
    [(4, 20_719_628, 16_003_329), (6, 22_933_394, 18_585_345), (7, 23_044_309, 18_714_625)],
)
def test_sizes_of_the_publication(depth, drawing, judging):
    size = 2 ** (depth + 1)
    with torch.device("meta"):
        made = nets.create("msggan_generator", "thesis", size=size)
        judge = nets.create("msggan_discriminator", "thesis", size=size)
    assert made.config.depth == judge.config.depth == depth
    assert parameters(made) == drawing
    assert parameters(judge) == judging


def test_lite_is_small():
    assert parameters(nets.create("msggan_generator", "lite", size=64)) < 0.5e6
    assert parameters(nets.create("msggan_discriminator", "lite", size=64)) < 0.5e6


@pytest.mark.parametrize("size", [4, 8, 64, 256])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_depth_and_channel_count(size, channels):
    shape = {"size": size, "channels": channels, "widths": (6, 4, 4, 4, 2, 2, 2, 2, 2)}
    with torch.no_grad():
        pictures = generator(**shape)(torch.randn(2, 5))
        sides = [4 << level for level in range(size.bit_length() - 2)]
        assert [tuple(picture.shape) for picture in pictures] == [(2, channels, s, s) for s in sides]
        assert discriminator(**shape)(pictures).shape == (2, 1)
    assert nets.create("msggan_generator", "lite", **{**shape, "size": 1024}).config.depth == 9


def test_the_start_is_a_transposed_convolution_with_its_own_fan_in():
    torch.manual_seed(0)
    start, x = EqualStart(7, 5), torch.randn(3, 7)
    with torch.no_grad():
        start.bias.normal_()
    weight = start.weight * math.sqrt(2 / (16 * 7))
    expected = F.conv_transpose2d(x[:, :, None, None], weight, start.bias)
    torch.testing.assert_close(start(x), expected)


def by_hand(conv: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Equalised convolution of the same size."""
    _, inputs, size, _ = conv.weight.shape
    scale = math.sqrt(2 / (inputs * size * size))
    return F.conv2d(x, conv.weight * scale, conv.bias, padding=size // 2)


def test_generator_against_its_formula():
    net, z = generator(), torch.randn(2, 5)
    state = {name: torch.randn_like(value) for name, value in net.state_dict().items()}
    net.load_state_dict(state)

    def leaky(x):
        return torch.maximum(x, 0.2 * x)

    def norm(x):
        return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()

    code = z / z.norm(dim=1, keepdim=True) * math.sqrt(5)
    weight = net.start.weight * math.sqrt(2 / (16 * 5))
    x = leaky(F.conv_transpose2d(code[:, :, None, None], weight, net.start.bias))
    x = norm(leaky(by_hand(net.blocks["4"][0], x)))
    expected = [by_hand(net.images["4"], x)]
    for side in ("8", "16"):
        x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        for conv in net.blocks[side]:
            x = norm(leaky(by_hand(conv, x)))
        expected.append(by_hand(net.images[side], x))
    for found, wanted in zip(net(z), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_only_the_direction_of_a_latent_counts():
    net, z = generator(), torch.randn(2, 5)
    for one, other in zip(net(z), net(3.7 * z), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("deviation", ["batch", "batch_and_channels"])
def test_discriminator_against_its_formula(deviation):
    net = discriminator(deviation=deviation)
    net.load_state_dict({name: torch.randn_like(value) for name, value in net.state_dict().items()})
    pictures = [torch.randn(3, 3, side, side) for side in (4, 8, 16)]

    def leaky(x):
        return torch.maximum(x, 0.2 * x)

    x = by_hand(net.images["16"], pictures[2])
    x = leaky(by_hand(net.blocks["16"][1], leaky(by_hand(net.blocks["16"][0], x))))
    x = torch.cat([by_hand(net.images["8"], pictures[1]), F.avg_pool2d(x, 2)], dim=1)
    x = leaky(by_hand(net.blocks["8"][1], leaky(by_hand(net.blocks["8"][0], x))))
    x = torch.cat([by_hand(net.images["4"], pictures[0]), F.avg_pool2d(x, 2)], dim=1)
    x = torch.cat([x, torch.full((3, 1, 4, 4), deviation_by_loops(x, deviation))], dim=1)
    x = leaky(by_hand(net.blocks["4"][0], x))
    # a 4×4 convolution without margin
    weight = net.dense.weight.reshape(6, 6, 4, 4) * math.sqrt(2 / (16 * 6))
    x = leaky(F.conv2d(x, weight, net.dense.bias))
    expected = F.conv2d(x, net.score.weight[:, :, None, None] * math.sqrt(2 / 6), net.score.bias)
    torch.testing.assert_close(net(pictures), expected[:, :, 0, 0], rtol=1e-4, atol=1e-4)


def deviation_by_loops(x: torch.Tensor, kind: str) -> float:
    """Both definitions, one number at a time."""
    values = x.detach().double().numpy()
    batch, channels, height, width = values.shape
    found = []
    for row in range(height):
        for column in range(width):
            if kind == "batch_and_channels":
                found.append(
                    np.std([values[b, c, row, column] for b in range(batch) for c in range(channels)])
                )
            else:
                found += [np.std([values[b, c, row, column] for b in range(batch)]) for c in range(channels)]
    return float(np.mean(found))


@pytest.mark.parametrize("kind", ["batch", "batch_and_channels"])
def test_deviation_of_a_batch_against_loops(kind):
    torch.manual_seed(1)
    x = torch.randn(5, 3, 4, 4) * torch.tensor([1.0, 2.0, 5.0])[:, None, None]
    found = with_deviation(x, kind)
    assert torch.equal(found[:, :3], x)
    torch.testing.assert_close(found[:, 3], torch.full((5, 4, 4), deviation_by_loops(x, kind)))


def test_only_the_first_definition_sees_a_batch_of_equal_pictures():
    x = torch.randn(1, 8, 4, 4)
    equal = x.expand(6, -1, -1, -1)
    varied = torch.randn(6, 8, 4, 4)

    def drop(kind):
        return float(with_deviation(equal, kind)[0, -1, 0, 0] / with_deviation(varied, kind)[0, -1, 0, 0])

    assert drop("batch") < 1e-3
    assert drop("batch_and_channels") > 0.8


def test_pyramids():
    ramp = torch.arange(16.0)[None, :].expand(16, 16)[None, None]
    mean, bilinear = pyramid(ramp), pyramid(ramp, "bilinear")
    assert [picture.shape[-1] for picture in mean] == [4, 8, 16]
    for found in (mean, bilinear):  # both keep a ramp
        torch.testing.assert_close(found[0][0, 0, 0], torch.tensor([1.5, 5.5, 9.5, 13.5]))
    one_pixel = torch.zeros(1, 1, 16, 16)
    one_pixel[..., 0, 0] = 1
    assert float(pyramid(one_pixel)[0].sum()) == pytest.approx(1 / 16)
    assert float(pyramid(one_pixel, "bilinear")[0].sum()) == 0  # skipped


def test_gradients_reach_every_weight_and_every_scale():
    drawn = generator()(torch.randn(4, 5))
    judge = discriminator()
    pictures = [picture.detach().requires_grad_() for picture in drawn]
    slopes = torch.autograd.grad(judge(pictures).sum(), pictures, create_graph=True)
    assert all(slope.any() for slope in slopes)
    sum(slope.square().sum() for slope in slopes).backward()
    reached = {n for n, p in judge.named_parameters() if p.grad is not None and p.grad.any()}
    assert {n for n, _ in judge.named_parameters() if n.endswith("weight")} <= reached
    net = generator()
    sum(picture.square().sum() for picture in net(torch.randn(4, 5))).backward()
    assert all(p.grad is not None and p.grad.any() for n, p in net.named_parameters() if n.endswith("weight"))


def test_coarse_weights_have_the_same_names_in_a_larger_network():
    small, large = generator(size=8).state_dict(), generator(size=32).state_dict()
    assert all(large[name].shape == value.shape for name, value in small.items())
    small, large = discriminator(size=8).state_dict(), discriminator(size=32).state_dict()
    assert small.keys() < large.keys()
    fitting = [name for name, value in small.items() if large[name].shape == value.shape]
    assert set(small) - set(fitting) == {"blocks.8.0.weight"}  # where the finest scale had nothing before it


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("msggan_generator", {"size": 48}),
        ("msggan_generator", {"size": 2048}),
        ("msggan_generator", {"channels": 2}),
        ("msggan_generator", {"frames": 3}),
        ("msggan_generator", {"widths": (8, 8)}),
        ("msggan_generator", {"latent": 0}),
        ("msggan_discriminator", {"deviation": "none"}),
    ],
)
def test_bad_settings_get_a_sentence(name, options):
    with pytest.raises(CellSimError, match="cannot be made"):
        nets.create(name, "lite", **options)


def test_a_missing_scale_gets_a_sentence():
    with pytest.raises(CellSimError, match="every scale"):
        discriminator()([torch.zeros(1, 3, 16, 16)])
