"""Rendering: chained displacements, carried residuals, blocks of frames, noise."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from napari_cellsim import nets
from napari_cellsim.nets.motion import Motion, Renderer, draw_noise


def picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(seed))


def shift(x: float, y: float, **more: torch.Tensor) -> Motion:
    flow = torch.tensor([x, y])[:, None, None].expand(1, 2, 24, 24).contiguous()
    tap = torch.ones(1, 1, 24, 24)
    return Motion(flow, tap, tap, **more)


@pytest.mark.parametrize("compose", [True, False])
def test_whole_pixels_move_alike_either_way(compose: bool) -> None:
    render, last = Renderer(compose), picture()
    frame = last
    for _ in range(3):
        frame = render(frame, shift(-1.0, 2.0)).frame
    assert torch.allclose(frame[..., :18, 3:], last[..., 6:, :-3], atol=1e-6)


def test_four_half_pixels_keep_the_texture_only_if_the_last_real_frame_is_sampled_once() -> None:
    last = picture()
    kept = {}
    for compose in (True, False):
        render, frame = Renderer(compose), last
        for _ in range(4):
            frame = render(frame, shift(-0.5, 0.0)).frame
        kept[compose] = (frame[..., 2:] - last[..., :-2]).abs().max()
    assert kept[True] < 1e-6
    assert kept[False] > 0.1


def test_displacements_are_chained_where_they_lead() -> None:
    # a step to the right by as many pixels as the row says is followed by a step down by one
    rows = torch.arange(24.0)[:, None].expand(24, 24)
    first = shift(0.0, 0.0)._replace(flow=torch.stack([-rows / 8, torch.zeros(24, 24)])[None])
    render, last = Renderer(True), picture()
    render(last, first)
    frame = render(last, shift(0.0, -1.0)).frame  # each pixel comes from the row above
    expected = Renderer(True)(
        last, shift(0, 0)._replace(flow=torch.stack([-(rows - 1) / 8, -torch.ones(24, 24)])[None])
    ).frame
    assert torch.allclose(frame[..., 2:, 4:], expected[..., 2:, 4:], atol=1e-5)


def test_a_residual_moves_on_with_what_it_was_added_to() -> None:
    bud = torch.zeros(1, 1, 24, 24)
    bud[..., 10, 10] = 1
    nothing = torch.zeros_like(bud)
    render, last = Renderer(True), torch.zeros(1, 1, 24, 24)
    render(last, shift(0.0, 0.0, residual=bud))
    frame = render(last, shift(-1.0, 0.0, residual=nothing)).frame
    assert torch.nonzero(frame[0, 0]).tolist() == [[10, 11]]


def test_expected_errors_add_up() -> None:
    render, last = Renderer(False), picture()
    one = torch.full((1, 1, 24, 24), 0.25)
    found = [render(last, shift(-1.0, 0.0, scale=one)).scale for _ in range(3)]
    assert [float(x.mean()) for x in found if x is not None] == pytest.approx([0.25, 0.5, 0.75])


def test_a_cut_gradient_does_not_reach_the_first_step() -> None:
    flow = torch.zeros(1, 2, 24, 24, requires_grad=True)
    render, last = Renderer(True), picture()
    render(last, shift(0, 0)._replace(flow=flow))
    render.detach()
    assert not render(last, shift(-0.5, 0.0)).frame.requires_grad


@pytest.mark.parametrize("motion", ["sdc", "flow", "kernels", "direct"])
@pytest.mark.parametrize("compose", [True, False])
def test_every_fresh_network_copies_the_last_frame(motion: str, compose: bool) -> None:
    torch.manual_seed(0)
    net = nets.create("sdcnet", "default", motion=motion, compose=compose, noise=2, scale=True)
    frames = torch.rand(2, 3, 1, 37, 45)
    rolled = nets.roll_out(net, frames, 9, None, None)
    for step in range(9):
        # kernels begin close to one-hot, not at it
        assert (rolled.frames[:, step] - frames[:, -1]).abs().max() < (
            0.1 if motion in ("sdc", "kernels") else 1e-6
        )
    assert rolled.scale is not None
    assert rolled.scale.min() > 0


def test_kernels_sum_to_one() -> None:
    torch.manual_seed(0)
    net = nets.create("sdcnet", "default")
    for decoder in (net.kernel_v_decoder, net.kernel_h_decoder):
        torch.nn.init.normal_(decoder.head.weight, std=0.1)
    motion = net(torch.rand(1, 3, 1, 32, 32), torch.zeros(1, 3, 2, 32, 32), torch.zeros(1, 3, 4, 32, 32))
    for kernels in (motion.kernel_v, motion.kernel_h):
        sums = kernels.unflatten(1, (7, 7)).sum(2)
        assert torch.allclose(sums, torch.ones_like(sums), atol=1e-5)


def test_a_block_is_what_one_pass_says_of_its_frames() -> None:
    torch.manual_seed(0)
    net = nets.create("sdcnet", "default", block=3, compose=False, residual=False)
    torch.nn.init.normal_(net.flow_decoder.head.weight, std=0.05)
    frames = torch.rand(1, 3, 1, 32, 32)
    none = torch.zeros(1, 3, 2, 32, 32), torch.zeros(1, 3, 4, 32, 32)
    rolled = nets.roll_out(net, frames, 4, None, None)
    assert torch.equal(rolled.flow[0, :3].flatten(0, 1), net(frames, *none).flow[0])
    again = torch.cat([frames, rolled.frames[:, :3]], 1)[:, -3:]
    assert torch.allclose(rolled.flow[0, 3], net(again, *none).flow[0, :2], atol=1e-6)


def test_a_network_of_frames_alone_ignores_flow_and_classes() -> None:
    torch.manual_seed(0)
    net = nets.create("sdcnet", "default")
    torch.nn.init.normal_(net.flow_decoder.head.weight, std=0.05)
    frames = torch.rand(1, 3, 1, 32, 32)
    asked: list[int] = []

    def segment(frame: torch.Tensor) -> torch.Tensor:
        asked.append(1)
        return torch.rand(1, 4, 32, 32)

    rolled = nets.roll_out(net, frames, 2, None, segment)
    assert len(asked) == 2  # the predicted frames, for whoever wants to see cells
    assert torch.equal(rolled.frames, nets.roll_out(net, frames, 2, None, None).frames)


def test_noise_is_smooth_and_follows_from_the_seed() -> None:
    frames = torch.zeros(2, 3, 1, 50, 70)

    def drawn(seed: int) -> torch.Tensor:
        noise = draw_noise(frames, 3, torch.Generator().manual_seed(seed))
        assert noise is not None
        return noise

    assert drawn(1).shape == (2, 3, 50, 70)
    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    wide = draw_noise(torch.zeros(64, 1, 1, 129, 129), 4, torch.Generator().manual_seed(0))
    assert wide is not None
    assert wide[..., ::16, ::16].std() == pytest.approx(1, abs=0.02)
    assert (
        wide[..., 1:] - wide[..., :-1]
    ).abs().max() < 0.6  # a sixteenth of the largest difference of corners
    assert draw_noise(frames, 0) is None


def test_a_network_that_could_only_copy_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs residual"):
        nets.sdcnet.SDCNetConfig(motion="direct")
