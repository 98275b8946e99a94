"""Layers of style-based generators: equalised learning rate, modulation, noise, FIR resampling.

Sources: Karras et al., "A Style-Based Generator Architecture" (CVPR 2019) and "Analyzing and Improving the Image
Quality of StyleGAN" (CVPR 2020); Reich 2020, §5.1.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...ops import fir_kernel, upfirdn
from ..blocks import PAU, Activation

SLOPE = 0.2  # of the leaky ReLU that style-based generators use
# Where noise comes in: before bias and activation (the author's later code), or after both (the thesis' text).
Order = Literal["noise_first", "noise_last"]


def activation(kind: Activation) -> nn.Module:
    """Return a new activation unit for a Cell-GAN network."""
    return PAU() if kind == "pau" else nn.LeakyReLU(SLOPE)


class EqualLinear(nn.Module):
    """Linear layer with equalised learning rate: weights of unit variance, scaled by √(2/fan_in) at run time.

    Parameters
    ----------
    in_features, out_features : int
        Sizes.
    bias : float
        Initial value of every bias.
    gain : float
        √2 after which an activation follows, 1 for a plain map.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: float = 0.0, gain: float = math.sqrt(2)
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features))
        self.bias = nn.Parameter(torch.full((out_features,), bias))
        self.scale = gain / math.sqrt(in_features)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in_features) to (..., out_features)."""
        return F.linear(x, self.weight * self.scale, self.bias)


class EqualConv2d(nn.Module):
    """Convolution with equalised learning rate that keeps the size of the picture.

    Parameters
    ----------
    in_channels, out_channels, size : int
        Shape of the filter.
    gain : float
        √2 after which an activation follows, 1 for a plain map.
    """

    def __init__(
        self, in_channels: int, out_channels: int, size: int = 3, gain: float = math.sqrt(2)
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, size, size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.scale = gain / math.sqrt(in_channels * size * size)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H, W)."""
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.weight.shape[-1] // 2)


def per_slot(styles: Tensor, slots: int) -> tuple[Tensor, ...]:
    """Return the style (B, D) of each slot, of styles (B, D) or (B, 1, D) for all slots alike, or (B, slots, D)."""
    if styles.ndim == 2:
        styles = styles[:, None]
    return styles.expand(-1, slots, -1).unbind(1)


def pixel_norm(x: Tensor) -> Tensor:
    """Scale the vectors along axis 1 to mean square 1 (Karras et al., ICLR 2018, §4.2)."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class ModulatedConv2d(nn.Module):
    """Convolution whose input channels are scaled by a style, and whose output is brought back to unit variance.

    ``w'_{oik} = scale · w_{oik} · s_i`` and, with demodulation, ``w'' = w' / √(Σ_{i,k} w'² + 1e-8)`` (Karras et al.,
    CVPR 2020, eq. 1 and 3). Scaling the input by s and the output by the norm gives the same numbers as one
    filter per picture, and lets the whole batch share one convolution.

    Parameters
    ----------
    in_channels, out_channels, size : int
        Shape of the filter; a `size` of 2 belongs to `up`.
    style : int
        Length of the latent vector that the style is computed from.
    demodulate : bool
        Whether to normalise the filters.
    up : bool
        Double the size of the picture: transposed convolution of stride 2, then FIR filter.
    """

    fir: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        style: int,
        demodulate: bool = True,
        up: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, size, size))
        self.affine = EqualLinear(style, in_channels, bias=1.0, gain=1.0)
        self.scale = math.sqrt(2) / math.sqrt(in_channels * size * size)
        self.demodulate, self.up = demodulate, up
        if up:
            self.register_buffer("fir", fir_kernel(), persistent=False)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        """Map `x` (B, C_in, H, W) with `latent` (B, D) to (B, C_out, H, W), or twice that size."""
        style = self.affine(latent)
        weight = self.weight * self.scale
        y = x * style[:, :, None, None]
        if self.up:
            y = F.conv_transpose2d(y, weight.transpose(0, 1), stride=2)
        else:
            y = F.conv2d(y, weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            norm = weight.square().sum((2, 3)) @ style.square().T  # (C_out, B)
            y = y * torch.rsqrt(norm.T + 1e-8)[:, :, None, None]
        # Zero insertion leaves a quarter of the taps at each pixel; the gain makes up for it.
        return upfirdn(y, self.fir, pad=(2, 1), gain=4.0) if self.up else y


class Noise(nn.Module):
    """Adds single-channel noise with one learned strength, which starts at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        """Add `noise` (B, 1, H, W), or fresh noise from torch's generator, to `x` (B, C, H, W)."""
        if noise is None:
            noise = torch.randn(x.shape[0], 1, *x.shape[2:], device=x.device, dtype=x.dtype)
        return x + (self.strength * noise).to(x.dtype)  # which may be bfloat16 (autocast)


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias and activation.

    Parameters
    ----------
    in_channels, out_channels, size, style, up
        See `ModulatedConv2d`.
    kind : {"pau", "leaky_relu"}
        Activation.
    order : {"noise_first", "noise_last"}
        convolution → noise → bias → activation, or convolution → activation → bias → noise (Reich 2020, §5.1.1).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        style: int,
        kind: Activation,
        order: Order,
        up: bool = False,
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(in_channels, out_channels, size, style, up=up)
        self.noise = Noise()
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.activation = activation(kind)
        self.order = order

    def forward(self, x: Tensor, latent: Tensor, noise: Tensor | None) -> Tensor:
        """Map `x` (B, C_in, H, W) to (B, C_out, H, W), or twice that size."""
        y = self.conv(x, latent)
        bias = self.bias[:, None, None].to(y.dtype)
        if self.order == "noise_first":
            out: Tensor = self.activation(self.noise(y, noise) + bias)
        else:
            out = self.noise(self.activation(y) + bias, noise)
        return out


class ToImage(nn.Module):
    """Modulated 1×1 convolution to picture channels, added to the upsampled running picture.

    Parameters
    ----------
    in_channels, out_channels, style : int
        Channels of features and picture, length of the latent.
    """

    fir: Tensor

    def __init__(self, in_channels: int, out_channels: int, style: int) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(in_channels, out_channels, 1, style, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("fir", fir_kernel(), persistent=False)

    def forward(self, x: Tensor, latent: Tensor, running: Tensor | None) -> Tensor:
        """Return the picture (B, out_channels, H, W); `running` has half the size."""
        image: Tensor = self.conv(x, latent) + self.bias[:, None, None]
        return image if running is None else image + upfirdn(running, self.fir, up=2, pad=(2, 1), gain=4.0)
