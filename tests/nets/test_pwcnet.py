"""PWC-Net: size, agreement with the published forward pass, properties that need no training."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellsim import nets
from napari_cellsim.base import CellSimError
from napari_cellsim.nets.pwcnet import PRESETS, PWCNet, PWCNetConfig


def official_state(seed: int = 0, gain: float = 0.7) -> dict[str, torch.Tensor]:
    """Random weights under the published names (MODELS.md §6.1, §6.2), straight from the layer table."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, torch.Tensor] = {}

    def add(name: str, outputs: int, inputs: int, size: int = 3, transposed: bool = False) -> None:
        shape = (inputs, outputs, size, size) if transposed else (outputs, inputs, size, size)
        fan = inputs * size * size / (4 if transposed else 1)
        state[f"{name}.weight"] = torch.randn(shape, generator=generator) * gain * (2 / fan) ** 0.5
        state[f"{name}.bias"] = torch.randn(outputs, generator=generator) * 0.05

    widths = [3, 16, 32, 64, 96, 128, 196]
    for level in range(1, 7):
        names = ["a", "aa", "b"] if level < 6 else ["aa", "a", "b"]
        for i, name in enumerate(names):
            add(f"conv{level}{name}.0", widths[level], widths[level - 1] if i == 0 else widths[level])
    for level in range(6, 1, -1):
        inputs = 81 if level == 6 else 81 + widths[level] + 4
        for i, outputs in enumerate([128, 128, 96, 64, 32]):
            add(f"conv{level}_{i}.0", outputs, inputs)
            inputs += outputs
        add(f"predict_flow{level}", 2, inputs)
        add(f"deconv{level}", 2, 2, 4, transposed=True)
        if level > 2:
            add(f"upfeat{level}", 2, inputs, 4, transposed=True)
    inputs = 565
    for i, outputs in enumerate([128, 128, 128, 96, 64, 32]):
        add(f"dc_conv{i + 1}.0", outputs, inputs)
        inputs = outputs
    add("dc_conv7", 2, inputs)
    return state


