"""Weights of other programs, brought by the user."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellsim.base import CellSimError, hash_file

from .card import ModelCard
from .model import Model, check_keys

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("auto", "pwcnet", "multistylegan", "resnet18")
# What the names of a network's first weights begin with.
_SIGNS = {
    "pwcnet": ("moduleExtractor.", "conv1a."),
    "multistylegan": ("style_mapping.",),
    "resnet18": ("layer1.0.",),
}
_NUMBERS = ("One", "Two", "Thr", "Fou", "Fiv", "Six")
_LICENCE = (
    "CC BY-NC-SA 4.0 (NVIDIA): non-commercial use only. Brought by the user; not part of napari-cellsim."
)
_TRAINED_ON = {
    "pwc_net": "FlyingChairs, FlyingThings3D, then MPI Sintel",
    "pwc_net_chairs": "FlyingChairs and FlyingThings3D",
}


def import_weights(path: str | Path, kind: str = "auto") -> Model:
    """Read weights that were published elsewhere.

    Parameters
    ----------
    path : str or Path
        PWC-Net: ``pwc_net.pth.tar`` or ``pwc_net_chairs.pth.tar`` of the authors, or ``network-default.pytorch`` of the
        well-known reimplementation. Multi-StyleGAN: ``checkpoint_100.pt`` of the authors, or the generator's weights
        alone. ResNet-18: ``resnet18-f37072fd.pth`` or the older ``resnet18-5c106cde.pth`` of torchvision.
    kind : {"auto", "pwcnet", "multistylegan", "resnet18"}
        What the file holds; "auto" recognises it by the names in it.

    Returns
    -------
    Model
        PWC-Net: its network takes blue, green, red pictures (B, 3, H, W) in [0, 1], or grey ones (B, 1, H, W), and
        returns flow in px at their size. Multi-StyleGAN: a model of kind "cellgan" that draws three frames of
        brightfield and GFP. ResNet-18: a model of kind "backbone", which classifiers start from. `store` keeps it for
        later sessions.

    Raises
    ------
    CellSimError
        If the file is missing, not a checkpoint, or does not hold exactly the weights of the network.

    Notes
    -----
    The file is read with ``weights_only=True``: nothing in it is executed.
    """
    if kind not in KINDS:
        raise CellSimError(
            f"Weights of kind {kind!r} cannot be imported; the known kinds are {', '.join(map(repr, KINDS))}."
        )
    path = Path(path)
    content = _read(path)
    kind = _recognised(path, content) if kind == "auto" else kind
    if kind == "multistylegan":
        from .import_multistylegan import multistylegan

        return multistylegan(path, content)
    if kind == "resnet18":
        from .import_resnet import resnet18

        return resnet18(path, _table(path, content))
    return _pwcnet(path, _table(path, content))


def _recognised(path: Path, content: Any) -> str:
    """Return what a file holds, by names that it has however damaged the rest may be.

    Raises
    ------
    CellSimError
        If it is nothing that can be imported.
    """
    names = list(_names(content))
    for kind, signs in _SIGNS.items():
        if any(name.startswith(signs) for name in names):
            return kind
    raise CellSimError(
        f"{path} holds none of the weights that can be imported, which are those of PWC-Net, Multi-StyleGAN and "
        "ResNet-18; give the file as it was downloaded."
    )


def _names(content: Any) -> Iterator[str]:
    """Yield the names in a file, of tables within a table too, without the prefix of data-parallel training."""
    for name, value in content.items() if isinstance(content, dict) else ():
        yield str(name).removeprefix("module.")
        yield from _names(value)


def _pwcnet(path: Path, state: dict[str, Tensor]) -> Model:
    from napari_cellsim import nets

    theirs = _pwcnet_names(path, state)
    network = nets.create("pwcnet", "thesis")
    own = network.state_dict()
    expected = {theirs[key]: tuple(own[key].shape) for key in own if key in theirs}
    check_keys(str(path), expected, {key: tuple(tensor.shape) for key, tensor in state.items()})
    # Only what one of the layouts leaves out is not in `theirs`: an enlargement that no one uses.
    network.load_state_dict(
        {key: state[theirs[key]] if key in theirs else own[key].new_zeros(own[key].shape) for key in own}
    )
    network.eval()
    stem = path.name.split(".")[0]
    card = ModelCard(
        description="PWC-Net with published weights: optical flow of general scenes, not of microscopy.",
        trained_on=_TRAINED_ON.get(stem, "general video; see the source of the file"),
        modality="natural and rendered colour video",
        normalisation="blue, green, red in [0, 1]; both pictures by one common range; grey is replicated",
        licence=_LICENCE,
        training={"imported_from": path.name, "file_sha256": hash_file(path)},
    )
    return Model(stem, "pwcnet", {"pwcnet": network}, card)


def _read(path: Path) -> Any:
    """Return the content of a PyTorch file: tensors, numbers, texts, lists and tables, nothing else."""
    import torch

    if not path.is_file():
        raise CellSimError(f"There is no file {path}; give the path of the downloaded weights.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        OSError,
        AttributeError,
    ) as error:
        raise CellSimError(
            f"{path} cannot be read as PyTorch weights; it is damaged, of another kind, or holds more than weights."
        ) from error


def _table(path: Path, content: Any) -> dict[str, Tensor]:
    """Return weights by name, without the prefix that data-parallel training leaves."""
    import torch

    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content or not all(torch.is_tensor(v) for v in content.values()):
        raise CellSimError(f"{path} holds no table of weights; give the file as it was downloaded.")
    state = {str(key): tensor for key, tensor in content.items()}
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    return state


def _pwcnet_names(path: Path, state: dict[str, Tensor]) -> dict[str, str]:
    """Return the file's name of each weight of ours, in the layout the file has."""
    if any(key.startswith("moduleExtractor.") for key in state):
        modules = _reimplemented_modules()
    elif "conv1a.0.weight" in state and not any(key.startswith("conv1aa.") for key in state):
        raise CellSimError(
            f"{path} belongs to the old PWC-Net with two convolutions per level, which is another network; "
            "use pwc_net.pth.tar or pwc_net_chairs.pth.tar."
        )
    else:
        modules = _official_modules()
    return {f"{own}.{part}": f"{name}.{part}" for own, name in modules.items() for part in ("weight", "bias")}


