"""Guidance encoder: from a picture to the latent vector whose generated picture looks alike."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ...base import CellSimError
from ..blocks import Activation, ResidualBlock
from ..picture_shape import PictureShape, block_widths


class EncoderConfig(PictureShape):
    """Shape of a `GuidanceEncoder`.

    Attributes
    ----------
    latent : int
        Length of a latent vector.
    widths : tuple of int
        Channels of the residual blocks, see `block_widths`.
    activation : {"pau", "leaky_relu"}
        In all blocks.
    plus : bool
        Whether there is a head for W+, one latent vector per slot of the generator.
    plus_hidden : int
        Width of a hidden layer in that head, which is large otherwise; 0 for none.
    """

    latent: int = Field(512, ge=1)
    widths: tuple[int, ...] = Field((64, 128, 256, 512, 512, 512, 256), min_length=1)
    activation: Activation = "pau"
    plus: bool = False
    plus_hidden: int = Field(0, ge=0)


PRESETS: dict[str, EncoderConfig] = {
    "thesis": EncoderConfig(),
    "lite": EncoderConfig(
        latent=256, widths=(16, 32, 48, 64, 96, 112, 80), activation="leaky_relu", plus_hidden=48
    ),
}
PRESETS["broad"] = PRESETS["lite"]


class GuidanceEncoder(nn.Module):
    """Residual network with instance norm (Reich 2020, §5.1.4, figure 5.8).

    Each block halves the picture by average pooling after (3×3 convolution, instance norm, activation) twice
    plus a 1×1 residual mapping; what is left of it, 2×2 px, goes through a linear layer. The norm keeps no running
    statistics, so that training and use agree; it never sees fewer than 4×4 px.

    The thesis' text lists half of the widths of the preset "thesis", but only these give its 17 M parameters.

    Parameters
    ----------
    config : EncoderConfig
        With `plus`, a second head adds an offset per slot, zero at first (the thesis' outlook, chapter 7).
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        widths = block_widths(config.widths, config.size)
        inputs = (config.planes, *widths[:-1])
        # Named by the side of their pictures, so that weights find their place in a network of another size.
        self.blocks = nn.ModuleDict(
            {
                str(config.size >> level): ResidualBlock(i, o, "instance", config.activation, bias=False)
                for level, (i, o) in enumerate(zip(inputs, widths, strict=True))
            }
        )
        features = 4 * widths[-1]
        self.head = nn.Linear(features, config.latent)
        if config.plus:
            outputs = config.slots * config.latent
            last = nn.Linear(config.plus_hidden or features, outputs)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            hidden = (
                (nn.Linear(features, config.plus_hidden), nn.LeakyReLU(0.2)) if config.plus_hidden else ()
            )
            self.plus_head = nn.Sequential(*hidden, last)

    def forward(self, images: Tensor, plus: bool = False) -> Tensor:
        """Encode pictures.

        Parameters
        ----------
        images : Tensor
            (B, T·C, H, W) with H = W = `config.size`, standardised.
        plus : bool
            Whether to answer in W+.

        Returns
        -------
        Tensor
            (B, 1, D) in W; (B, slots, D) in W+.

        Raises
        ------
        CellSimError
            If the pictures have another shape, or W+ is asked of an encoder without that head.
        """
        latent, offset = self.encode(images)
        if not plus:
            return latent
        if offset is None:
            raise CellSimError("This guidance encoder has no head for W+; use W or train one with plus.")
        return latent + offset

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the latent vector (B, 1, D) and the offsets from it (B, slots, D), None without that head."""
        c = self.config
        if images.shape[1:] != (c.planes, c.size, c.size):
            raise CellSimError(
                f"The guidance encoder takes pictures of shape {(c.planes, c.size, c.size)}, "
                f"not {tuple(images.shape[1:])}; crop or resample them first."
            )
        x = images
        for block in self.blocks.values():
            x = F.avg_pool2d(block(x[:, None])[:, 0], 2)
        features = x.flatten(1)
        offset = self.plus_head(features).unflatten(1, (c.slots, c.latent)) if c.plus else None
        return self.head(features)[:, None], offset

    @torch.no_grad()
    def start_at(self, latent: Tensor) -> None:
        """Make a latent vector (D,), usually the mean of the mapping network, the answer to all-zero features."""
        self.head.bias.copy_(latent)


def create_encoder(preset: str = "lite", **overrides: Any) -> GuidanceEncoder:
    """Return a new `GuidanceEncoder` of a preset, with single fields overridden."""
    return GuidanceEncoder(EncoderConfig.model_validate({**PRESETS[preset].model_dump(), **overrides}))