def official_forward(
    state: dict[str, torch.Tensor], first: torch.Tensor, second: torch.Tensor
) -> torch.Tensor:
    """Forward pass of the published network, written down from §6.1 and §6.3 with no code of ours."""

    def conv(x: torch.Tensor, name: str, stride: int = 1, dilation: int = 1) -> torch.Tensor:
        weight, bias = state[f"{name}.0.weight"], state[f"{name}.0.bias"]
        x = F.conv2d(x, weight, bias, stride=stride, padding=dilation, dilation=dilation)
        return F.leaky_relu(x, 0.1)

    def plain(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    def up(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.conv_transpose2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=2, padding=1)

    def costs(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
        height, width = one.shape[-2:]
        padded = F.pad(two, (4, 4, 4, 4))
        planes = [
            (one * padded[:, :, dy : dy + height, dx : dx + width]).mean(1)
            for dy in range(9)
            for dx in range(9)
        ]
        return F.leaky_relu(torch.stack(planes, 1), 0.1)

    def warp(x: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[-2:]
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        across = 2 * (columns + flow[:, 0]) / max(width - 1, 1) - 1
        down = 2 * (rows + flow[:, 1]) / max(height - 1, 1) - 1
        grid = torch.stack([across, down], -1)
        sampled = F.grid_sample(x, grid, padding_mode="zeros", align_corners=True)
        weight = F.grid_sample(torch.ones_like(x), grid, padding_mode="zeros", align_corners=True)
        return sampled * (weight >= 0.9999)

    height, width = first.shape[-2:]
    size = ((height + 63) // 64 * 64, (width + 63) // 64 * 64)
    pyramids = []
    for image in (first, second):
        x = F.interpolate(image, size, mode="bilinear", align_corners=False)
        levels = {}
        for level in range(1, 7):
            for i, name in enumerate(["a", "aa", "b"] if level < 6 else ["aa", "a", "b"]):
                x = conv(x, f"conv{level}{name}", stride=2 if i == 0 else 1)
            levels[level] = x
        pyramids.append(levels)
    one, two = pyramids
    flow = features = torch.empty(0)
    for level in range(6, 1, -1):
        if level == 6:
            x = costs(one[6], two[6])
        else:
            moved = warp(two[level], flow * {5: 0.625, 4: 1.25, 3: 2.5, 2: 5.0}[level])
            x = torch.cat([costs(one[level], moved), one[level], flow, features], 1)
        for i in range(5):
            x = torch.cat([conv(x, f"conv{level}_{i}"), x], 1)
        flow = plain(x, f"predict_flow{level}")
        if level > 2:
            flow, features = up(flow, f"deconv{level}"), up(x, f"upfeat{level}")
    for i, dilation in enumerate([1, 2, 4, 8, 16, 1]):
        x = conv(x, f"dc_conv{i + 1}", dilation=dilation)
    flow = (flow + plain(x, "dc_conv7")) * 20
    flow = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
    return flow * torch.tensor([width / size[1], height / size[0]]).view(1, 2, 1, 1)


def random_lite(seed: int = 0) -> PWCNet:
    """Return the lite network with its flow heads away from zero."""
    torch.manual_seed(seed)
    network = PWCNet(PRESETS["lite"]).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return network


def pair(*shape: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator), torch.rand(shape, generator=generator)


def test_thesis_preset_has_the_published_size():
    network = nets.create("pwcnet", "thesis")
    sizes = [p.numel() for p in network.parameters()]
    assert len(sizes) == 128
    assert sum(sizes) == 9_374_340
    assert sorted(tuple(p.shape) for p in network.parameters()) == sorted(
        tuple(p.shape) for p in official_state().values()
    )


def test_lite_preset_is_small():
    assert sum(p.numel() for p in nets.create("pwcnet", "lite").parameters()) <= 600_000


@pytest.mark.parametrize("size", [(128, 64), (75, 130)])
def test_agrees_with_the_published_forward_pass(size, official_network):
    network, state = official_network
    first, second = pair(2, 3, *size)
    with torch.no_grad():
        flow, expected = network(first, second), official_forward(state, first, second)
    assert expected.abs().max() > 1  # the weights make a flow that moves and leaves the picture
    torch.testing.assert_close(flow, expected, atol=1e-4, rtol=1e-4)


@pytest.fixture(scope="module")
def official_network(tmp_path_factory):
    from napari_cellsim import models

    state = official_state()
    path = tmp_path_factory.mktemp("official") / "pwc_net.pth.tar"
    torch.save(state, path)
    return models.import_weights(path, kind="pwcnet").network, state


def test_untrained_lite_predicts_no_motion():
    network = nets.create("pwcnet", "lite")
    assert torch.equal(network(*pair(2, 1, 64, 48)), torch.zeros(2, 2, 64, 48))


@settings(max_examples=12, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70), batch=st.integers(1, 2))
def test_any_size_gives_a_flow_of_that_size(height, width, batch):
    flow = random_lite()(*pair(batch, 1, height, width))
    assert flow.shape == (batch, 2, height, width)
    assert torch.isfinite(flow).all()


def test_pictures_of_a_batch_do_not_see_each_other():
    network, (first, second) = random_lite(), pair(3, 1, 48, 80)
    together = network(first, second)
    apart = torch.cat([network(first[i : i + 1], second[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


def test_grey_pictures_are_replicated(official_network):
    network, _ = official_network
    first, second = pair(1, 1, 64, 64)
    with torch.no_grad():
        grey = network(first, second)
        torch.testing.assert_close(grey, network(first.repeat(1, 3, 1, 1), second.repeat(1, 3, 1, 1)))


def test_lite_takes_colour_as_its_mean():
    network, (first, second) = random_lite(), pair(1, 3, 64, 64)
    torch.testing.assert_close(network(first, second), network(first.mean(1, True), second.mean(1, True)))


def test_features_kept_by_a_roll_out_give_the_same_flow():
    network, (first, second) = random_lite(), pair(1, 1, 50, 61)
    kept = network.encode(first)
    assert torch.equal(network.flow_from_features(network.encode(second), kept), network(second, first))


def test_pyramid_is_in_px_of_the_full_resolution():
    network, (first, second) = random_lite(), pair(1, 1, 60, 100)
    flows = network.forward_pyramid(first, second)
    assert [tuple(flow.shape[-2:]) for flow in flows] == [(4, 7), (8, 14), (16, 28)]
    finest = F.interpolate(flows[-1], (60, 100), mode="bilinear", align_corners=False)
    torch.testing.assert_close(finest, network(first, second))


def test_constant_flow_is_told_in_px_of_the_input():
    """Heads that say "1", that is 20 px of the rounded grid, mean fewer px where the input was enlarged."""
    network = nets.create("pwcnet", "lite")
    for name, parameter in network.named_parameters():
        if name.startswith("decoders.4.predict"):
            torch.nn.init.constant_(parameter, 1.0 if name.endswith("bias") else 0.0)
    flow = network(*pair(1, 1, 64, 64))
    torch.testing.assert_close(flow, torch.full_like(flow, 20.0))
    flow = network(*pair(1, 1, 60, 64))
    torch.testing.assert_close(flow[:, 0], torch.full_like(flow[:, 0], 20.0))
    torch.testing.assert_close(flow[:, 1], torch.full_like(flow[:, 1], 20.0 * 60 / 64))


@pytest.mark.parametrize("preset", ["lite", "thesis"])
def test_training_reaches_every_parameter_in_use(preset):
    network = random_lite() if preset == "lite" else PWCNet(PRESETS["thesis"])
    first, second = pair(1, 1, 64, 64)
    sum(flow.square().mean() for flow in network.forward_pyramid(first, second)).backward()
    still = {n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    unused = {"decoders.2.enlarge_flow.weight", "decoders.2.enlarge_flow.bias"}
    assert still == (unused if preset == "thesis" else set())


def shifted(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return textures, the same moved by up to 4 whole px, and the flow from the first to the second."""
    generator = torch.Generator().manual_seed(seed)
    texture = F.interpolate(torch.rand(count, 1, 20, 20, generator=generator), (56, 56), mode="bicubic")
    shift = torch.randint(-4, 5, (count, 2), generator=generator)
    crops = [t[:, 4 - y : 52 - y, 4 - x : 52 - x] for t, (x, y) in zip(texture, shift.tolist(), strict=True)]
    return texture[..., 4:52, 4:52], torch.stack(crops), shift.float().view(count, 2, 1, 1)


def test_lite_learns_to_match():
    """A short training on random shifts carries over to textures and shifts never seen."""
    torch.manual_seed(0)
    network = nets.create("pwcnet", "lite")
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for step in range(180):
        first, second, target = shifted(4, seed=step)
        flows = network.forward_pyramid(first, second)
        loss = sum(((flow - target).square().sum(1) + 0.01).sqrt().mean() for flow in flows)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    first, second, target = shifted(32, seed=1000)
    with torch.no_grad():
        error = (network(first, second) - target).square().sum(1).sqrt().mean()
    assert error < 0.6 * target.square().sum(1).sqrt().mean()


def test_wrong_input_gets_a_sentence():
    network = nets.create("pwcnet", "lite")
    with pytest.raises(CellSimError, match="batch, 1 or 3, height, width"):
        network(torch.zeros(1, 2, 32, 32), torch.zeros(1, 2, 32, 32))
    with pytest.raises(CellSimError, match="two pictures of one size"):
        network(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 31))
    with pytest.raises(CellSimError, match="two pictures of one size"):
        network(torch.zeros(2, 1, 32, 32), torch.zeros(1, 1, 32, 32))


def test_config_round_trips_and_refuses_nonsense():
    config = PRESETS["lite"]
    assert PWCNetConfig.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValueError, match="finest_level"):
        PWCNetConfig(channels=(16, 32), finest_level=3)
    with pytest.raises(CellSimError, match="pwcnet"):
        nets.create("pwcnet", "lite", context_dilations=(1,))
