"""SDC-Net++: sizes of the publication, starting point, time, sizes of pictures."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from napari_cellsim import nets
from napari_cellsim.base import CellSimError
from napari_cellsim.nets.blocks import FrameInstanceNorm, ResidualBlock


def inputs(batch: int = 1, size: tuple[int, int] = (48, 48), seed: int = 0) -> tuple[torch.Tensor, ...]:
    g = torch.Generator().manual_seed(seed)
    frames = torch.rand(batch, 3, 1, *size, generator=g)
    flows = torch.randn(batch, 3, 2, *size, generator=g)
    flows[:, 0] = 0
    masks = torch.softmax(torch.randn(batch, 3, 4, *size, generator=g), 2)
    return frames, flows, masks


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_thesis_preset_has_the_published_number_of_parameters() -> None:
    net = nets.create("sdcnet", "thesis")
    # Reich 2020, §6.1.1 and 6.2.1, counted in MODELS.md §5.2: encoder 1.226 M, each decoder 0.800 M, 3.62 M in all.
    assert count(net.encoder) == 1_225_556
    for decoder, channels in ((net.flow_decoder, 2), (net.kernel_v_decoder, 7), (net.kernel_h_decoder, 7)):
        assert count(decoder) == 799_440 + channels * (3 * 16 + 1)
    assert round(count(net) / 1e6, 2) == 3.62


@pytest.mark.parametrize("preset", ["thesis", "lite"])
def test_a_new_network_copies_the_last_frame(preset: str) -> None:
    torch.manual_seed(0)
    net = nets.create("sdcnet", preset).eval()
    frames, flows, masks = inputs()
    with torch.inference_mode():
        predicted, motion = net.predict_next(frames, flows, masks)
    assert torch.equal(motion.flow, torch.zeros_like(motion.flow))
    # kernels are one-hot up to the tiny random weights of their heads
    assert (predicted - frames[:, -1]).abs().max() < 0.05


@pytest.mark.parametrize("size", [(48, 48), (37, 51), (8, 8), (33, 16)])
@pytest.mark.parametrize("preset", ["thesis", "lite"])
def test_any_picture_size(preset: str, size: tuple[int, int]) -> None:
    net = nets.create("sdcnet", preset).eval()
    with torch.inference_mode():
        motion = net(*inputs(size=size))
    assert motion.flow.shape == (1, 2, *size)
    assert motion.kernel_v.shape == motion.kernel_h.shape == (1, 7, *size)


def wake(net: nn.Module) -> nn.Module:
    """Give the heads weights, so that outputs depend on inputs."""
    torch.manual_seed(1)
    for decoder in (net.flow_decoder, net.kernel_v_decoder, net.kernel_h_decoder):
        nn.init.normal_(decoder.head.weight, std=0.1)
    return net.eval()


@pytest.mark.parametrize(
    ("preset", "options"),
    [
        ("lite", {}),
        ("thesis", {}),
        ("thesis", {"time_mixing": "stem+bottleneck"}),
        ("lite", {"time_mixing": "pyramid"}),
    ],
)
def test_the_order_of_past_frames_matters(preset: str, options: dict) -> None:
    net = wake(nets.create("sdcnet", preset, **options))
    frames, flows, masks = inputs()
    with torch.inference_mode():
        one = net(frames, flows, masks).flow
        other = net(frames[:, [1, 0, 2]], flows, masks).flow
    assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize(("mixing", "alone"), [("pyramid", True), ("stem+bottleneck", False)])
def test_a_feature_pyramid_sees_one_frame_at_a_time(mixing: str, alone: bool) -> None:
    net = wake(nets.create("sdcnet", "lite", time_mixing=mixing))
    for mixer in net.mixers:
        nn.init.normal_(mixer.weight, std=0.1)
    for collapser in net.collapsers:
        nn.init.zeros_(collapser.weight[:, :, :-1])  # what is known of earlier frames is thrown away
    frames, flows, masks = inputs()
    with torch.inference_mode():
        one = net(frames, flows, masks).flow
        frames[:, 0] += 1
        assert torch.equal(one, net(frames, flows, masks).flow) == alone
        frames[:, -1, :, :, ::2] += 1
        assert not torch.equal(one, net(frames, flows, masks).flow)


def test_folding_time_into_the_batch_equals_a_three_dimensional_convolution() -> None:
    torch.manual_seed(0)
    block = ResidualBlock(5, 6, "instance", "pau")
    x = torch.randn(2, 3, 5, 12, 10)
    ours = block(x)

    def conv3d(conv: nn.Conv2d, y: torch.Tensor) -> torch.Tensor:
        return F.conv3d(y, conv.weight[:, :, None], conv.bias, padding=(0, *conv.padding))

    def norm(module: FrameInstanceNorm, y: torch.Tensor) -> torch.Tensor:
        return F.instance_norm(y, None, None, module.weight, module.bias)

    y = x.transpose(1, 2)
    z = block.act1(norm(block.norm1, conv3d(block.first, y)))
    z = block.act2(norm(block.norm2, conv3d(block.second, z))) + conv3d(block.residual, y)
    torch.testing.assert_close(ours, z.transpose(1, 2), atol=2e-5, rtol=1e-5)


def test_lite_sees_only_its_surroundings() -> None:
    # Channel norm looks at single pixels, so a change far away must not reach a pixel (tiles rely on it).
    net = wake(nets.create("sdcnet", "lite"))
    frames, flows, masks = inputs(size=(32, 320))
    with torch.inference_mode():
        one = net(frames, flows, masks).flow
        frames[..., 300:] += 1.0
        other = net(frames, flows, masks).flow
    assert torch.equal(one[..., :64], other[..., :64])
    assert not torch.equal(one[..., 300:], other[..., 300:])


def test_gradients_reach_every_parameter_that_can_learn() -> None:
    net = wake(nets.create("sdcnet", "lite")).train()
    predicted, _ = net.predict_next(*inputs(2))
    predicted.square().mean().backward()
    silent = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not silent


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("resnet",), "no network called 'resnet'"),
        (("sdcnet", "huge"), "no preset 'huge'"),
        (("sdcnet", "lite", "kernel_size", 6), "kernel_size"),
        (("sdcnet", "lite", "widths", (8, 8)), "decoder_widths"),
        (("sdcnet", "lite", "colour", 3), "colour"),
    ],
)
def test_bad_settings_get_a_sentence(arguments: tuple, words: str) -> None:
    name, preset, *override = (*arguments, "lite")[:2] if len(arguments) == 1 else arguments
    options = {override[0]: override[1]} if override else {}
    with pytest.raises(CellSimError, match=words):
        nets.create(name, preset, **options)
