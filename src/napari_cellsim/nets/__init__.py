"""Networks (`torch.nn.Module`, no input or output of files) and the differentiable roll-out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from torch import nn

from ..base import CellSimError
from . import pwcnet, sdcnet, unet
from .pwcnet import PWCNet, create_pwcnet
from .rollout import RollOut, Step, iterate, roll_out
from .sdcnet import Motion, SDCNet, create_sdcnet
from .unet import CLASSES, UNet, create_unet

__all__ = [
    "CLASSES",
    "Motion",
    "PWCNet",
    "RollOut",
    "SDCNet",
    "Step",
    "UNet",
    "create",
    "iterate",
    "names",
    "roll_out",
]

_NETWORKS: dict[str, tuple[Callable[..., nn.Module], dict[str, Any]]] = {
    "sdcnet": (create_sdcnet, sdcnet.PRESETS),
    "pwcnet": (create_pwcnet, pwcnet.PRESETS),
    "unet": (create_unet, unet.PRESETS),
}


def names() -> dict[str, tuple[str, ...]]:
    """Return the presets of every network, by the network's name."""
    return {name: tuple(presets) for name, (_, presets) in _NETWORKS.items()}


def create(name: str, preset: str = "lite", **overrides: Any) -> nn.Module:
    """Make a new network with fresh weights.

    Parameters
    ----------
    name : str
        "sdcnet", "pwcnet" or "unet".
    preset : str
        "thesis" (sizes of the publication) or "lite" (pleasant on two CPU cores).
    **overrides
        Single fields of the preset's configuration.

    Returns
    -------
    torch.nn.Module
        The network; its configuration is the attribute `config`.

    Raises
    ------
    CellSimError
        If name, preset or a field is unknown or a value is not allowed.
    """
    if name not in _NETWORKS:
        raise CellSimError(f"There is no network called {name!r}; choose one of {', '.join(_NETWORKS)}.")
    make, presets = _NETWORKS[name]
    if preset not in presets:
        raise CellSimError(f"Network {name!r} has no preset {preset!r}; choose one of {', '.join(presets)}.")
    try:
        return make(preset, **overrides)
    except (ValidationError, ValueError) as error:
        reason = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        field = ".".join(map(str, reason["loc"]))
        raise CellSimError(
            f"Network {name!r} cannot be made with these settings: {field} {reason['msg']}."
        ) from error
