"""The public Multi-StyleGAN checkpoint: its layout, its quirks, and files that are something else."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_cellsim.base import CellSimError
from napari_cellsim.models import Model, import_weights, load_model

State = dict[str, Tensor]
FIR = torch.tensor([1.0, 3, 3, 1])
FIR = torch.outer(FIR, FIR) / 64


def make_state(widths: list[int], latent: int, *, dead: bool, layers: int = 8) -> State:
    """Random weights in the layout of MODELS.md §10.4."""
    generator = torch.Generator().manual_seed(5)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    state: State = {}
    for i in range(1, 2 * layers, 2):
        state[f"style_mapping.layers.{i}.weight"] = random(latent, latent)
        state[f"style_mapping.layers.{i + 1}.bias"] = 0.1 * random(latent)
    for stream in (1, 2):

        def conv(name: str, inputs: int, outputs: int, side: int, first: bool = stream == 1) -> None:
            state[f"{name}.modulated_convolution.weight"] = random(1, outputs, inputs, side, side)
            if first:
                state[f"{name}.modulated_convolution.modulation_mapping.weight"] = random(inputs, latent)
                state[f"{name}.modulated_convolution.modulation_mapping.bias"] = 1 + 0.1 * random(inputs)

        def styled(name: str, inputs: int, outputs: int, side: int, live: bool = True) -> None:
            conv(name, inputs, outputs, side)
            state[f"{name}.noise_injection.weight"] = 0.3 * random(1) * live
            state[f"{name}.activation.bias"] = 0.2 * random(outputs) * live

        state[f"constant_input_{stream}.input"] = random(1, widths[0], 4, 4)
        styled(f"starting_convolution_{stream}", widths[0], widths[0], 3)
        conv(f"starting_output_block_{stream}", widths[0], 3, 1)
        state[f"starting_output_block_{stream}.bias"] = random(1, 1, 1, 1)
        for i in range(len(widths) - 1):
            live = stream == 1 or not dead
            styled(f"main_convolutions_{stream}.{2 * i}", widths[i], widths[i + 1], 2, live)
            styled(f"main_convolutions_{stream}.{2 * i + 1}", widths[i + 1], widths[i + 1], 3, live)
            state[f"main_convolutions_{stream}.{2 * i}.modulated_convolution.blur.kernel"] = 4 * FIR
            conv(f"output_blocks_{stream}.{i}", widths[i + 1], 3, 1)
            state[f"output_blocks_{stream}.{i}.bias"] = random(1, 1, 1, 1)
            state[f"output_blocks_{stream}.{i}.upsampling.kernel"] = FIR.clone()
    state["noises.noise_start"] = random(1, 1, 4, 4)
    for i in range(2 * (len(widths) - 1)):
        state[f"noises.noise_{i}"] = random(1, 1, 8 << i // 2, 8 << i // 2)
    return state


def published_map(state: State, z: Tensor) -> Tensor:
    """The mapping network as the public code computes it."""
    w = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for i in range(1, 17, 2):
        w = F.linear(w, state[f"style_mapping.layers.{i}.weight"] * math.sqrt(2 / w.shape[1]))
        w = F.leaky_relu(w + state[f"style_mapping.layers.{i + 1}.bias"], 0.2)
    return w


def published_draw(state: State, slots: Tensor, noise: list[Tensor], wrong: bool) -> Tensor:
    """One picture pair (2, 3, H, W) as the public code draws it; `wrong`: with its fault in the wiring."""

    def style(name: str, w: Tensor) -> Tensor:
        key = f"{name}.modulated_convolution.modulation_mapping"
        weight, bias = state[f"{key}.weight"], state[f"{key}.bias"]
        return F.linear(w, weight * math.sqrt(2 / len(w)), bias * math.sqrt(2 / len(bias)))

    def filtered(name: str, s: Tensor, demodulate: bool) -> Tensor:
        weight = state[f"{name}.modulated_convolution.weight"][0]
        weight = math.sqrt(2 / weight[0].numel()) * weight * s[:, None, None]
        if demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        return weight

    def fir(x: Tensor, kernel: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (2, 1, 2, 1)).transpose(0, 1), kernel[None, None]).transpose(0, 1)

    def styled(name: str, x: Tensor, s: Tensor, noise: Tensor) -> Tensor:
        weight = filtered(name, s, True)
        if weight.shape[-1] == 2:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = fir(x, state[f"{name}.modulated_convolution.blur.kernel"])
        else:
            x = F.conv2d(x, weight, padding=1)
        x = x + state[f"{name}.noise_injection.weight"] * noise
        return F.leaky_relu(x + state[f"{name}.activation.bias"][:, None, None], 0.2)

    def output(name: str, x: Tensor, s: Tensor, skip: Tensor | None) -> Tensor:
        image = F.conv2d(x, filtered(name, s, False)) + state[f"{name}.bias"]
        if skip is None:
            return image
        spread = torch.zeros(1, skip.shape[1], 2 * skip.shape[2], 2 * skip.shape[3])
        spread[..., ::2, ::2] = skip
        return image + fir(spread, state[f"{name}.upsampling.kernel"])  # without the factor of 4

    s = style("starting_convolution_1", slots[0])
    x = [styled(f"starting_convolution_{k}", state[f"constant_input_{k}.input"], s, noise[0]) for k in (1, 2)]
    s = style("starting_output_block_1", slots[1])
    images = [output(f"starting_output_block_{k}", x[k - 1], s, None) for k in (1, 2)]
    for i in range(len(noise) // 2):
        for j in (2 * i, 2 * i + 1):
            s = style(f"main_convolutions_1.{j}", slots[j + 1])
            x = [styled(f"main_convolutions_{k}.{j}", x[k - 1], s, noise[j + 1]) for k in (1, 2)]
        s = style(f"output_blocks_1.{i}", slots[2 * i + 3])
        sources = [x[0], x[0] if wrong else x[1]]
        images = [output(f"output_blocks_{k}.{i}", sources[k - 1], s, images[k - 1]) for k in (1, 2)]
    return torch.cat(images)


def write(path: Path, state: State, wrapped: bool = True) -> Path:
    """A checkpoint as the public script saves it."""
    parallel = {f"module.{key}": value for key, value in state.items()}
    other = {key: torch.zeros_like(value) for key, value in parallel.items()}
    optimiser = {
        "state": {0: {"step": 3, "exp_avg": torch.zeros(2)}},
        "param_groups": [{"lr": 2e-4, "params": [0]}],
    }
    whole = {
        "generator_ema": parallel,
        "generator": other,
        "generator_optimizer": optimiser,
        "discriminator": {"discriminator.module.final_mapping.0.bias": torch.zeros(1)},
        "discriminator_optimizer": optimiser,
        "path_length_regularization": {},
    }
    torch.save(whole if wrapped else state, path)
    return path


@pytest.mark.parametrize("dead", [True, False])
@pytest.mark.parametrize("widths", [[6, 5, 4, 4], [4, 4, 4, 4, 3, 3, 2]])
def test_it_draws_what_the_public_code_draws(tmp_path: Path, widths: list[int], dead: bool) -> None:
    state = make_state(widths, 7, dead=dead)
    if len(widths) == 7:
        assert len(state) == 201
    model = import_weights(write(tmp_path / "checkpoint_100.pt", state), kind="multistylegan")
    assert (model.kind, model.name) == ("cellgan", "checkpoint_100")
    assert model.network.config.legacy == dead
    assert ("dead" in model.card.trained_on) == dead
    size, slots = 4 << (len(widths) - 1), 2 * len(widths)
    assert (model.network.slots, model.card.input_size) == (slots, (size, size))

    torch.manual_seed(0)
    z = torch.randn(2, 7)
    w = model.networks["mapping"](z)
    torch.testing.assert_close(w, published_map(state, z), rtol=1e-4, atol=1e-5)
    styles = w[:, None] + 0.3 * torch.randn(2, slots, 7)
    noise = [torch.randn(2, 1, *shape) for shape in model.network.noise_shapes]
    with torch.no_grad():
        drawn = model.network(styles, noise)
    assert drawn.shape == (2, 6, size, size)
    for i in range(2):
        expected = published_draw(state, styles[i], [n[i : i + 1] for n in noise], wrong=dead)
        # ours: frames first; theirs: channels first
        ours = drawn[i].unflatten(0, (3, 2)).transpose(0, 1)
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4)


def test_the_published_size_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        from napari_cellsim.nets.cellgan.mapping import create_mapping
        from napari_cellsim.nets.cellgan.multistyle import create_multistyle

        generator, mapping = create_multistyle("thesis"), create_mapping("authorcode")
        legacy = create_multistyle("thesis", legacy=True)
    count = [sum(p.numel() for p in net.parameters()) for net in (generator, mapping, legacy)]
    spread = 14 * 2  # each picture bias of theirs is one number, of ours one per frame
    assert count[0] - spread + count[1] == pytest.approx(53.02e6, abs=5e3)
    assert count[1] == pytest.approx(2.101e6, abs=1e3)
    assert count[0] - count[2] == pytest.approx(20.45e6, abs=5e3)


def test_bare_generator_weights_and_files_of_ours(tmp_path: Path) -> None:
    state = make_state([3, 3, 3, 3], 5, dead=True)
    bare = import_weights(write(tmp_path / "bare.pt", state, wrapped=False))
    whole = import_weights(write(tmp_path / "whole.pt", state))
    assert bare.hash == whole.hash
    assert (whole.card.training["part"], whole.card.interval) == ("generator_ema", 10)
    whole.save(tmp_path / "ours.safetensors")
    again = load_model(tmp_path / "ours.safetensors")
    assert isinstance(again, Model)
    assert again.hash == whole.hash
    assert again.network.config.legacy


def test_other_files_get_a_sentence(tmp_path: Path) -> None:
    state = make_state([3, 3, 3, 3], 5, dead=False)
    path = tmp_path / "checkpoint.pt"

    def refused(change: State, match: str, drop: str = "") -> None:
        new = {key: value for key, value in (state | change).items() if key != drop}
        with pytest.raises(CellSimError, match=match):
            import_weights(write(path, new), kind="multistylegan")

    refused({}, "lacks the weights noises.noise_start", drop="noises.noise_start")
    refused({"extra": torch.zeros(1)}, "unknown weights extra")
    refused({"starting_convolution_2.activation.bias": torch.zeros(9)}, "another shape")
    refused({}, "another network", drop="constant_input_1.input")
    refused({"starting_convolution_2.activation.bias": torch.full((3,), torch.nan)}, "damaged")
    refused({"output_blocks_1.0.upsampling.kernel": torch.ones(4, 4)}, "another filter")
    torch.save([1, 2], path)
    with pytest.raises(CellSimError, match="no generator"):
        import_weights(path, kind="multistylegan")
    torch.save({"generator": Path("x")}, path)
    with pytest.raises(CellSimError, match="holds more than weights"):
        import_weights(path, kind="multistylegan")
    torch.save({"conv1a.0.weight": torch.zeros(1)}, path)
    with pytest.raises(CellSimError, match="another network"):
        import_weights(path, kind="multistylegan")
    small = make_state([3, 3], 5, dead=False)
    with pytest.raises(CellSimError, match="8 px"):
        import_weights(write(path, small), kind="multistylegan")
    with pytest.raises(CellSimError, match="known kinds are 'auto', 'pwcnet', 'multistylegan', 'resnet18'"):
        import_weights(path, kind="vae")
