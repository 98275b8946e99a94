"""A predictor of another configuration than an earlier one, with the earlier one's weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...base import CellSimError
from ...models import load_model
from ...nets import SDCNet

_FIRST = ("encoder.0.first.weight", "encoder.0.residual.weight")  # weights that meet the input


def grown(start: str, **changes: Any) -> tuple[SDCNet, SDCNet]:
    """Return a trained predictor, and a copy of it with some fields of its configuration changed.

    New decoders are fresh, and those that the changed configuration has no use for are left out. Inputs that are new
    (noise) enter with weight zero, so that at first they change nothing.

    Parameters
    ----------
    start : str
        Model file or name.
    **changes
        Fields of `nets.sdcnet.SDCNetConfig`.

    Raises
    ------
    CellSimError
        If there is no such model, or it does not forecast.
    """
    if not start:
        raise CellSimError("This stage goes on from a trained model; give its file or name as start.")
    model = load_model(start)
    if model.kind != "sdcnet":
        raise CellSimError(f"{start} is a model of kind {model.kind!r}, but 'sdcnet' is needed.")
    old: Any = model.network
    new = SDCNet(old.config.model_copy(update=changes))
    weights: dict[str, Tensor] = old.state_dict()
    for name in _FIRST:
        weights[name] = _with_noise(weights[name], old, new)
    new.load_state_dict(weights, strict=False)
    return old, new


def _with_noise(weight: Tensor, old: SDCNet, new: SDCNet) -> Tensor:
    """Return a first convolution's weight with zeros for the noise maps, which come last in each frame's channels."""
    added = new.config.noise - old.config.noise
    if not added:
        return weight
    frames = old.config.frames if old.config.time_mixing == "channels" else 1
    per_frame = weight.unflatten(1, (frames, -1))
    zeros = per_frame.new_zeros(*per_frame.shape[:2], added, *per_frame.shape[3:])
    return torch.cat([per_frame, zeros], 2).flatten(1, 2)
