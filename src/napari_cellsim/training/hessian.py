"""Hessian penalty: asks that each coordinate of a latent acts independently of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..base import CellSimError


def hessian_penalty(
    function: Callable[[Tensor], Tensor | Sequence[Tensor]],
    latent: Tensor,
    *,
    draws: int = 2,
    step: float = 0.1,
    largest: bool = True,
) -> Tensor:
    """Estimate the squared off-diagonal part of the Hessian of a network with respect to its input.

    For a direction v of random signs, ``Var_v(vᵀHv) = 2·Σ_{i≠j} H_ij²``; vᵀHv comes from central differences, so
    that no second derivative has to be formed (Peebles et al., "The Hessian Penalty", ECCV 2020, eq. 4–7).

    Parameters
    ----------
    function : callable
        The network, a deterministic function: noise must be the same in each call. It returns (B, ...), or several
        such tensors, e.g. the maps of several layers, whose penalties are averaged.
    latent : Tensor
        (B, ...), floating point: where to evaluate.
    draws : int
        Directions per latent, at least 2. ``2 · draws + 1`` evaluations are needed.
    step : float
        Length of the finite difference.
    largest : bool
        Whether the worst output of each sample counts (as in the paper), or the mean over its outputs.

    Returns
    -------
    Tensor
        Scalar, not negative, differentiable; the mean over the batch. An unbiased estimate if `largest` is off.

    Raises
    ------
    CellSimError
        If `draws` or `step` makes no sense.
    """
    if draws < 2 or step <= 0:
        raise CellSimError(
            f"The Hessian penalty needs at least 2 draws and a positive step, not {draws} and {step}."
        )
    centre = _as_list(function(latent))
    curvatures: list[list[Tensor]] = [[] for _ in centre]
    for _ in range(draws):
        signs = torch.randint(0, 2, latent.shape, device=latent.device).to(latent.dtype) * 2 - 1
        ahead = _as_list(function(latent + step * signs))
        behind = _as_list(function(latent - step * signs))
        for found, a, c, b in zip(curvatures, ahead, centre, behind, strict=True):
            found.append((a - 2 * c + b) / step**2)
    penalties = []
    for found in curvatures:
        variance = torch.stack(found).var(0, correction=1).flatten(1)
        penalties.append((variance.amax(1) if largest else variance.mean(1)).mean())
    return torch.stack(penalties).mean()


def _as_list(value: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else list(value)
