"""The compiled Padé activation as a torch operator; see `_sdc_native` for how its derivatives work."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from napari_cellsim._cuda import _launch

from ._operator import operator
from ._pau_torch import pau_torch
from ._second_order import second_order

_SCHEMA = "(Tensor x, Tensor numerator, Tensor denominator, str form) -> Tensor"
_BACKWARD_SCHEMA = (
    "(Tensor grad, Tensor x, Tensor numerator, Tensor denominator, str form, bool want_x) "
    "-> (Tensor, Tensor, Tensor)"
)


def _compute(x: Tensor, numerator: Tensor, denominator: Tensor, form: str) -> Tensor:
    """Compute `napari_cellsim.ops.pau` with the compiled kernel of the tensors' device."""
    return _launch.pau_forward(x, numerator, denominator, form)


def _compute_backward(
    grad: Tensor, x: Tensor, numerator: Tensor, denominator: Tensor, form: str, want_x: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the gradients of x (empty unless wanted) and of the coefficients."""
    grads = _launch.pau_backward(grad, x, numerator, denominator, form, want_x)
    grad_x, grad_numerator, grad_denominator = grads
    return (x.new_empty(0) if grad_x is None else grad_x), grad_numerator, grad_denominator


def _fake(x: Tensor, numerator: Tensor, denominator: Tensor, form: str) -> Tensor:
    return torch.empty_like(_launch.dense(x))


def _fake_backward(
    grad: Tensor, x: Tensor, numerator: Tensor, denominator: Tensor, form: str, want_x: bool
) -> tuple[Tensor, Tensor, Tensor]:
    grad_x = torch.empty_like(_launch.dense(x)) if want_x else x.new_empty(0)
    return grad_x, torch.empty_like(numerator), torch.empty_like(denominator)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.form = inputs
    ctx.save_for_backward(*tensors)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    want_x = ctx.needs_input_grad[0]
    grad_x, grad_numerator, grad_denominator = pau_native_backward(grad, *ctx.saved_tensors, ctx.form, want_x)
    return grad_x if want_x else None, grad_numerator, grad_denominator, None


def _save_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.form, ctx.want_x = inputs
    ctx.save_for_backward(*tensors)


def _differentiate_backward(ctx: Any, *grad_grads: Tensor | None) -> tuple[Tensor | None, ...]:
    grad, x, numerator, denominator = ctx.saved_tensors

    def function(x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
        dtype = numerator.dtype  # float32 beside a half-precision x
        return pau_torch(x.to(dtype), numerator, denominator, ctx.form).to(x.dtype)

    wanted = (ctx.want_x, True, True)
    second = second_order(function, grad, (x, numerator, denominator), wanted, grad_grads)
    return (*second, None, None)


pau_native = operator("pau", _SCHEMA, _compute, _fake, _differentiate, _save)
pau_native_backward = operator(
    "pau_backward",
    _BACKWARD_SCHEMA,
    _compute_backward,
    _fake_backward,
    _differentiate_backward,
    _save_backward,
)
