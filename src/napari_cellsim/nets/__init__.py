"""Networks (`torch.nn.Module`, no input or output of files) and the differentiable roll-out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from torch import nn

from ..base import CellSimError
from . import classifier, pwcnet, resnet, sdcnet, sequence_discriminator, simvp, unet, vae
from .cellgan import discriminator, encoder, generator, mapping, multistyle
from .cellgan.discriminator import UNetDiscriminator, Verdict, create_discriminator
from .cellgan.encoder import GuidanceEncoder, create_encoder
from .cellgan.generator import StyleGenerator, create_generator
from .cellgan.mapping import MappingNetwork, create_mapping
from .cellgan.multistyle import MultiStyleGenerator, create_multistyle
from .classifier import Classifier, create_classifier
from .motion import Motion
from .msggan.discriminator import PRESETS as MSG_DISCRIMINATORS
from .msggan.discriminator import MSGDiscriminator, create_msg_discriminator
from .msggan.generator import PRESETS as MSG_GENERATORS
from .msggan.generator import MSGGenerator, create_msg_generator
from .pwcnet import PWCNet, create_pwcnet
from .resnet import ResNet18, create_resnet18
from .rollout import RollOut, Step, iterate, roll_out
from .sdcnet import SDCNet, create_sdcnet
from .sequence_discriminator import SequenceDiscriminator, create_sequence_discriminator
from .simvp import SimVP, create_simvp
from .unet import CLASSES, UNet, create_unet
from .vae import ResidualVAE, create_vae

__all__ = [
    "CLASSES",
    "Classifier",
    "GuidanceEncoder",
    "MSGDiscriminator",
    "MSGGenerator",
    "MappingNetwork",
    "Motion",
    "MultiStyleGenerator",
    "PWCNet",
    "ResNet18",
    "ResidualVAE",
    "RollOut",
    "SDCNet",
    "SequenceDiscriminator",
    "SimVP",
    "Step",
    "StyleGenerator",
    "UNet",
    "UNetDiscriminator",
    "Verdict",
    "create",
    "fields",
    "iterate",
    "name_of",
    "names",
    "roll_out",
]

_NETWORKS: dict[str, tuple[type[nn.Module], Callable[..., nn.Module], dict[str, Any]]] = {
    "sdcnet": (SDCNet, create_sdcnet, sdcnet.PRESETS),
    "simvp": (SimVP, create_simvp, simvp.PRESETS),
    "pwcnet": (PWCNet, create_pwcnet, pwcnet.PRESETS),
    "unet": (UNet, create_unet, unet.PRESETS),
    "cellgan_generator": (StyleGenerator, create_generator, generator.PRESETS),
    "cellgan_mapping": (MappingNetwork, create_mapping, mapping.PRESETS),
    "cellgan_discriminator": (UNetDiscriminator, create_discriminator, discriminator.PRESETS),
    "cellgan_encoder": (GuidanceEncoder, create_encoder, encoder.PRESETS),
    "multistyle_generator": (MultiStyleGenerator, create_multistyle, multistyle.PRESETS),
    "msggan_generator": (MSGGenerator, create_msg_generator, MSG_GENERATORS),
    "msggan_discriminator": (MSGDiscriminator, create_msg_discriminator, MSG_DISCRIMINATORS),
    "vae": (ResidualVAE, create_vae, vae.PRESETS),
    "classifier": (Classifier, create_classifier, classifier.PRESETS),
    "resnet18": (ResNet18, create_resnet18, resnet.PRESETS),
    "sequence_discriminator": (
        SequenceDiscriminator,
        create_sequence_discriminator,
        sequence_discriminator.PRESETS,
    ),
}


def names() -> dict[str, tuple[str, ...]]:
    """Return the presets of every network, by the network's name."""
    return {name: tuple(presets) for name, (_, _, presets) in _NETWORKS.items()}


def fields(name: str) -> set[str]:
    """Return the settings that a network's presets have and that `create` takes."""
    return set(type(next(iter(_NETWORKS[name][2].values()))).model_fields)


def name_of(network: nn.Module) -> str:
    """Return the name by which `create` makes a network of this class.

    Raises
    ------
    CellSimError
        If it is none of ours.
    """
    for name, (network_class, _, _) in _NETWORKS.items():
        if isinstance(network, network_class):
            return name
    raise CellSimError(f"A {type(network).__name__} cannot be saved; a model holds {', '.join(_NETWORKS)}.")


def create(name: str, preset: str = "lite", **overrides: Any) -> nn.Module:
    """Make a new network with fresh weights.

    Parameters
    ----------
    name : str
        One of `names`.
    preset : str
        "thesis" (sizes of the publication) or "lite" (pleasant on two CPU cores); some networks have others.
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
    _, make, presets = _NETWORKS[name]
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
