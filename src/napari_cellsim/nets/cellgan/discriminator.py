"""U-Net discriminator of Cell-GAN: one verdict per picture and one per pixel."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ..blocks import Activation
from ..picture_shape import PictureShape
from .layers import EqualConv2d, EqualLinear, activation


class DiscriminatorConfig(PictureShape):
    """Shape of a `UNetDiscriminator`.

    Attributes
    ----------
    widths : tuple of int
        Channels of the five encoder blocks; the last one does not pool.
    hidden : int
        Hidden units of the scalar head.
    pixel_stride : int
        Pixels per verdict of the pixel head along each axis: 1, or 2 to save the costliest decoder block.
    activation : {"pau", "leaky_relu"}
        Activation.
    deviation_group : int
        Pictures over which one deviation is taken, see `minibatch_deviation`; 0 for the whole batch.
    """

    widths: tuple[int, int, int, int, int] = (48, 96, 192, 384, 768)
    hidden: int = Field(128, ge=1)
    pixel_stride: Literal[1, 2] = 1
    activation: Activation = "pau"
    deviation_group: int = Field(0, ge=0)


PRESETS: dict[str, DiscriminatorConfig] = {
    "thesis": DiscriminatorConfig(),
    "lite": DiscriminatorConfig(
        widths=(16, 32, 48, 64, 96), hidden=64, pixel_stride=2, activation="leaky_relu"
    ),
}
PRESETS["broad"] = PRESETS["lite"].model_copy(update={"widths": (16, 32, 64, 128, 192), "deviation_group": 4})


class Verdict(NamedTuple):
    """Logits; large for pictures taken to be real.

    Parameters
    ----------
    scalar : Tensor
        (B, 1), of the whole picture.
    pixel : Tensor
        (B, 1, H, W), of every pixel.
    """

    scalar: Tensor
    pixel: Tensor


class _Block(nn.Module):
    """Two 3×3 convolutions beside a 1×1 one, their sum divided by √2 to keep the variance."""

    def __init__(self, in_channels: int, out_channels: int, kind: Activation) -> None:
        super().__init__()
        self.main = nn.Sequential(
            EqualConv2d(in_channels, out_channels),
            activation(kind),
            EqualConv2d(out_channels, out_channels),
            activation(kind),
        )
        self.residual = EqualConv2d(in_channels, out_channels, 1, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = (self.main(x) + self.residual(x)) / math.sqrt(2)
        return y


def minibatch_deviation(x: Tensor, group: int = 0) -> Tensor:
    """Append one map with the mean standard deviation over the batch (Karras et al., ICLR 2018, §3).

    Parameters
    ----------
    x : Tensor
        (B, C, H, W).
    group : int
        Take the deviation over groups of so many pictures each (as StyleGAN's authors do), so that a batch holds
        several verdicts on variety; over the whole batch with 0, or where the batch cannot be divided.

    Returns
    -------
    Tensor
        (B, C + 1, H, W).
    """
    batch, _, height, width = x.shape
    group = group if group and batch % group == 0 else batch
    # member k of a group lies k · (B / group) pictures further on
    groups = x.unflatten(0, (group, -1))
    deviation = groups.var(0, correction=0).clamp(min=1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, deviation.repeat(group)[:, None, None, None].expand(-1, 1, height, width)], dim=1)


class UNetDiscriminator(nn.Module):
    """U-Net with a scalar head at its bottleneck and a pixel head (Reich 2020, §5.1.3; Schönfeld et al., CVPR 2020).

    Parameters
    ----------
    config : DiscriminatorConfig
        Shape.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = c = config
        kind = c.activation
        inputs = (c.planes, *c.widths[:-1])
        # the bottleneck also sees the deviation over the batch
        extra = (0, 0, 0, 0, 1)
        self.encoder = nn.ModuleList(
            _Block(i + e, o, kind) for i, e, o in zip(inputs, extra, c.widths, strict=True)
        )
        self.head = nn.Sequential(
            EqualLinear(c.widths[-1], c.hidden), activation(kind), EqualLinear(c.hidden, 1, gain=1.0)
        )
        deep = c.widths[::-1]
        count = 4 if c.pixel_stride == 1 else 3
        self.decoder = nn.ModuleList(_Block(deep[i] + deep[i + 1], deep[i + 1], kind) for i in range(count))
        self.pixel = EqualConv2d(deep[count], 1, 1, gain=1.0)

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the encoder's maps, fine to coarse, each before it is pooled."""
        maps: list[Tensor] = []
        x = images
        for level, block in enumerate(self.encoder):
            if level:
                x = F.avg_pool2d(x, 2)
            if level == len(self.encoder) - 1:
                x = minibatch_deviation(x, self.config.deviation_group)
            x = block(x)
            maps.append(x)
        return maps

    def forward(self, images: Tensor) -> Verdict:
        """Judge pictures (B, frames · channels, size, size); any size divisible by 16 works."""
        *skips, x = self.features(images)
        scalar = self.head(x.mean((2, 3)))
        for block in self.decoder:
            skip = skips.pop()
            x = F.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
            x = block(torch.cat([x, skip], dim=1))
        return Verdict(scalar, self.pixel(x))


def create_discriminator(preset: str = "lite", **overrides: Any) -> UNetDiscriminator:
    """Return a new `UNetDiscriminator` of a preset, with single fields overridden."""
    return UNetDiscriminator(
        DiscriminatorConfig.model_validate({**PRESETS[preset].model_dump(), **overrides})
    )
