"""Starting a network from one of another picture size."""

from __future__ import annotations

from torch import nn

from ...base import CellSimError
from ...models import Model, load_model


def load_fitting(path: str, role: str, network: nn.Module) -> None:
    """Load those weights of a model file that `take_fitting` takes."""
    take_fitting(load_model(path), role, network)


def take_fitting(model: Model, role: str, network: nn.Module) -> None:
    """Take those weights of a model's network that have the same name and shape.

    Parameters
    ----------
    model : Model
        The model.
    role : str
        Which of its networks.
    network : torch.nn.Module
        Keeps its fresh weights where none fits, e.g. in blocks that only a larger picture needs.

    Raises
    ------
    CellSimError
        If the model has no such network, or less than half of what is needed fits.
    """
    what = f"model {model.source or model.name}"
    if role not in model.networks:
        raise CellSimError(f"The {what} has no network {role!r} to start from; choose another one.")
    own = network.state_dict()
    theirs = model.networks[role].state_dict()
    found = {key: value for key, value in theirs.items() if key in own and own[key].shape == value.shape}
    # A few biases fit by chance.
    if 2 * sum(value.numel() for value in found.values()) < sum(value.numel() for value in own.values()):
        raise CellSimError(
            f"Most weights of {role!r} in the {what} do not fit the network to be trained; choose other settings."
        )
    network.load_state_dict(found, strict=False)
