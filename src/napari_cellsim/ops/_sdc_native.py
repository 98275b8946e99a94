"""The compiled spatially-displaced convolution as a torch operator.

Its gradient is compiled, too; the gradient of that gradient is computed with torch operations.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor

from napari_cellsim._cuda import _launch

from ._operator import operator, plain_operator, widen_under_autocast
from ._sdc_torch import sdc_torch
from ._second_order import second_order

_INPUTS = 4  # image, flow, kernel_v, kernel_h

_SCHEMA = "(Tensor image, Tensor flow, Tensor kernel_v, Tensor kernel_h, str border) -> Tensor"
_BACKWARD_SCHEMA = (
    "(Tensor grad, Tensor image, Tensor flow, Tensor kernel_v, Tensor kernel_h, str border, bool want_image, "
    "bool want_flow, bool want_kernel_v, bool want_kernel_h) -> (Tensor, Tensor, Tensor, Tensor)"
)


def _compute(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor, border: str) -> Tensor:
    """Compute `napari_cellsim.ops.sdc` with the compiled kernel of the tensors' device."""
    return _launch.sdc_forward(image, flow, kernel_v, kernel_h, border)


def _compute_backward(
    grad: Tensor,
    image: Tensor,
    flow: Tensor,
    kernel_v: Tensor,
    kernel_h: Tensor,
    border: str,
    want_image: bool,
    want_flow: bool,
    want_kernel_v: bool,
    want_kernel_h: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute the gradients of the four inputs; those not wanted are not computed and come back empty."""
    wanted = (want_image, want_flow, want_kernel_v, want_kernel_h)
    grads = _launch.sdc_backward(grad, image, flow, kernel_v, kernel_h, border, wanted)
    a, b, c, d = (grad.new_empty(0) if g is None else g for g in grads)
    return a, b, c, d


def _fake(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor, border: str) -> Tensor:
    return image.new_empty(image.shape)


def _fake_backward(
    grad: Tensor,
    image: Tensor,
    flow: Tensor,
    kernel_v: Tensor,
    kernel_h: Tensor,
    border: str,
    want_image: bool,
    want_flow: bool,
    want_kernel_v: bool,
    want_kernel_h: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    def like(tensor: Tensor, want: bool) -> Tensor:
        return tensor.new_empty(tensor.shape) if want else grad.new_empty(0)

    return (
        like(image, want_image),
        like(flow, want_flow),
        like(kernel_v, want_kernel_v),
        like(kernel_h, want_kernel_h),
    )


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.border = inputs
    ctx.save_for_backward(*tensors)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    wanted = ctx.needs_input_grad[:_INPUTS]
    grads = sdc_native_backward(grad, *ctx.saved_tensors, ctx.border, *wanted)
    return (*(g if want else None for g, want in zip(grads, wanted, strict=True)), None)


def _save_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[: 1 + _INPUTS])
    ctx.border, *ctx.wanted = inputs[1 + _INPUTS :]


def _differentiate_backward(ctx: Any, *grad_grads: Tensor | None) -> tuple[Tensor | None, ...]:
    grad, *inputs = ctx.saved_tensors
    function = partial(sdc_torch, border=ctx.border)
    second = second_order(function, grad, inputs, ctx.wanted, grad_grads)
    return (*second, None, *[None] * _INPUTS)


sdc_native = operator("sdc", _SCHEMA, _compute, _fake, _differentiate, _save)
sdc_native_plain = plain_operator("sdc_plain", _SCHEMA, _compute, _fake, differentiable=False)
sdc_native_backward = operator(
    "sdc_backward",
    _BACKWARD_SCHEMA,
    _compute_backward,
    _fake_backward,
    _differentiate_backward,
    _save_backward,
)
for _name in ("sdc", "sdc_plain"):
    widen_under_autocast(_name)
