"""Style generator of Cell-GAN, with output skips."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from ..blocks import Activation
from ..picture_shape import PictureShape
from .layers import EqualLinear, Order, StyledConv, ToImage, per_slot


class StyleShape(PictureShape):
    """What the configurations of style generators share, beside their pictures' shape.

    Attributes
    ----------
    latent : int
        Length of a style vector.
    widths : tuple of int
        Feature channels at 4², 8², … 512² (as many as `size` needs are used).
    order : {"noise_first", "noise_last"}
        See `StyledConv`.
    activation : {"pau", "leaky_relu"}
        Activation.
    """

    latent: int = Field(512, ge=1)
    widths: tuple[int, ...] = (512, 512, 512, 512, 512, 256, 128, 64)
    order: Order = "noise_first"
    activation: Activation = "pau"

    @field_validator("widths")
    @classmethod
    def _widths(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if len(widths) != 8 or min(widths) < 1:
            raise ValueError("widths must be eight positive numbers, for 4², 8², … 512² px")
        return widths

    @property
    def steps(self) -> list[tuple[int, int]]:
        """Feature channels before and after each block, coarse to fine."""
        return list(pairwise(self.widths[: self.halvings + 1]))


class GeneratorConfig(StyleShape):
    """Shape of a `StyleGenerator`.

    Attributes
    ----------
    blocks : {"conv_up", "up_conv"}
        3×3 convolution and then up-convolution (Reich 2020, §5.1.1), or the other way round (the author's later code).
    start : {"constant", "styled"}
        Whether drawing starts from a learned constant alone (as in the thesis), or a linear map of the first style is
        added to it. A style only weighs the channels of a constant; so where things lie hangs on few directions.
    """

    blocks: Literal["conv_up", "up_conv"] = "conv_up"
    start: Literal["constant", "styled"] = "constant"


PRESETS: dict[str, GeneratorConfig] = {
    "thesis": GeneratorConfig(),
    "authorcode": GeneratorConfig(blocks="up_conv", activation="leaky_relu"),
    "lite": GeneratorConfig(
        latent=256, widths=(64, 64, 64, 48, 32, 24, 16, 12), blocks="up_conv", activation="leaky_relu"
    ),
}
# More channels where the layout is decided, which costs little: coarse maps have few pixels.
PRESETS["broad"] = PRESETS["lite"].model_copy(
    update={"widths": (192, 160, 128, 64, 32, 24, 16, 12), "start": "styled"}
)


class StyleGenerator(nn.Module):
    """Maps style vectors to pictures.

    A learned 4×4 constant (or more, see ``config.start``) passes one styled convolution, then blocks that double its
    size; after each of them a styled 1×1 convolution adds to the running picture (Reich 2020, §5.1.1; Karras et al.,
    CVPR 2020, figure 7b).

    Parameters
    ----------
    config : GeneratorConfig
        Shape.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = c = config
        self.constant = nn.Parameter(torch.randn(1, c.widths[0], 4, 4))
        if c.start == "styled":
            self.layout = EqualLinear(c.latent, 16 * c.widths[0], gain=1.0)
            nn.init.zeros_(self.layout.weight)  # at first, all pictures start alike

        def styled(inputs: int, out: int, up: bool) -> StyledConv:
            return StyledConv(inputs, out, 2 if up else 3, c.latent, c.activation, c.order, up=up)

        self.start = styled(c.widths[0], c.widths[0], False)
        self.start_image = ToImage(c.widths[0], c.planes, c.latent)
        convs, images = [], []
        for inputs, out in c.steps:
            if c.blocks == "conv_up":
                convs += [styled(inputs, inputs, False), styled(inputs, out, True)]
            else:
                convs += [styled(inputs, out, True), styled(out, out, False)]
            images.append(ToImage(out, c.planes, c.latent))
        self.convs, self.images = nn.ModuleList(convs), nn.ModuleList(images)

    @property
    def slots(self) -> int:
        """Number of places where a style enters."""
        return self.config.slots

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        """Height and width of each noise map, in the order in which they are used."""
        sides = [4]
        for _ in self.images:
            small, large = sides[-1], 2 * sides[-1]
            sides += [small, large] if self.config.blocks == "conv_up" else [large, large]
        return [(side, side) for side in sides]

    @torch.no_grad()
    def start_enlarged(self, blocks: int) -> None:
        """Let the blocks after the first `blocks` add nothing to the picture yet.

        So a generator that took the weights of a smaller one draws the same pictures, enlarged, until training has
        given the new blocks something to add (as Karras et al., ICLR 2018, fade new layers in).
        """
        for to_image in self.images[blocks:]:
            assert isinstance(to_image, ToImage)
            nn.init.zeros_(to_image.conv.weight)

    def forward(self, styles: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Draw pictures.

        Parameters
        ----------
        styles : Tensor
            (B, D) or (B, 1, D), one style for all slots, or (B, slots, D).
        noise : sequence of Tensor, optional
            One (B, 1, h, w) map per entry of `noise_shapes`; None draws fresh maps from torch's generator.

        Returns
        -------
        Tensor
            (B, frames · channels, size, size), frames first; standardised intensities, about mean 0 and deviation 1.
        """
        slot = per_slot(styles, self.slots)
        maps = list(noise) if noise is not None else [None] * (len(self.convs) + 1)
        x = self.constant.expand(len(styles), -1, -1, -1)
        if self.config.start == "styled":
            x = x + self.layout(slot[0]).view_as(x)
        x = self.start(x, slot[0], maps[0])
        image: Tensor = self.start_image(x, slot[1], None)
        for block, to_image in enumerate(self.images):
            first, second = 2 * block, 2 * block + 1
            x = self.convs[first](x, slot[first + 1], maps[first + 1])
            x = self.convs[second](x, slot[second + 1], maps[second + 1])
            image = to_image(x, slot[second + 2], image)
        return image


def create_generator(preset: str = "lite", **overrides: Any) -> StyleGenerator:
    """Return a new `StyleGenerator` of a preset, with single fields overridden."""
    return StyleGenerator(GeneratorConfig.model_validate({**PRESETS[preset].model_dump(), **overrides}))
