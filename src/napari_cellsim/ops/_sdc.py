"""The spatially-displaced convolution (SDC)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from napari_cellsim._cuda._launch import sdc_is_native
from napari_cellsim.base.errors import CellSimError

from ._checks import HALF_TYPES, check_dtype, check_floating, check_same_device, check_shape, widen
from ._sdc_native import sdc_native, sdc_native_plain
from ._sdc_torch import sdc_torch

Border = Literal["replicate", "official", "zeros"]
BORDERS = ("replicate", "official", "zeros")


def sdc(
    image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor, border: Border = "replicate"
) -> Tensor:
    """Displace every pixel's neighbourhood by its own flow and weight it with its own separable kernel.

    ``out(x, y) = Σᵢⱼ kernel_v[i] · kernel_h[j] · image(x + u + j - r, y + v + i - r)`` with ``r = (K - 1) /
    2``: a correlation (no flip), sampled bilinearly, kernels not normalised.

    Parameters
    ----------
    image
        (B, C, H, W), floating point.
    flow
        (B, 2, H, W) in pixels; channel 0 is u (x, to the right), channel 1 is v (y, down). Same dtype as
        `image`, or float32 (advisable beside half-precision images: a bfloat16 displacement loses its
        fraction). A displacement that leaves the image is fine, however large. A NaN makes that one output
        pixel NaN, without gradient.
    kernel_v, kernel_h
        (B, K, H, W), K odd, same dtype as `image`: per-pixel weights of the rows and of the columns.
    border
        ``"replicate"`` repeats the border pixel for every tap outside; ``"official"`` first clamps the
        displaced centre into the image, as NVIDIA's operator does on a replicate-padded image; ``"zeros"``
        reads 0 outside.

    Returns
    -------
    Tensor
        (B, C, H, W), dtype of `image` (float32 under autocast); half types are accumulated in float32.

    Raises
    ------
    CellSimError
        If shapes, dtypes or devices do not fit together, or K is even.

    Notes
    -----
    Reda et al., "SDC-Net: Video prediction using spatially-displaced convolution", ECCV 2018, eq. 4; the
    separable form follows from the fraction of the displacement being the same for all taps of a pixel.
    """
    if torch.is_autocast_enabled(image.device.type):
        with torch.autocast(image.device.type, enabled=False):
            return sdc(widen(image), widen(flow), widen(kernel_v), widen(kernel_h), border)
    if not _obviously_fits(image, flow, kernel_v, kernel_h, border):
        _check(image, flow, kernel_v, kernel_h, border)
    if image.device.type == "cuda":
        flow = widen(flow)
    elif image.dtype in HALF_TYPES:  # the processor computes in float32 and rounds once
        out = sdc(widen(image), widen(flow), widen(kernel_v), widen(kernel_h), border)
        return out.to(image.dtype)
    if sdc_is_native(image.device, image.dtype, kernel_v.shape[1]):
        differentiable = torch.is_grad_enabled() and (
            image.requires_grad or flow.requires_grad or kernel_v.requires_grad or kernel_h.requires_grad
        )
        native = sdc_native if differentiable else sdc_native_plain
        result: Tensor = native(image, flow, kernel_v, kernel_h, border)
        return result
    return sdc_torch(image, flow, kernel_v, kernel_h, border)


# torch.compile asks once, while it traces, and never looks inside. torch.compiler.assume_constant_result does just
# this, but imports the whole compiler, which would cost every first forecast seconds.
sdc_is_native._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _obviously_fits(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor, border: str) -> bool:
    """Whether `_check` would find nothing, in a tenth of its time: float32 or float64 throughout."""
    if image.dim() != 4 or kernel_v.dim() != 4:
        return False
    batch, _, height, width = image.shape
    taps = kernel_v.shape[1]
    return (
        border in BORDERS
        and flow.shape == (batch, 2, height, width)
        and kernel_v.shape == (batch, taps, height, width) == kernel_h.shape
        and taps % 2 == 1
        and height * width > 0
        and image.dtype in (torch.float32, torch.float64)
        and image.dtype == flow.dtype == kernel_v.dtype == kernel_h.dtype
        and image.device == flow.device == kernel_v.device == kernel_h.device
    )


def _check(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor, border: str) -> None:
    if border not in BORDERS:
        raise CellSimError(f"border is {border!r}; choose one of {', '.join(BORDERS)}.")
    check_floating(image=image, flow=flow, kernel_v=kernel_v, kernel_h=kernel_h)
    check_shape("image", image, ("B", "C", "H", "W"))
    batch, _, height, width = image.shape
    if height == 0 or width == 0:
        raise CellSimError(f"image has shape {tuple(image.shape)}: it needs at least one pixel.")
    check_shape("flow", flow, (batch, 2, height, width))
    check_shape("kernel_v", kernel_v, (batch, "K", height, width))
    check_shape("kernel_h", kernel_h, (batch, kernel_v.shape[1], height, width))
    if kernel_v.shape[1] % 2 == 0:
        raise CellSimError(
            f"The kernels have {kernel_v.shape[1]} taps; use an odd number, so that one is central."
        )
    check_dtype("kernel_v", kernel_v, (image.dtype,))
    check_dtype("kernel_h", kernel_h, (image.dtype,))
    check_dtype("flow", flow, (image.dtype, torch.float32) if image.dtype in HALF_TYPES else (image.dtype,))
    check_same_device(image=image, flow=flow, kernel_v=kernel_v, kernel_h=kernel_h)
