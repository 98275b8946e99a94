"""The public Multi-StyleGAN checkpoint (TUdatalib 2879, ``checkpoint_100.pt``).

Its code differs from the paper in four ways, of which three are linear and are folded into the weights here, exactly:
pictures lose a factor of 4 with each enlargement, the biases of the style maps are scaled by √(2/channels), and the
style maps' weights by √2. The fourth is a matter of wiring, see `legacy` in `nets.cellgan.multistyle`.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellsim.base import CellSimError, hash_file

from .card import ModelCard
from .model import Model, check_keys

if TYPE_CHECKING:
    from torch import Tensor

_GENERATORS = ("generator_ema", "generator")  # the running average is the better one


def multistylegan(path: Path, content: Any) -> Model:
    """Make a model of the checkpoint's generator and mapping network.

    Parameters
    ----------
    path : Path
        The file, for sentences and provenance.
    content : object
        What `torch.load` returned: the whole checkpoint, or the generator's weights alone.

    Returns
    -------
    Model
        Of kind "cellgan": two channels (brightfield, GFP), three frames, intensities in [0, 1].

    Raises
    ------
    CellSimError
        If the weights are not exactly those of a Multi-StyleGAN generator.
    """
    from napari_cellsim import nets
    from napari_cellsim.nets.cellgan.multistyle import create_multistyle

    part, state = _generator(path, content)
    widths, latent, frames, layers = _shape(path, state)
    expected = layout(widths, latent, frames, layers)
    check_keys(str(path), expected, {key: tuple(value.shape) for key, value in state.items()})
    _check_values(path, state)
    size = 4 << (len(widths) - 1)
    legacy = second_stream_is_dead(state)
    padded = (*widths, *[widths[-1]] * (8 - len(widths)))
    try:
        generator = create_multistyle(
            "thesis", size=size, latent=latent, frames=frames, widths=padded, legacy=legacy
        )
    except ValueError as error:
        raise CellSimError(
            f"{path} holds a Multi-StyleGAN for pictures of {size} px and {frames} frames, which cannot be used here."
        ) from error
    mapping = nets.create("cellgan_mapping", "authorcode", latent=latent, layers=layers)
    generator.load_state_dict(_generator_weights(state, len(widths) - 1, frames, legacy))
    mapping.load_state_dict(
        {
            f"layers.{2 * i}.{name}": state[f"style_mapping.layers.{2 * i + place}.{name}"]
            for i in range(layers)
            for name, place in (("weight", 1), ("bias", 2))
        }
    )
    stream = "; its second stream is dead, as in the published code, and was left out" if legacy else ""
    card = ModelCard(
        description="Multi-StyleGAN with published weights: three frames of trapped yeast, brightfield and GFP.",
        trained_on=f"Time-lapse fluorescence microscopy of trapped yeast (Reich et al., MICCAI 2021){stream}",
        interval=10.0,
        modality="brightfield and GFP fluorescence",
        normalisation={"method": "standard", "mean": 0.0, "std": 1.0},
        licence="As published with the file (code: MIT). Brought by the user; not part of napari-cellsim.",
        training={"imported_from": path.name, "part": part, "file_sha256": hash_file(path)},
        input_size=(size, size),
    )
    networks = {"cellgan": generator.eval(), "mapping": mapping.eval()}
    return Model(path.name.split(".")[0], "cellgan", networks, card)


def second_stream_is_dead(state: dict[str, Tensor]) -> bool:
    """Return whether the second stream of a checkpoint has had no part in any picture above 4².

    Such a stream got no gradient, so that noise strengths and biases are still the zeros they started as.
    """
    return not any(
        value.any()
        for key, value in state.items()
        if key.startswith("main_convolutions_2.")
        and key.endswith(("noise_injection.weight", "activation.bias"))
    )


def layout(widths: tuple[int, ...], latent: int, frames: int, layers: int) -> dict[str, tuple[int, ...]]:
    """Return name and shape of all entries of a generator's weights in the checkpoint.

    Parameters
    ----------
    widths : tuple of int
        Channels at 4², 8², … up to the size of the pictures.
    latent, frames, layers : int
        Length of a latent, frames per sequence, layers of the mapping network.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for i in range(layers):
        shapes[f"style_mapping.layers.{2 * i + 1}.weight"] = (latent, latent)
        shapes[f"style_mapping.layers.{2 * i + 2}.bias"] = (latent,)

    def modulated(name: str, stream: int, inputs: int, outputs: int, side: int) -> None:
        shapes[f"{name}.modulated_convolution.weight"] = (1, outputs, inputs, side, side)
        if stream == 1:
            shapes[f"{name}.modulated_convolution.modulation_mapping.weight"] = (inputs, latent)
            shapes[f"{name}.modulated_convolution.modulation_mapping.bias"] = (inputs,)

    def styled(name: str, stream: int, inputs: int, outputs: int, side: int) -> None:
        modulated(name, stream, inputs, outputs, side)
        shapes[f"{name}.noise_injection.weight"] = (1,)
        shapes[f"{name}.activation.bias"] = (outputs,)

    def output(name: str, stream: int, inputs: int) -> None:
        modulated(name, stream, inputs, frames, 1)
        shapes[f"{name}.bias"] = (1, 1, 1, 1)

    for stream in (1, 2):
        shapes[f"constant_input_{stream}.input"] = (1, widths[0], 4, 4)
        styled(f"starting_convolution_{stream}", stream, widths[0], widths[0], 3)
        output(f"starting_output_block_{stream}", stream, widths[0])
        for block, (inputs, outputs) in enumerate(pairwise(widths)):
            styled(f"main_convolutions_{stream}.{2 * block}", stream, inputs, outputs, 2)
            shapes[f"main_convolutions_{stream}.{2 * block}.modulated_convolution.blur.kernel"] = (4, 4)
            styled(f"main_convolutions_{stream}.{2 * block + 1}", stream, outputs, outputs, 3)
            output(f"output_blocks_{stream}.{block}", stream, outputs)
            shapes[f"output_blocks_{stream}.{block}.upsampling.kernel"] = (4, 4)
    shapes["noises.noise_start"] = (1, 1, 4, 4)
    for i in range(2 * len(widths) - 2):
        side = 8 << i // 2
        shapes[f"noises.noise_{i}"] = (1, 1, side, side)
    return shapes


