"""Generator of MSG-GAN: pictures at every scale."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ..cellgan.layers import SLOPE, EqualConv2d, pixel_norm
from .layers import LITE, EqualStart, LatentShape

PRESETS: dict[str, LatentShape] = {
    "thesis": LatentShape(),
    "lite": LatentShape(size=64, latent=128, widths=LITE),
}


class MSGGenerator(nn.Module):
    """Draws the same picture at 4², 8², … px (Østmo 2020, §4.2.1.1 and table 4.1).

    A transposed convolution and a 3×3 convolution make 4×4 features; then each block repeats pixels to double the size
    and convolves twice. Leaky ReLU follows every convolution, pixel norm every 3×3 one; a plain 1×1 convolution shows
    the features of each scale. Layers are named by the side of their pictures, so that weights find their place in a
    network of another size.

    Parameters
    ----------
    config : LatentShape
        Shape.
    """

    def __init__(self, config: LatentShape) -> None:
        super().__init__()
        self.config = c = config
        self.start = EqualStart(c.latent, c.widths[0])
        sides = c.sides
        self.blocks = nn.ModuleDict({str(sides[0]): nn.ModuleList([EqualConv2d(c.widths[0], c.widths[0])])})
        for side, (inputs, out) in zip(sides[1:], pairwise(c.widths), strict=False):
            self.blocks[str(side)] = nn.ModuleList([EqualConv2d(inputs, out), EqualConv2d(out, out)])
        self.images = nn.ModuleDict(
            {str(side): EqualConv2d(width, c.planes, 1) for side, width in zip(sides, c.widths, strict=False)}
        )

    def forward(self, latents: Tensor) -> list[Tensor]:
        """Draw pictures.

        Parameters
        ----------
        latents : Tensor
            (B, D), drawn from N(0, 1); only their direction counts, they are put on the sphere of radius √D here.

        Returns
        -------
        list of Tensor
            (B, C, 4, 4), (B, C, 8, 8), … (B, C, size, size); about [-1, 1], not clipped.
        """
        x = F.leaky_relu(self.start(pixel_norm(latents)), SLOPE)
        pictures: list[Tensor] = []
        for side, layers in self.blocks.items():
            convs: Any = layers
            if pictures:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
            for conv in convs:
                x = pixel_norm(F.leaky_relu(conv(x), SLOPE))
            pictures.append(self.images[side](x))
        return pictures


def create_msg_generator(preset: str = "lite", **overrides: Any) -> MSGGenerator:
    """Return a new `MSGGenerator` of a preset, with single fields overridden."""
    return MSGGenerator(LatentShape.model_validate({**PRESETS[preset].model_dump(), **overrides}))
