"""Segmentation U-Net: background, trap, cell of interest, auxiliary cell."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from .blocks import Activation, Norm, ResidualBlock, Upsample, pad_to_multiple

CLASSES = ("background", "trap", "cell of interest", "auxiliary cell")


class UNetConfig(BaseModel):
    """Shape of a `UNet`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: int = 1
    classes: int = len(CLASSES)
    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    trunk_stride: int = 1
    norm: Norm = "instance"
    activation: Activation = "leaky_relu"


PRESETS: dict[str, UNetConfig] = {
    "thesis": UNetConfig(),
    "lite": UNetConfig(widths=(16, 32, 64, 96), trunk_stride=2, norm="channel"),
}


class UNet(nn.Module):
    """U-Net with residual blocks (after Prangemeier et al., CIBCB 2020, whose layer table is not public).

    Parameters
    ----------
    config : UNetConfig
        `trunk_stride` > 1 folds that many pixels per axis into channels, computes at the coarser grid and
        enlarges the logits bilinearly.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        channels = [c.in_channels * c.trunk_stride**2, *c.widths]
        self.encoder = nn.ModuleList(
            ResidualBlock(i, o, c.norm, c.activation) for i, o in zip(channels, c.widths, strict=False)
        )
        ups, blocks = [], []
        for deep, shallow in zip(c.widths[:0:-1], c.widths[-2::-1], strict=True):
            ups.append(Upsample(deep, shallow, transposed=False))
            blocks.append(ResidualBlock(2 * shallow, shallow, c.norm, c.activation))
        self.ups, self.decoder = nn.ModuleList(ups), nn.ModuleList(blocks)
        self.head = nn.Conv2d(c.widths[0], c.classes, 1)

    @property
    def multiple(self) -> int:
        """Image sizes are padded to a multiple of this, in pixels."""
        return int(self.config.trunk_stride * 2 ** (len(self.config.widths) - 1))

    def encode(self, image: Tensor) -> list[Tensor]:
        """Return the encoder's maps (B, C, h, w) of an image (B, C, H, W), fine to coarse, the bottleneck last."""
        x = F.pixel_unshuffle(pad_to_multiple(image, self.multiple), self.config.trunk_stride)[:, None]
        maps = []
        for level, block in enumerate(self.encoder):
            x = block(F.avg_pool2d(x[:, 0], 2)[:, None] if level else x)
            maps.append(x[:, 0])
        return maps

    def forward(self, image: Tensor) -> Tensor:
        """Classify every pixel.

        Parameters
        ----------
        image : Tensor
            (B, C, H, W), about [0, 1]; any size.

        Returns
        -------
        Tensor
            Logits (B, classes, H, W); `torch.softmax(logits, 1)` gives probabilities.
        """
        height, width = image.shape[-2:]
        stride = self.config.trunk_stride
        *skips, x = (features[:, None] for features in self.encode(image))
        for up, block in zip(self.ups, self.decoder, strict=True):
            x = block(torch.cat([up(x), skips.pop()], dim=2))
        logits: Tensor = self.head(x[:, 0])
        if stride > 1:
            logits = F.interpolate(logits, scale_factor=stride, mode="bilinear", align_corners=False)
        return logits[..., :height, :width]


def create_unet(preset: Literal["thesis", "lite"] | str = "lite", **overrides: Any) -> UNet:
    """Return a new `UNet` of a preset, with single fields overridden."""
    return UNet(UNetConfig.model_validate({**PRESETS[preset].model_dump(), **overrides}))