def _generator(path: Path, content: Any) -> tuple[str, dict[str, Tensor]]:
    """Return the generator's weights without the prefix of data-parallel training, and where they were found."""
    import torch

    part = "generator"
    if isinstance(content, dict):
        for name in _GENERATORS:
            if isinstance(content.get(name), dict):
                part, content = name, content[name]
                break
    if not isinstance(content, dict) or not content or not all(torch.is_tensor(v) for v in content.values()):
        raise CellSimError(
            f"{path} holds no generator of Multi-StyleGAN; give the checkpoint as it was downloaded."
        )
    state = {str(key): value for key, value in content.items()}
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return part, state


def _shape(path: Path, state: dict[str, Tensor]) -> tuple[tuple[int, ...], int, int, int]:
    """Read the arguments of `layout` off the weights; whether all of them agree is checked later."""
    blocks = sum(key.startswith("output_blocks_1.") and key.endswith(".upsampling.kernel") for key in state)
    layers = sum(key.startswith("style_mapping.") and key.endswith(".weight") for key in state)
    try:
        first = state["constant_input_1.input"].shape[1]
        others = [
            state[f"main_convolutions_1.{2 * i}.modulated_convolution.weight"].shape[1] for i in range(blocks)
        ]
        frames = state["starting_output_block_1.modulated_convolution.weight"].shape[1]
        latent = state["style_mapping.layers.1.weight"].shape[0]
    except (KeyError, IndexError) as error:
        raise CellSimError(
            f"{path} holds weights of another network than Multi-StyleGAN's generator; choose another file."
        ) from error
    return (first, *others), latent, frames, layers


def _check_values(path: Path, state: dict[str, Tensor]) -> None:
    """Refuse weights that are not finite, and other filters than the one that our network has built in."""
    import torch

    from napari_cellsim.ops import fir_kernel

    for key, value in state.items():
        if not value.isfinite().all():
            raise CellSimError(f"{path} is damaged: {key} holds values that are not numbers; get it again.")
        if key.endswith(".kernel"):
            gain = 4.0 if ".blur." in key else 1.0
            if not torch.allclose(value.float(), gain * fir_kernel(), atol=1e-4):
                raise CellSimError(
                    f"{path} uses another filter for enlarging ({key}) than Multi-StyleGAN does."
                )


def _generator_weights(state: dict[str, Tensor], blocks: int, frames: int, legacy: bool) -> dict[str, Tensor]:
    """Return the weights under our names, with the code's deviations folded in."""
    weights: dict[str, Tensor] = {}

    def style(own: str, name: str) -> None:
        theirs = f"{name}.modulated_convolution.modulation_mapping"
        bias = state[f"{theirs}.bias"]
        weights[f"{own}.affine.weight"] = state[f"{theirs}.weight"] * math.sqrt(2)
        weights[f"{own}.affine.bias"] = bias * math.sqrt(2 / len(bias))

    def styled(own: str, name: str, streams: int = 2) -> None:
        style(own, name.format(1))
        for stream in range(streams):
            layer, theirs = f"{own}.streams.{stream}", name.format(stream + 1)
            weights[f"{layer}.conv.weight"] = state[f"{theirs}.modulated_convolution.weight"][0]
            weights[f"{layer}.noise.strength"] = state[f"{theirs}.noise_injection.weight"]
            weights[f"{layer}.bias"] = state[f"{theirs}.activation.bias"]

    def output(own: str, name: str, enlargements: int) -> None:
        style(own, name.format(1))
        factor = 0.25**enlargements
        for stream in range(2):
            layer, theirs = f"{own}.streams.{stream}", name.format(stream + 1)
            weights[f"{layer}.conv.weight"] = state[f"{theirs}.modulated_convolution.weight"][0] * factor
            weights[f"{layer}.bias"] = state[f"{theirs}.bias"].flatten().expand(frames) * factor

    for stream in range(2):
        weights[f"constants.{stream}"] = state[f"constant_input_{stream + 1}.input"]
    styled("start", "starting_convolution_{}")
    output("start_image", "starting_output_block_{}", blocks)
    for i in range(2 * blocks):
        styled(f"convs.{i}", f"main_convolutions_{{}}.{i}", streams=1 if legacy else 2)
    for block in range(blocks):
        output(f"images.{block}", f"output_blocks_{{}}.{block}", blocks - 1 - block)
    return weights
