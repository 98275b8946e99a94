"""AdamP: Adam that removes the radial part of updates of scale-invariant weights.

Heo et al., "AdamP: Slowing Down the Slowdown for Momentum Optimizers on Scale-invariant Weights", ICLR 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, overload

import torch


class AdamP(torch.optim.Optimizer):
    r"""Adam with decoupled weight decay and projection of scale-invariant weights.

    For a tensor with two or more dimensions, rows ``p.view(p.size(0), -1)`` first and the whole tensor second are
    tested: if the largest absolute cosine between gradient and weight is below ``delta / sqrt(row length)``, the weight
    is taken to be scale-invariant, the update loses its component along the weight, and weight decay is multiplied
    with ``wd_ratio``. One-dimensional tensors (biases, norm gains, Padé coefficients) are never projected.

    Parameters
    ----------
    params : iterable
        Parameters or parameter groups.
    lr : float
        Learning rate.
    betas : tuple of float
        Decay of the running means of gradient and squared gradient.
    eps : float
        Added to the denominator, outside the square root.
    weight_decay : float
        Decoupled weight decay: ``p`` shrinks by ``lr * weight_decay`` per step.
    delta : float
        Scale-invariance threshold of the cosine test.
    wd_ratio : float
        Factor on the weight decay of projected tensors.
    nesterov : bool
        Use the Nesterov form of the momentum.

    Raises
    ------
    ValueError
        If a hyper-parameter lies outside its range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        delta: float = 0.1,
        wd_ratio: float = 0.1,
        nesterov: bool = False,
    ) -> None:
        if lr < 0 or eps < 0 or weight_decay < 0 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(
                "AdamP needs lr, eps and weight_decay of at least 0 and betas in [0, 1), "
                f"got {lr}, {eps}, {weight_decay}, {betas}."
            )
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "delta": delta,
            "wd_ratio": wd_ratio,
            "nesterov": nesterov,
        }
        super().__init__(params, defaults)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Re-evaluates the model and returns the loss.

        Returns
        -------
        float or None
            What `closure` returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                self._update(params, group)
        return loss

    def _update(self, params: list[torch.Tensor], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        grads = [p.grad for p in params if p.grad is not None]
        for p in params:
            if not self.state[p]:
                self.state[p] = {
                    "step": torch.zeros((), dtype=torch.float32),
                    "exp_avg": torch.zeros_like(p, memory_format=torch.preserve_format),
                    "exp_avg_sq": torch.zeros_like(p, memory_format=torch.preserve_format),
                }
            self.state[p]["step"] += 1
        steps = [self.state[p]["step"].item() for p in params]
        means = [self.state[p]["exp_avg"] for p in params]
        squares = [self.state[p]["exp_avg_sq"] for p in params]

        torch._foreach_mul_(means, beta1)
        torch._foreach_add_(means, grads, alpha=1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, grads, grads, value=1 - beta2)
        denominators = torch._foreach_sqrt(squares)
        torch._foreach_div_(denominators, [math.sqrt(1 - beta2**step) for step in steps])
        torch._foreach_add_(denominators, group["eps"])
        momenta: Any = means
        if group["nesterov"]:
            momenta = torch._foreach_mul(means, beta1)
            torch._foreach_add_(momenta, grads, alpha=1 - beta1)
        updates = list(torch._foreach_div(momenta, denominators))

        decays = []
        for index, (p, grad) in enumerate(zip(params, grads, strict=True)):
            ratio = 1.0
            if p.ndim > 1:
                updates[index], ratio = _project(p, grad, updates[index], group)
            decays.append(1 - group["lr"] * group["weight_decay"] * ratio)
        if group["weight_decay"] > 0:
            torch._foreach_mul_(params, decays)
        torch._foreach_mul_(updates, [-group["lr"] / (1 - beta1**step) for step in steps])
        torch._foreach_add_(params, updates)


def _project(
    p: torch.Tensor, grad: torch.Tensor, update: torch.Tensor, group: dict[str, Any]
) -> tuple[torch.Tensor, float]:
    """Return the update without its radial part, and the weight-decay ratio, if `p` looks scale-invariant."""
    eps = group["eps"]
    for rows in (p.size(0), 1):
        weights, gradients = p.reshape(rows, -1), grad.reshape(rows, -1)
        cosine = torch.nn.functional.cosine_similarity(gradients, weights, dim=1, eps=eps).abs()
        if cosine.max() < group["delta"] / math.sqrt(weights.size(1)):
            unit = weights / (weights.norm(dim=1, keepdim=True) + eps)
            flat = update.reshape(rows, -1)
            flat = flat - unit * (unit * flat).sum(dim=1, keepdim=True)
            return flat.reshape(p.shape), group["wd_ratio"]
    return update, 1.0
