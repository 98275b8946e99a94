"""Building blocks that several networks share: activations, norms, residual blocks over frames.

Networks that read several frames keep them as (B, T, C, H, W) and fold time into the batch for every
1×3×3 convolution: the result equals `Conv3d` and costs half of it on a CPU.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops import leaky_relu_coefficients, pau

Activation = Literal["pau", "leaky_relu"]
Norm = Literal["instance", "channel"]

LEAKY_SLOPE = 0.01


class PAU(nn.Module):
    """Padé activation unit with its own ten coefficients (Molina et al., ICLR 2020).

    Parameters
    ----------
    form : {"A", "B"}
        Denominator ``1 + Σ|b_k x^k|`` (A, the authors' code) or ``1 + |Σ b_k x^k|`` (B, the paper's "safe" form).
    slope : float
        Negative slope of the LeakyReLU that the initial coefficients approximate on [-3, 3].
    """

    def __init__(self, form: Literal["A", "B"] = "B", slope: float = LEAKY_SLOPE) -> None:
        super().__init__()
        numerator, denominator = leaky_relu_coefficients(slope)
        self.form: Literal["A", "B"] = form
        self.numerator = nn.Parameter(torch.as_tensor(numerator, dtype=torch.float32).clone())
        self.denominator = nn.Parameter(torch.as_tensor(denominator, dtype=torch.float32).clone())

    def forward(self, x: Tensor) -> Tensor:
        """Apply the unit element by element; any shape."""
        return pau(x, self.numerator, self.denominator, form=self.form)


def make_activation(kind: Activation) -> nn.Module:
    """Return a new activation module."""
    return PAU() if kind == "pau" else nn.LeakyReLU(LEAKY_SLOPE)


class FrameInstanceNorm(nn.Module):
    """Instance norm over (T, H, W) of a (B, T, C, H, W) tensor, with scale and shift per channel."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x` (B, T, C, H, W)."""
        if x.shape[1] == 1 and x.shape[-2:].numel() > 1:  # torch refuses to normalise a single value
            return F.instance_norm(x[:, 0], None, None, self.weight, self.bias, eps=self.eps)[:, None]
        variance, mean = torch.var_mean(x, dim=(1, 3, 4), keepdim=True, correction=0)
        scale = self.weight[:, None, None] * torch.rsqrt(variance + self.eps)
        return torch.addcmul(self.bias[:, None, None] - mean * scale, x, scale)


class FrameChannelNorm(nn.Module):
    """Layer norm over the channels of every pixel of a (B, T, C, H, W) tensor.

    It looks at one pixel at a time, so that tiles of a large field give what the whole field gives.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x` (B, T, C, H, W)."""
        channels = list(self.weight.shape)
        last = F.layer_norm(x.movedim(2, -1), channels, self.weight, self.bias, self.eps)
        return last.movedim(-1, 2)


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """Return a new normalisation module for (B, T, C, H, W) tensors."""
    return FrameInstanceNorm(channels) if kind == "instance" else FrameChannelNorm(channels)


def per_frame(module: nn.Module, x: Tensor) -> Tensor:
    """Apply a 2-D module to every frame of `x` (B, T, C, H, W)."""
    y: Tensor = module(x.flatten(0, 1))
    return y.reshape(*x.shape[:2], *y.shape[1:])


class ResidualBlock(nn.Module):
    """(1×3×3 convolution → norm → activation) twice, plus a 1×1×1 residual mapping (Reich 2020, §6.1.1).

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    norm, activation : str
        See `make_norm` and `make_activation`.
    first_kernel_time : int
        Length in time of the first convolution; 1 except for a stem that mixes frames.
    bias : bool
        Whether the convolutions before the norms have one; instance norm takes it away again.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm: Norm,
        activation: Activation,
        first_kernel_time: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.first: nn.Module
        if first_kernel_time == 1:
            self.first = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)
        else:
            padding = (first_kernel_time // 2, 1, 1)
            kernel = (first_kernel_time, 3, 3)
            self.first = nn.Conv3d(in_channels, out_channels, kernel, padding=padding, bias=bias)
        self.norm1 = make_norm(norm, out_channels)
        self.act1 = make_activation(activation)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=bias)
        self.norm2 = make_norm(norm, out_channels)
        self.act2 = make_activation(activation)
        self.residual = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, C_in, H, W) to (B, T, C_out, H, W)."""
        if isinstance(self.first, nn.Conv3d):
            y = self.first(x.transpose(1, 2)).transpose(1, 2)
        else:
            y = per_frame(self.first, x)
        y = self.act1(self.norm1(y))
        out: Tensor = self.act2(self.norm2(per_frame(self.second, y)))
        return out + per_frame(self.residual, x)


class Upsample(nn.Module):
    """Double the size: transposed 2×2 convolution, or bilinear followed by a 1×1 convolution.

    The second form avoids checkerboards and serves the fine scales (Reich 2020, §6.1.1).
    """

    def __init__(self, in_channels: int, out_channels: int, transposed: bool) -> None:
        super().__init__()
        self.transposed = transposed
        self.conv: nn.Module
        if transposed:
            self.conv = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
        else:
            self.conv = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, C_in, H, W) to (B, T, C_out, 2H, 2W)."""
        if self.transposed:
            return per_frame(self.conv, x)
        # A 1×1 convolution and bilinear interpolation commute; the convolution is cheaper on the small map.
        y = self.conv(x.flatten(0, 1))
        y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        return y.reshape(*x.shape[:2], *y.shape[1:])


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Pad the last two axes at their ends, by replication, to a multiple of `multiple`.

    Parameters
    ----------
    x : Tensor
        (..., H, W) with any number of leading axes.
    multiple : int
        Both sizes are rounded up to it.
    """
    height, width = x.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if not down and not right:
        return x
    rows = torch.arange(height + down, device=x.device).clamp_(max=height - 1)
    columns = torch.arange(width + right, device=x.device).clamp_(max=width - 1)
    return x[..., rows, :][..., columns]
