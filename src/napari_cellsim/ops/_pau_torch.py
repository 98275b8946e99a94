"""The Padé activation unit as plain torch operations."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cellsim._cuda._launch import dense

# Elements handled at once during inference: the temporaries then stay in the cache, which is five times
# faster.
_CHUNK = 65536


def pau_torch(x: Tensor, numerator: Tensor, denominator: Tensor, form: str) -> Tensor:
    """Evaluate `napari_cellsim.ops.pau` differentiably; arguments are taken as valid and of one dtype."""
    a0, a1, a2, a3, a4, a5 = numerator
    top = ((((a5 * x + a4) * x + a3) * x + a2) * x + a1) * x + a0
    if form == "A":
        b1, b2, b3, b4 = _magnitude(denominator)
        size = x.abs()
        bottom = (((b4 * size + b3) * size + b2) * size + b1) * size + 1
    else:
        b1, b2, b3, b4 = denominator
        bottom = _magnitude((((b4 * x + b3) * x + b2) * x + b1) * x) + 1
    ratio: Tensor = top / bottom
    return ratio


def _magnitude(value: Tensor) -> Tensor:
    """|value|, with the gradient ±1 of its sign bit at ±0, where `torch.abs` has none.

    A coefficient that starts at exactly zero would otherwise stay there for ever.
    """
    return value * torch.copysign(torch.ones_like(value), value.detach())


def pau_torch_inference(x: Tensor, numerator: Tensor, denominator: Tensor, form: str) -> Tensor:
    """Evaluate without autograd, in place and in cache-sized chunks."""
    a = [float(value) for value in numerator]
    b = [float(value) for value in denominator]
    if form == "A":
        b = [abs(value) for value in b]
    x = dense(x.detach())
    result = torch.empty_like(x)
    flat, out = (tensor.as_strided((x.numel(),), (1,)) for tensor in (x, result))  # in the order of memory
    for start in range(0, flat.numel(), _CHUNK):
        part = flat[start : start + _CHUNK]
        top = out[start : start + _CHUNK]
        torch.mul(part, a[5], out=top)
        for coefficient in (a[4], a[3], a[2], a[1]):
            top.add_(coefficient).mul_(part)
        top.add_(a[0])
        size = part.abs() if form == "A" else part
        bottom = size * b[3]
        for coefficient in (b[2], b[1], b[0]):
            bottom.add_(coefficient).mul_(size)
        top.div_(bottom.abs_().add_(1))
    return result
