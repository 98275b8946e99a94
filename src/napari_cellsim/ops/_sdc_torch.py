"""The spatially-displaced convolution as plain torch operations.

All K×K taps of one pixel share the fractions (a, b) of its displacement, so the bilinear weights fold into
the two kernels: K+1 rows and K+1 columns of whole pixels are gathered once, instead of K×K interpolated
samples.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def sdc_torch(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor, border: str) -> Tensor:
    """Evaluate `napari_cellsim.ops.sdc` with torch operations; arguments are taken as valid."""
    dtype = image.dtype
    if dtype in (torch.float16, torch.bfloat16):  # accumulate in float32, round once at the end
        return sdc_torch(image.float(), flow.float(), kernel_v.float(), kernel_h.float(), border).to(dtype)
    batch, channels, height, width = image.shape
    # A NaN displacement has no position: such a pixel is sampled in place, then made NaN, and passes no
    # gradient on.
    lost = flow.isnan().any(1, keepdim=True)
    flow = torch.where(lost, torch.zeros_like(flow), flow).to(dtype)
    rows, weight_v = _taps(flow[:, 1], kernel_v, height, border, vertical=True)
    columns, weight_h = _taps(flow[:, 0], kernel_h, width, border, vertical=False)
    taps = rows.shape[1]
    rows, columns = rows.unsqueeze(2), columns.unsqueeze(1)
    index = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    pixels = image.reshape(batch, channels, height * width)
    if border == "zeros":  # one more pixel, of value 0, for every tap outside
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        index = torch.where(inside, index, height * width)
        pixels = pad(pixels, (0, 1))
    index = index.view(batch, 1, taps * taps * height * width).expand(-1, channels, -1)
    patches = pixels.gather(2, index).view(batch, channels, taps, taps, height, width)
    row_sums = (patches * weight_h[:, None, None]).sum(3)
    out = (row_sums * weight_v[:, None]).sum(2)
    return out.masked_fill(lost, float("nan"))


def _taps(
    displacement: Tensor, kernel: Tensor, size: int, border: str, *, vertical: bool
) -> tuple[Tensor, Tensor]:
    """Whole-pixel indices (B, K+1, H, W) along one axis and the kernel folded with the bilinear fraction."""
    taps = kernel.shape[1] + 1
    grid = torch.arange(size, dtype=displacement.dtype, device=displacement.device)
    position = displacement + (grid[:, None] if vertical else grid[None, :])
    if border == "official":
        # NVIDIA's operator clamps the patch centre, and its two corners coincide from the last pixel on.
        inside = (position >= 0) & (position < size - 1)
        position = torch.where(inside, position, position.detach().clamp(0, size - 1))
    else:
        # Farther than this every tap reads the border; the clamp makes the conversion to integers safe.
        position = position.clamp(-taps, size + taps)
    base = position.detach().floor()
    fraction = (position - base).unsqueeze(1)
    moved = kernel * fraction
    weight = pad(kernel - moved, (0, 0, 0, 0, 0, 1)) + pad(moved, (0, 0, 0, 0, 1, 0))
    offset = torch.arange(taps, device=kernel.device) - (taps - 1) // 2
    return base.long().unsqueeze(1) + offset.view(1, -1, 1, 1), weight
