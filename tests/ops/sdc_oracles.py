"""Independent implementations of the spatially-displaced convolution, slow and literal."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

BORDERS = ("replicate", "official", "zeros")
Maker = Callable[..., list[Tensor]]  # of the fixture make_inputs


def by_grid_sample(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor, padding: str) -> Tensor:
    """Sum K² interpolated samples: the definition, one tap at a time."""
    height, width = image.shape[2:]
    taps = kernel_v.shape[1]
    y, x = (torch.arange(size, dtype=image.dtype) for size in (height, width))
    out = torch.zeros_like(image)
    for i in range(taps):
        for j in range(taps):
            at_x = x + flow[:, 0] + j - taps // 2
            at_y = y[:, None] + flow[:, 1] + i - taps // 2
            grid = torch.stack([(2 * at_x + 1) / width - 1, (2 * at_y + 1) / height - 1], -1)
            sample = grid_sample(image, grid, padding_mode=padding, align_corners=False)
            out = out + (kernel_v[:, i] * kernel_h[:, j])[:, None] * sample
    return out


def by_corners(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor) -> Tensor:
    """Evaluate NVIDIA's definition: four corners, clamped once for the patch centre, of a replicate-padded image."""
    batch, _, height, width = image.shape
    taps = kernel_v.shape[1]
    padded = pad(image, (taps // 2,) * 4, mode="replicate")
    x = torch.arange(width, dtype=image.dtype) + flow[:, 0]
    y = torch.arange(height, dtype=image.dtype)[:, None] + flow[:, 1]
    a, b = x - x.floor(), y - y.floor()
    left, right = (x.floor().long().add(d).clamp(0, width - 1) for d in (0, 1))
    top, bottom = (y.floor().long().add(d).clamp(0, height - 1) for d in (0, 1))
    n = torch.arange(batch)[:, None, None]
    corners = [((1 - a) * (1 - b), top, left), (a * (1 - b), top, right)]
    corners += [((1 - a) * b, bottom, left), (a * b, bottom, right)]
    out = torch.zeros_like(image)
    for i in range(taps):
        for j in range(taps):
            sample = sum(w[..., None] * padded[n, :, yy + i, xx + j] for w, yy, xx in corners)
            out = out + ((kernel_v[:, i] * kernel_h[:, j])[..., None] * sample).movedim(-1, 1)
    return out


def oracle(border: str) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """Give the independent implementation for a border rule."""
    if border == "official":
        return by_corners
    padding = {"replicate": "border", "zeros": "zeros"}[border]
    return lambda *tensors: by_grid_sample(*tensors, padding)
