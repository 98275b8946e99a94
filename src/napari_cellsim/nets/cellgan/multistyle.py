"""Multi-StyleGAN: brightfield and fluorescence sequences from one latent vector, in two parallel streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..blocks import Activation
from .generator import StyleShape
from .layers import EqualLinear, StyledConv, ToImage, per_slot


class MultiStyleConfig(StyleShape):
    """Shape of a `MultiStyleGenerator`; `widths` are those of each stream.

    Attributes
    ----------
    channels : int
        Always 2, one per stream: brightfield, and the fluorescence that goes with it.
    legacy : bool
        Wiring of the public code, which draws the second stream's pictures above 4² from the features of the first.
        The 20 M parameters that have no effect then are left out.
    """

    channels: Literal[2] = 2
    frames: Literal[1, 3] = 3
    widths: tuple[int, ...] = (512, 512, 512, 512, 512, 512, 512, 512)
    activation: Activation = "leaky_relu"
    legacy: bool = False


PRESETS: dict[str, MultiStyleConfig] = {
    "thesis": MultiStyleConfig(),  # the publication's
    "lite": MultiStyleConfig(latent=256, widths=(48, 48, 48, 40, 24, 16, 12, 8)),
}


class DualConv(nn.Module):
    """Dual-styled convolution (Reich et al., figure 2): one style, a filter of its own for each stream.

    Parameters
    ----------
    in_channels, out_channels, size, up
        See `StyledConv`.
    config : MultiStyleConfig
        Latent, order and activation.
    streams : int
        1 or 2.
    """

    def __init__(
        self, in_channels: int, out_channels: int, size: int, up: bool, config: MultiStyleConfig, streams: int
    ) -> None:
        super().__init__()
        self.affine = EqualLinear(config.latent, in_channels, bias=1.0, gain=1.0)
        self.up = up
        self.streams = nn.ModuleList(
            StyledConv(in_channels, out_channels, size, config.latent, config.activation, config.order, up=up)
            for _ in range(streams)
        )
        _share_style(self.streams)

    def forward(self, x: Sequence[Tensor], latent: Tensor, noise: Tensor) -> list[Tensor]:
        """Map the features (B, C_in, H, W) of each stream to (B, C_out, H, W), or twice that size."""
        style = self.affine(latent)
        return [conv(y, style, noise) for conv, y in zip(self.streams, x, strict=True)]


class DualToImage(nn.Module):
    """Picture of each stream, with one style (see `ToImage`).

    Parameters
    ----------
    in_channels : int
        Channels of the features.
    config : MultiStyleConfig
        Frames and latent.
    """

    def __init__(self, in_channels: int, config: MultiStyleConfig) -> None:
        super().__init__()
        self.affine = EqualLinear(config.latent, in_channels, bias=1.0, gain=1.0)
        self.streams = nn.ModuleList(ToImage(in_channels, config.frames, config.latent) for _ in range(2))
        _share_style(self.streams)

    def forward(self, x: Sequence[Tensor], latent: Tensor, running: Sequence[Tensor | None]) -> list[Tensor]:
        """Return both pictures (B, frames, H, W); the `running` ones have half the size."""
        style = self.affine(latent)
        return [layer(y, style, r) for layer, y, r in zip(self.streams, x, running, strict=True)]


def _share_style(layers: nn.ModuleList) -> None:
    """Let layers take a style as it is: the affine map from the latent is computed once for all of them."""
    for layer in layers:
        conv: Any = layer.conv
        conv.affine = nn.Identity()


class MultiStyleGenerator(nn.Module):
    """Two style generators side by side that share every style and every noise map.

    Reich, Prangemeier, Wildner and Koeppl, "Multi-StyleGAN: Towards Image-Based Simulation of Time-Lapse Live-Cell
    Microscopy", MICCAI 2021. Used like a `StyleGenerator`; blocks enlarge first, then convolve.

    Parameters
    ----------
    config : MultiStyleConfig
        Shape.
    """

    def __init__(self, config: MultiStyleConfig) -> None:
        super().__init__()
        self.config = c = config
        beyond = 1 if c.legacy else 2
        self.constants = nn.ParameterList(torch.randn(1, c.widths[0], 4, 4) for _ in range(2))
        self.start = DualConv(c.widths[0], c.widths[0], 3, False, c, 2)
        self.start_image = DualToImage(c.widths[0], c)
        convs, images = [], []
        for inputs, out in c.steps:
            convs += [DualConv(inputs, out, 2, True, c, beyond), DualConv(out, out, 3, False, c, beyond)]
            images.append(DualToImage(out, c))
        self.convs, self.images = nn.ModuleList(convs), nn.ModuleList(images)

    @property
    def slots(self) -> int:
        """Number of places where a style enters."""
        return self.config.slots

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        """Height and width of each noise map, in the order in which they are used."""
        sides = [4] + [8 << block for block in range(len(self.images)) for _ in range(2)]
        return [(side, side) for side in sides]

    def forward(self, styles: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Draw sequences.

        Parameters
        ----------
        styles : Tensor
            (B, D) or (B, 1, D), one style for all slots, or (B, slots, D).
        noise : sequence of Tensor, optional
            One (B, 1, h, w) map per entry of `noise_shapes`; None draws fresh maps from torch's generator.

        Returns
        -------
        Tensor
            (B, frames · 2, size, size), frames first: brightfield and fluorescence of the first frame, of the second …
        """
        batch = len(styles)
        slot = per_slot(styles, self.slots)
        if noise is None:
            shapes = self.noise_shapes
            noise = [torch.randn(batch, 1, *s, device=styles.device, dtype=styles.dtype) for s in shapes]
        x = self.start([c.expand(batch, -1, -1, -1) for c in self.constants], slot[0], noise[0])
        pictures = self.start_image(x, slot[1], (None, None))
        if self.config.legacy:
            x = x[:1]
        for block, to_image in enumerate(self.images):
            first, second = 2 * block + 1, 2 * block + 2
            x = self.convs[first - 1](x, slot[first], noise[first])
            x = self.convs[second - 1](x, slot[second], noise[second])
            pictures = to_image((x[0], x[-1]), slot[second + 1], pictures)
        return torch.stack(pictures, dim=2).flatten(1, 2)


def create_multistyle(preset: str = "lite", **overrides: Any) -> MultiStyleGenerator:
    """Return a new `MultiStyleGenerator` of a preset, with single fields overridden."""
    return MultiStyleGenerator(MultiStyleConfig.model_validate({**PRESETS[preset].model_dump(), **overrides}))
