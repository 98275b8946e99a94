"""Call the C functions on torch tensors. Arguments are taken as valid; gradients are not recorded."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from napari_cellsim.base.errors import CellSimError

from . import _lib
from ._report import status

_DTYPES = {torch.float32: 0, torch.float64: 1, torch.float16: 2, torch.bfloat16: 3}
_BORDERS = {"replicate": 0, "official": 1, "zeros": 2}
_FORMS = {"A": 0, "B": 1}
_CPU_TYPES = (torch.float32, torch.float64)
_CUDA_TYPES = (torch.float32, torch.float16, torch.bfloat16)
_CPU_MAX_TAPS = 31
_CUDA_TAPS = (1, 3, 5, 7, 9, 11)
_PAU_SUMS = 10
# Bits left of the binary point for the largest single contribution in the deterministic image gradient: an
# int64 then holds the sum of 2**22 of them.
_FIXED_POINT = 2.0**40


def sdc_is_native(device: torch.device, dtype: torch.dtype, taps: int) -> bool:
    """Whether a compiled kernel covers this case of the spatially-displaced convolution."""
    if _backend(device) == "c++":
        return dtype in _CPU_TYPES and taps <= _CPU_MAX_TAPS
    return _backend(device) == "cuda" and dtype in _CUDA_TYPES and taps in _CUDA_TAPS


def pau_is_native(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a compiled kernel covers this case of the Padé activation."""
    types = {"c++": _CPU_TYPES, "cuda": _CUDA_TYPES}.get(_backend(device), ())
    return dtype in types


def sdc_forward(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor, border: str) -> Tensor:
    """Compute `napari_cellsim.ops.sdc`; on CUDA `flow` is float32."""
    image, flow, kernel_v, kernel_h = (t.contiguous() for t in (image, flow, kernel_v, kernel_h))
    out = torch.empty_like(image)
    if out.numel():
        _call(
            "sdc_forward",
            image,
            _pointers(image, flow, kernel_v, kernel_h, out),
            _sdc_shape(image, kernel_v, border),
        )
    return out


def sdc_backward(
    grad: Tensor,
    image: Tensor,
    flow: Tensor,
    kernel_v: Tensor,
    kernel_h: Tensor,
    border: str,
    wanted: tuple[bool, bool, bool, bool],
) -> tuple[Tensor | None, ...]:
    """Gradients of image, flow, kernel_v and kernel_h; None where not wanted."""
    grad, image, flow, kernel_v, kernel_h = (t.contiguous() for t in (grad, image, flow, kernel_v, kernel_h))
    inputs = (image, flow, kernel_v, kernel_h)
    if not grad.numel():
        return tuple(torch.zeros_like(t) if want else None for t, want in zip(inputs, wanted, strict=True))
    outputs = [torch.empty_like(t) if want else None for t, want in zip(inputs, wanted, strict=True)]
    shape = _sdc_shape(image, kernel_v, border)
    if not image.is_cuda:
        _call("sdc_backward", image, _pointers(grad, *inputs, *outputs), shape)
        return tuple(outputs)
    # On a GPU the image gradient is a sum of atomic additions, in float32 or, where the result must not
    # depend on their order, in fixed point.
    scale = None
    if wanted[0] and torch.are_deterministic_algorithms_enabled():
        largest = torch.stack([t.abs().amax().float() for t in (grad, kernel_v, kernel_h)]).prod()
        scale = torch.where(largest > 0, _FIXED_POINT / largest, 1.0)
        outputs[0] = torch.zeros(image.shape, dtype=torch.int64, device=image.device)
    elif wanted[0]:
        outputs[0] = torch.zeros(image.shape, dtype=torch.float32, device=image.device)
    _call("sdc_backward", image, _pointers(grad, *inputs, *outputs, scale), shape)
    if outputs[0] is not None:
        total = outputs[0].float() if scale is None else outputs[0].float() / scale
        outputs[0] = total.to(image.dtype)
    return tuple(outputs)


def pau_forward(x: Tensor, numerator: Tensor, denominator: Tensor, form: str) -> Tensor:
    """Compute `napari_cellsim.ops.pau`; coefficients have the dtype of `x`, on CUDA float32."""
    x, numerator, denominator = dense(x), numerator.contiguous(), denominator.contiguous()
    out = torch.empty_like(x)
    if x.numel():
        _call("pau_forward", x, _pointers(x, numerator, denominator, out), (x.numel(), _FORMS[form]))
    return out


def pau_backward(
    grad: Tensor, x: Tensor, numerator: Tensor, denominator: Tensor, form: str, want_x: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Gradients of x (None where not wanted), numerator and denominator."""
    x, numerator, denominator = dense(x), numerator.contiguous(), denominator.contiguous()
    grad = grad.contiguous(memory_format=_memory_format(x))
    grad_x = torch.empty_like(x) if want_x else None
    if not x.numel():
        return grad_x, torch.zeros_like(numerator), torch.zeros_like(denominator)
    size = (x.numel(), _FORMS[form])
    if not x.is_cuda:
        grad_n, grad_d = torch.empty_like(numerator), torch.empty_like(denominator)
        _call("pau_backward", x, _pointers(grad, x, numerator, denominator, grad_x, grad_n, grad_d), size)
        return grad_x, grad_n, grad_d
    blocks = min(1024, -(-x.numel() // 2048))
    partial = torch.empty((blocks, _PAU_SUMS), dtype=torch.float32, device=x.device)
    _call("pau_backward", x, _pointers(grad, x, numerator, denominator, grad_x, partial), (*size, blocks))
    total = partial.sum(0)
    return grad_x, total[: numerator.numel()], total[numerator.numel() :]


def dense(x: Tensor) -> Tensor:
    """Lay `x` out without gaps, in the memory format it has: a channels-last network stays channels-last."""
    return x.contiguous(memory_format=_memory_format(x))


def _memory_format(x: Tensor) -> torch.memory_format:
    last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.dim())
    if last is not None and not x.is_contiguous() and x.is_contiguous(memory_format=last):
        return last
    return torch.contiguous_format


def _backend(device: torch.device) -> str:
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        return status(f"cuda:{index}").backend
    return status(device.type).backend


def _sdc_shape(image: Tensor, kernel: Tensor, border: str) -> tuple[int, ...]:
    return (*image.shape, kernel.shape[1], _BORDERS[border])


def _pointers(*tensors: Tensor | None) -> list[int | None]:
    return [None if tensor is None else tensor.data_ptr() for tensor in tensors]


def _call(name: str, tensor: Tensor, pointers: list[int | None], numbers: tuple[int, ...]) -> None:
    library = (_lib.cuda_library() if tensor.is_cuda else _lib.cpu_library()).handle
    assert library is not None  # callers ask *_is_native first
    dtype = _DTYPES[tensor.dtype]
    if tensor.is_cuda:
        stream = ctypes.c_void_p(torch.cuda.current_stream(tensor.device).cuda_stream)
        function = getattr(library, f"cellsim_{name}_cuda")
        error = function(dtype, *pointers, *numbers, tensor.device.index, stream)
        if error:
            raise CellSimError(
                f"The CUDA kernel {name} failed: {library.cellsim_cuda_error(error).decode()}."
            )
        return
    error = getattr(library, f"cellsim_{name}_cpu")(dtype, *pointers, *numbers, torch.get_num_threads())
    if error == 2:
        raise CellSimError(
            f"There is not enough memory for {name} on a tensor of shape {tuple(tensor.shape)}."
        )
    if error:
        raise CellSimError(
            f"The kernel {name} refused a tensor of shape {tuple(tensor.shape)} (error {error})."
        )