def _official_modules() -> dict[str, str]:
    """Map our modules to those of the authors' PWCDCNet."""
    modules = {}
    for level in range(1, 7):
        # The sixth level alone runs its "aa" first.
        order = ("a", "aa", "b") if level < 6 else ("aa", "a", "b")
        for i, letter in enumerate(order):
            modules[f"encoder.{level - 1}.{i}.0"] = f"conv{level}{letter}.0"
    for level in range(2, 7):
        own = f"decoders.{level}"
        for i in range(5):
            modules[f"{own}.convolutions.{i}.0"] = f"conv{level}_{i}.0"
        modules[f"{own}.predict"] = f"predict_flow{level}"
        modules[f"{own}.enlarge_flow"] = f"deconv{level}"
        if level > 2:
            modules[f"{own}.enlarge_features"] = f"upfeat{level}"
    for i in range(6):
        modules[f"context.{i}.0"] = f"dc_conv{i + 1}.0"
    modules["context.6"] = "dc_conv7"
    return modules


def _reimplemented_modules() -> dict[str, str]:
    """Map our modules to those of ``network-default.pytorch``."""
    modules = {}
    for level, number in enumerate(_NUMBERS, start=1):
        for i in range(3):
            modules[f"encoder.{level - 1}.{i}.0"] = f"moduleExtractor.module{number}.{2 * i}"
    for level in range(2, 7):
        own, their = f"decoders.{level}", f"module{_NUMBERS[level - 1]}"
        for i in range(5):
            modules[f"{own}.convolutions.{i}.0"] = f"{their}.module{_NUMBERS[i]}.0"
        modules[f"{own}.predict"] = f"{their}.moduleSix.0"
        if level > 2:
            # There, a level enlarges what comes from the coarser one; here, a level enlarges its own.
            finer = f"module{_NUMBERS[level - 2]}"
            modules[f"{own}.enlarge_flow"] = f"{finer}.moduleUpflow"
            modules[f"{own}.enlarge_features"] = f"{finer}.moduleUpfeat"
    for i in range(6):
        modules[f"context.{i}.0"] = f"moduleRefiner.moduleMain.{2 * i}"
    modules["context.6"] = "moduleRefiner.moduleMain.12"
    return modules
