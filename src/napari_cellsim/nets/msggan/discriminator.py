"""Discriminator of MSG-GAN: one verdict on a picture that it sees at every scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...base import CellSimError
from ..cellgan.layers import SLOPE, EqualConv2d, EqualLinear
from .layers import COARSEST, LITE, Deviation, MSGShape, with_deviation


class CriticShape(MSGShape):
    """Shape of an `MSGDiscriminator`.

    Attributes
    ----------
    deviation : {"batch", "batch_and_channels"}
        How it is told how much the batch varies: by ProGAN's definition, or that of the code of Østmo 2020.
    """

    deviation: Deviation = "batch"


PRESETS: dict[str, CriticShape] = {
    "thesis": CriticShape(),
    "lite": CriticShape(size=64, widths=LITE),
}


class MSGDiscriminator(nn.Module):
    """Judges pictures at 4², 8², … px together (Østmo 2020, §4.2.1.2 and table 4.2).

    From fine to coarse, each block takes in the picture of its scale through a plain 1×1 convolution with half of the
    scale's width, beside what comes from the scale before; convolves twice, to the scale's width and to half of the
    next one's; and halves the size by means. The last one, at 4×4, also sees the deviation over the batch.

    Parameters
    ----------
    config : CriticShape
        Shape.
    """

    def __init__(self, config: CriticShape) -> None:
        super().__init__()
        self.config = c = config
        halves = [width // 2 for width in c.widths]
        self.images, self.blocks = nn.ModuleDict(), nn.ModuleDict()
        for level, side in enumerate(c.sides):
            # The finest scale has nothing before it.
            inputs = halves[level] if side == c.size else 2 * halves[level]
            self.images[str(side)] = EqualConv2d(c.planes, halves[level], 1)
            width = c.widths[level]
            if side == COARSEST:
                self.blocks[str(side)] = nn.ModuleList([EqualConv2d(inputs + 1, width)])
            else:
                self.blocks[str(side)] = nn.ModuleList(
                    [EqualConv2d(inputs, width), EqualConv2d(width, halves[level - 1])]
                )
        # A 4×4 convolution without margin of a 4×4 map, and a 1×1 one.
        self.dense = EqualLinear(COARSEST**2 * c.widths[0], c.widths[0])
        self.score = EqualLinear(c.widths[0], 1)

    def forward(self, pictures: Sequence[Tensor]) -> Tensor:
        """Judge pictures.

        Parameters
        ----------
        pictures : sequence of Tensor
            (B, C, 4, 4), (B, C, 8, 8), … (B, C, size, size).

        Returns
        -------
        Tensor
            (B, 1), large for pictures taken to be real.

        Raises
        ------
        CellSimError
            If a scale is missing or the pictures have another shape.
        """
        c = self.config
        expected = [(c.planes, side, side) for side in c.sides]
        found = [tuple(picture.shape[1:]) for picture in pictures]
        if found != expected:
            raise CellSimError(
                f"The discriminator takes pictures of the shapes {expected}, not {found}; reduce them to every scale."
            )
        x: Tensor | None = None
        for side, picture in zip(reversed(c.sides), reversed(pictures), strict=True):
            seen = self.images[str(side)](picture)
            x = seen if x is None else torch.cat([seen, x], dim=1)
            if side == COARSEST:
                x = with_deviation(x, c.deviation)
            convs: Any = self.blocks[str(side)]
            for conv in convs:
                x = F.leaky_relu(conv(x), SLOPE)
            if side > COARSEST:
                x = F.avg_pool2d(x, 2)
        assert x is not None
        score: Tensor = self.score(F.leaky_relu(self.dense(x.flatten(1)), SLOPE))
        return score


def create_msg_discriminator(preset: str = "lite", **overrides: Any) -> MSGDiscriminator:
    """Return a new `MSGDiscriminator` of a preset, with single fields overridden."""
    return MSGDiscriminator(CriticShape.model_validate({**PRESETS[preset].model_dump(), **overrides}))
