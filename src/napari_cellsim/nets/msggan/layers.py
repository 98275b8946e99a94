"""What generator and discriminator of MSG-GAN share: their shape, the start, the pyramid, the deviation of a batch.

Sources: Karnewar and Wang, "MSG-GAN" (CVPR 2020, arXiv:1903.06048); Karras et al., "Progressive Growing of GANs" (ICLR
2018, arXiv:1710.10196); Østmo 2020, §3.6, §3.7 and §4.2.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor, nn

from ..cellgan.discriminator import minibatch_deviation
from ..picture_shape import PictureShape

COARSEST = 4  # px, side of the smallest pictures
SIZES = tuple(COARSEST << level for level in range(9))

# How much a batch varies: per feature over the batch, as ProGAN defines it, or over batch and features at once.
Deviation = Literal["batch", "batch_and_channels"]
# How a real picture is reduced: by means of 2 × 2 px, or bilinearly from full size without a filter against aliases.
Reduction = Literal["mean", "bilinear"]


class MSGShape(PictureShape):
    """What generator and discriminator share.

    Attributes
    ----------
    size : int
        Side of the largest pictures, px: a power of two from 4 to 1024.
    channels : {1, 3}
        Grey or colour.
    frames : {1}
        These networks draw single pictures.
    widths : tuple of int
        Feature channels at 4², 8², … 1024² (as many as `size` needs are used).
    """

    sizes: ClassVar[tuple[int, ...]] = SIZES

    size: int = 128
    channels: Literal[1, 3] = 3
    frames: Literal[1] = 1
    widths: tuple[int, ...] = (512, 512, 512, 512, 256, 128, 64, 32, 16)

    @field_validator("widths")
    @classmethod
    def _widths(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if len(widths) != len(SIZES) or min(widths) < 2:
            raise ValueError(f"widths must be {len(SIZES)} numbers of at least 2, for 4², 8², … 1024² px")
        return widths

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the pictures, px, coarse to fine."""
        return SIZES[: SIZES.index(self.size) + 1]

    @property
    def depth(self) -> int:
        """Number of scales k, with ``size = 2^(k + 1)``."""
        return len(self.sides)


LITE: tuple[int, ...] = (96, 64, 48, 32, 24, 16, 12, 8, 8)
"""Widths for two CPU cores."""


class LatentShape(MSGShape):
    """Shape of a generator.

    Attributes
    ----------
    latent : int
        Length of a latent vector.
    """

    latent: int = Field(512, ge=1)


class EqualStart(nn.Module):
    """From a latent vector to 4×4 features: transposed 4×4 convolution of one pixel, with equalised learning rate.

    The fan-in of its scale √(2/fan_in) is 16 · `in_features`, that of the filter and not that of an output pixel
    (Østmo 2020, eq. 3.18 and the published code).

    Parameters
    ----------
    in_features, out_channels : int
        Length of the vector, features.
    """

    def __init__(self, in_features: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_features, out_channels, COARSEST, COARSEST))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale = math.sqrt(2 / (in_features * COARSEST**2))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_features) to (B, out_channels, 4, 4)."""
        y: Tensor = F.linear(x, self.weight.flatten(1).T * self.scale)
        return y.reshape(-1, *self.weight.shape[1:]) + self.bias[:, None, None]


def pyramid(images: Tensor, reduction: Reduction = "mean") -> list[Tensor]:
    """Reduce pictures to every scale that MSG-GAN draws.

    Parameters
    ----------
    images : Tensor
        (B, C, size, size), size a power of two of at least 4.
    reduction : {"mean", "bilinear"}
        Means of 2 × 2 px; or as the code of Østmo 2020 did, bilinear at the new pixels' centres from the full size,
        which skips most pixels at the coarse scales.

    Returns
    -------
    list of Tensor
        (B, C, 4, 4), (B, C, 8, 8), … `images`.
    """
    pictures = [images]
    while (side := pictures[-1].shape[-1] // 2) >= COARSEST:
        if reduction == "mean":
            pictures.append(F.avg_pool2d(pictures[-1], 2))
        else:
            pictures.append(F.interpolate(images, size=(side, side), mode="bilinear", align_corners=False))
    return pictures[::-1]


def with_deviation(x: Tensor, kind: Deviation) -> Tensor:
    """Append one map that tells how much the batch varies.

    Parameters
    ----------
    x : Tensor
        (B, C, H, W).
    kind : {"batch", "batch_and_channels"}
        Mean over features and pixels of the standard deviation over the batch (Karras et al., ICLR 2018, §3); or, as
        the code of Østmo 2020 did, mean over pixels of the standard deviation over batch and features together. The
        latter hardly notices a batch of equal pictures, since features of one picture differ too.

    Returns
    -------
    Tensor
        (B, C + 1, H, W).
    """
    if kind == "batch":
        return minibatch_deviation(x)
    deviation = x.var((0, 1), correction=0).clamp(min=1e-8).sqrt().mean()
    return torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], dim=1)
