"""Derivatives of compiled gradients, by way of the plain torch form of the operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def second_order(
    function: Callable[..., Tensor],
    grad: Tensor,
    inputs: Sequence[Tensor],
    wanted: Sequence[bool],
    grad_grads: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Differentiate the gradients of ``function(*inputs)`` once more.

    Parameters
    ----------
    function
        The operator as torch operations.
    grad
        Incoming gradient of its output.
    inputs
        Its inputs.
    wanted
        For which of `inputs` the compiled backward pass returned a gradient.
    grad_grads
        Incoming gradients of those gradients, one per input; None or ignored where none was returned.

    Returns
    -------
    list of Tensor or None
        Gradients of `grad` and of each of `inputs`. They are differentiable themselves if gradients are
        enabled.
    """
    again = torch.is_grad_enabled()

    def part(tensor: Tensor) -> Tensor:
        # A view keeps the way to the caller's graph where still higher derivatives are asked for.
        return tensor.view_as(tensor) if again and tensor.requires_grad else tensor.detach().requires_grad_()

    with torch.enable_grad():
        grad, *parts = (part(tensor) for tensor in (grad, *inputs))
        chosen = [tensor for tensor, want in zip(parts, wanted, strict=True) if want]
        first = torch.autograd.grad(function(*parts), chosen, grad, create_graph=True)
    outer = [g for g, want in zip(grad_grads, wanted, strict=True) if want]
    pairs = [(f, g) for f, g in zip(first, outer, strict=True) if g is not None and f.requires_grad]
    if not pairs:
        return [None] * (1 + len(parts))
    second = torch.autograd.grad(
        [f for f, _ in pairs],
        [grad, *parts],
        [g for _, g in pairs],
        create_graph=again,
        allow_unused=True,
    )
    return list(second)
