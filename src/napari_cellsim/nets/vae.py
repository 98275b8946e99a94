"""Residual variational autoencoder: the baseline beside Cell-GAN."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ..base import CellSimError
from .blocks import Activation, ResidualBlock
from .picture_shape import PictureShape, block_widths

# Beyond these, exp() says nothing more about a picture and may overflow.
_LOG_VARIANCE_RANGE = (-20.0, 10.0)


class VAEConfig(PictureShape):
    """Shape of a `ResidualVAE`.

    Attributes
    ----------
    latent : int
        Length of the code.
    widths : tuple of int
        Channels of the residual blocks of the encoder, see `block_widths`; the decoder mirrors them.
    activation : {"pau", "leaky_relu"}
        In all blocks.
    """

    latent: int = Field(512, ge=1)
    widths: tuple[int, ...] = Field((32, 64, 128, 256, 256, 256, 256), min_length=1)
    activation: Activation = "leaky_relu"


PRESETS: dict[str, VAEConfig] = {
    "thesis": VAEConfig(),
    "lite": VAEConfig(latent=256, widths=(12, 24, 48, 64, 96, 112, 80)),
}


class ResidualVAE(nn.Module):
    """ResNet-like variational autoencoder (Reich 2020, appendix 9.1; Kingma and Welling, ICLR 2014).

    Encoder blocks are (3×3 convolution, instance norm, LeakyReLU) twice plus a 1×1 residual mapping, then
    2×2 max pooling, down to 2×2 px. Decoder blocks enlarge bilinearly first, so that the finest picture is
    still convolved. The thesis prints neither widths nor the length of the code; those of "thesis" are our choice.

    Parameters
    ----------
    config : VAEConfig
        Sizes.
    """

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        widths = block_widths(config.widths, config.size)
        self._image = (config.planes, config.size, config.size)
        inputs = (self._image[0], *widths[:-1])
        # Named by the side of their pictures, so that weights find their place in a network of another size.
        sides = [str(config.size >> level) for level in range(len(widths))]
        self.encoder = nn.ModuleDict(
            {
                side: ResidualBlock(i, o, "instance", config.activation)
                for side, i, o in zip(sides, inputs, widths, strict=True)
            }
        )
        outputs = widths[::-1]
        self.decoder = nn.ModuleDict(
            {
                side: ResidualBlock(i, o, "instance", config.activation)
                for side, i, o in zip(sides[::-1], (outputs[0], *outputs[:-1]), outputs, strict=True)
            }
        )
        self.to_code = nn.Linear(4 * outputs[0], 2 * config.latent)
        self.from_code = nn.Linear(config.latent, 4 * outputs[0])
        self.to_image = nn.Conv2d(widths[0], self._image[0], 1)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the normal distribution of each picture's code.

        Parameters
        ----------
        images : Tensor
            (B, T·C, H, W) with H = W = `config.size`, standardised.

        Returns
        -------
        tuple of Tensor
            Mean (B, D) and natural logarithm of the variance (B, D).

        Raises
        ------
        CellSimError
            If the pictures have another shape.
        """
        if images.shape[1:] != self._image:
            raise CellSimError(
                f"The autoencoder takes pictures of shape {self._image}, not {tuple(images.shape[1:])}; "
                "crop or resample them first."
            )
        x = images
        for block in self.encoder.values():
            x = F.max_pool2d(block(x[:, None])[:, 0], 2)
        mean, log_variance = self.to_code(x.flatten(1)).chunk(2, dim=1)
        return mean, log_variance.clamp(*_LOG_VARIANCE_RANGE)

    def decode(self, code: Tensor) -> Tensor:
        """Return the pictures (B, T·C, H, W), standardised, of codes (B, D)."""
        x = self.from_code(code).unflatten(1, (-1, 2, 2))
        for block in self.decoder.values():
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = block(x[:, None])[:, 0]
        image: Tensor = self.to_image(x)
        return image

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the pictures decoded from a code drawn for each (while training) or from its mean; mean; log-variance.

        Shapes (B, T·C, H, W), (B, D), (B, D).
        """
        mean, log_variance = self.encode(images)
        code = mean
        if self.training:
            code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decode(code), mean, log_variance


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence (B,) of normal distributions (B, D) from the standard one, in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


def create_vae(preset: str = "lite", **overrides: Any) -> ResidualVAE:
    """Return a new `ResidualVAE` of a preset, with single fields overridden."""
    return ResidualVAE(VAEConfig.model_validate({**PRESETS[preset].model_dump(), **overrides}))
