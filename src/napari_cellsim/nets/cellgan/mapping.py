"""Mapping network of Cell-GAN: from Gaussian codes to the latent space W."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..blocks import Activation
from .layers import EqualLinear, activation, pixel_norm


class MappingConfig(BaseModel):
    """Shape of a `MappingNetwork`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latent: int = Field(512, ge=1)
    layers: int = Field(8, ge=1)
    activation: Activation = "pau"


PRESETS: dict[str, MappingConfig] = {
    "thesis": MappingConfig(),
    "authorcode": MappingConfig(activation="leaky_relu"),
    "lite": MappingConfig(latent=256, layers=4, activation="leaky_relu"),
}
PRESETS["broad"] = PRESETS["lite"]


class MappingNetwork(nn.Module):
    """Equalised linear layers with activations (Reich 2020, §5.1.2).

    Parameters
    ----------
    config : MappingConfig
        Width of the latent space and number of layers.
    """

    def __init__(self, config: MappingConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        for _ in range(config.layers):
            layers += [EqualLinear(config.latent, config.latent), activation(config.activation)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Map codes z (B, D), drawn from N(0, 1), to latents w (B, D)."""
        w: Tensor = self.layers(pixel_norm(z))
        return w


def create_mapping(preset: str = "lite", **overrides: Any) -> MappingNetwork:
    """Return a new `MappingNetwork` of a preset, with single fields overridden."""
    return MappingNetwork(MappingConfig.model_validate({**PRESETS[preset].model_dump(), **overrides}))
