"""ResNet-18 with torchvision's weights (``resnet18-f37072fd.pth``, ``resnet18-5c106cde.pth``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellsim.base import CellSimError, hash_file

from .card import ModelCard
from .model import Model, check_keys

if TYPE_CHECKING:
    from torch import Tensor

# The last layer, which names the 1000 classes of ImageNet; a classifier brings its own.
_LAST = {"fc.weight": (1000, 512), "fc.bias": (1000,)}
_COUNTS = "num_batches_tracked"  # newer files count batches, which matters to nothing
# torchvision puts the first digits of a file's SHA-256 into its name.
_PUBLISHED = ("f37072fd", "5c106cde")


def resnet18(path: Path, state: dict[str, Tensor]) -> Model:
    """Make a model of ResNet-18's weights, without the last layer.

    Parameters
    ----------
    path : Path
        The file, for sentences and provenance.
    state : dict
        Its weights by torchvision's names.

    Returns
    -------
    Model
        Of kind "backbone", which classifiers start from.

    Raises
    ------
    CellSimError
        If the weights are not exactly those of ResNet-18, last layer included, or not all numbers.
    """
    from napari_cellsim import nets

    state = {key: value for key, value in state.items() if not key.endswith(f".{_COUNTS}")}
    network = nets.create("resnet18", "paper")
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()} | _LAST
    found = {key: tuple(value.shape) for key, value in state.items()}
    check_keys(f"{path}, read as a ResNet-18,", expected, found)
    for key, value in state.items():
        if not value.isfinite().all():
            raise CellSimError(f"{path} is damaged: {key} holds values that are not numbers; get it again.")
    network.load_state_dict({key: value for key, value in state.items() if key not in _LAST})
    digest = hash_file(path)
    card = ModelCard(
        description="ResNet-18 without its last layer: what classifiers of specimens of the size resnet18 start from.",
        trained_on=origin(digest),
        modality="natural colour photographs",
        normalisation="red, green, blue in [-1, 1], standardised inside by ImageNet's mean and deviation; grey is "
        "replicated",
        licence="As published with the file; terms of the pictures that it learnt from may apply (ImageNet: "
        "non-commercial research and education). Brought by the user; not part of napari-cellsim.",
        training={"imported_from": path.name, "file_sha256": digest},
    )
    return Model(path.name.split(".")[0], "backbone", {"backbone": network.eval()}, card)


def origin(digest: str) -> str:
    """Return what weights were trained on, by the SHA-256 of their file: only two files are known."""
    if digest.startswith(_PUBLISHED):
        return "ImageNet-1k (ILSVRC 2012: 1.28 million photographs of 1000 classes), by torchvision"
    return "not known: this is neither of torchvision's two files, which were trained on ImageNet-1k"
