"""Sequence discriminator."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils import parametrize

from napari_cellsim import nets
from napari_cellsim.base import CellSimError

TINY = {"widths": (8, 12, 16), "trunk_stride": 2}


def largest_singular_values(net: torch.nn.Module) -> list[float]:
    """Return that of every effective weight, seen as a matrix of outputs × inputs."""
    normalised = [m for m in net.modules() if parametrize.is_parametrized(m)]
    return [float(torch.linalg.svdvals(m.weight.detach().flatten(1))[0]) for m in normalised]


@pytest.mark.parametrize(
    ("preset", "kernel_time", "expected"),
    [("thesis", 3, 3_577_845), ("thesis", 1, 1_222_869), ("lite", 3, 391_977)],
)
def test_number_of_parameters(preset: str, kernel_time: int, expected: int) -> None:
    net = nets.create("sequence_discriminator", preset, kernel_time=kernel_time)
    assert sum(p.numel() for p in net.parameters()) == expected


def test_every_weight_of_convolutions_and_head_has_spectral_norm_one() -> None:
    torch.manual_seed(0)
    net = nets.create("sequence_discriminator", **TINY)
    layers = [m for m in net.modules() if isinstance(m, torch.nn.Conv3d | torch.nn.Linear)]
    assert len(layers) == 3 * 3 + 1
    assert all(parametrize.is_parametrized(layer, "weight") for layer in layers)
    with torch.no_grad():
        for layer in layers:
            layer.parametrizations.weight.original.mul_(7)
    frames = torch.rand(1, 2, 1, 16, 16)
    for _ in range(200):  # each call in training mode does one power iteration
        net(frames)
    values = largest_singular_values(net.eval())
    assert values == pytest.approx([1.0] * len(values), abs=1e-3)


def test_power_iterations_stay_in_float32_under_autocast() -> None:
    torch.manual_seed(0)
    net = nets.create("sequence_discriminator", **TINY)
    with torch.autocast("cpu", torch.bfloat16):
        rough = net(torch.rand(1, 2, 1, 16, 16))
    assert rough.dtype == torch.bfloat16
    assert all(buffer.dtype == torch.float32 for buffer in net.buffers())
    rough.float().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize("preset", ["thesis", "lite"])
@pytest.mark.parametrize("shape", [(2, 1, 1, 64, 64), (1, 5, 1, 64, 71), (1, 10, 1, 80, 64)])
def test_any_length_and_any_size(preset: str, shape: tuple[int, ...]) -> None:
    net = nets.create("sequence_discriminator", preset).eval()
    with torch.inference_mode():
        assert net(torch.rand(shape)).shape == (shape[0], 1)


def test_it_sees_the_order_of_the_frames() -> None:
    torch.manual_seed(0)
    frames = torch.rand(1, 4, 1, 16, 16)
    shuffled = frames[:, [0, 2, 1, 3]]
    with torch.inference_mode():
        still = nets.create("sequence_discriminator", **TINY, kernel_time=1).eval()
        torch.testing.assert_close(still(frames), still(shuffled))  # only the mean over time joins frames
        moving = nets.create("sequence_discriminator", **TINY).eval()
        assert (moving(frames) - moving(shuffled)).abs().item() > 1e-5


def test_it_learns_to_tell_sharp_from_blurred_sequences() -> None:
    torch.manual_seed(0)
    net = nets.create("sequence_discriminator", **TINY)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    sharp = torch.rand(4, 3, 1, 16, 16)
    blurred = torch.nn.functional.avg_pool2d(sharp.flatten(0, 1), 3, 1, 1).unflatten(0, (4, 3))
    for _ in range(60):
        real, fake = net(sharp), net(blurred)
        loss = torch.nn.functional.softplus(-real).mean() + torch.nn.functional.softplus(fake).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert net(sharp).min() > net(blurred).max()


@pytest.mark.parametrize("shape", [(1, 3, 1, 7, 16), (1, 3, 2, 16, 16), (3, 1, 16, 16)])
def test_what_it_cannot_judge_gets_a_sentence(shape: tuple[int, ...]) -> None:
    net = nets.create("sequence_discriminator", **TINY)
    with pytest.raises(CellSimError, match="at least 8 x 8 px"):
        net(torch.rand(shape))
