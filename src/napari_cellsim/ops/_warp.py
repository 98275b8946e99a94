"""Bilinear backward warping."""

from __future__ import annotations

import torch
from torch import Tensor

from ._checks import check_floating, check_shape
from ._sdc import Border, sdc


def warp(image: Tensor, flow: Tensor, border: Border = "replicate") -> Tensor:
    """Sample `image` at every pixel's displaced position: ``out(x, y) = image(x + u, y + v)``, bilinearly.

    Parameters
    ----------
    image
        (B, C, H, W), floating point.
    flow
        (B, 2, H, W) in pixels, channel 0 is u (x, to the right), channel 1 is v (y, down).
    border
        What lies outside the image: ``"replicate"`` (the border pixel), ``"official"`` (the same values; no
        flow gradient where the position was clamped) or ``"zeros"``.

    Returns
    -------
    Tensor
        (B, C, H, W), dtype of `image` (float32 under autocast).

    Raises
    ------
    CellSimError
        If shapes, dtypes or devices do not fit together.

    Notes
    -----
    The spatially-displaced convolution with one tap of weight 1.
    """
    check_floating(image=image)
    check_shape("image", image, ("B", "C", "H", "W"))
    batch, _, height, width = image.shape
    one = torch.ones((), dtype=image.dtype, device=image.device).expand(batch, 1, height, width)
    return sdc(image, flow, one, one, border)
