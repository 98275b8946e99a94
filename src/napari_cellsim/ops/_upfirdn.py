"""Upsample, filter, downsample: the resampling operator of style-based generators."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_cellsim.base.errors import CellSimError

from ._checks import check_floating


def fir_kernel(taps: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)) -> Tensor:
    """Return the separable 2-D low-pass filter of 1-D taps.

    Parameters
    ----------
    taps
        1-D filter; any scale.

    Returns
    -------
    Tensor
        (len(taps), len(taps)) float32, outer product of the taps, sum 1.
    """
    line = torch.tensor(taps)
    kernel = torch.outer(line, line)
    return kernel / kernel.sum()


def upfirdn(
    x: Tensor, kernel: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0), gain: float = 1.0
) -> Tensor:
    """Insert zeros, pad with zeros, filter every channel by convolution, keep every `down`-th pixel.

    Parameters
    ----------
    x
        (B, C, H, W), floating point.
    kernel
        (kh, kw) filter, floating point; convolved (mirrored), not correlated.
    up, down
        Integer factors, at least 1.
    pad
        Zeros before and after, in both axes, counted on the upsampled grid; not negative.
    gain
        Factor on the result; ``up**2`` keeps the brightness of an upsampled picture.

    Returns
    -------
    Tensor
        (B, C, H', W') with ``H' = (up·H + sum(pad) - kh) // down + 1``. Twice differentiable in `x`.

    Raises
    ------
    CellSimError
        If a shape or factor makes no sense.

    Notes
    -----
    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, appendix B; what
    ``scipy.signal.upfirdn`` computes in one dimension.
    """
    check_floating(x=x, kernel=kernel)
    if x.ndim != 4 or kernel.ndim != 2:
        raise CellSimError(
            f"upfirdn needs x (B, C, H, W) and kernel (kh, kw), not the shapes {tuple(x.shape)} and "
            f"{tuple(kernel.shape)}."
        )
    if up < 1 or down < 1 or min(pad) < 0:
        raise CellSimError(
            f"upfirdn needs factors of at least 1 and no negative padding, not {up=}, {down=}, {pad=}."
        )
    batch, channels, height, width = x.shape
    rows, columns = kernel.shape
    if up * height + sum(pad) < rows or up * width + sum(pad) < columns:
        raise CellSimError(f"The picture of {height} x {width} px is smaller than the filter; pad it.")
    # One group per channel: on a processor this is ten times faster than channels moved into the batch, and torch's
    # convolution knows its second derivative. `kernel` is mirrored because torch correlates.
    weight = (kernel.to(x.dtype) * gain).flip(0, 1).expand(channels, 1, rows, columns)
    if up > 1:
        spread = x.new_zeros(batch, channels, height, up, width, up)
        spread[:, :, :, 0, :, 0] = x
        x = spread.reshape(batch, channels, height * up, width * up)
    return F.conv2d(F.pad(x, (pad[0], pad[1], pad[0], pad[1])), weight, stride=down, groups=channels)
