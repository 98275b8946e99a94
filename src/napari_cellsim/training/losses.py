"""Losses of the recipes, apart from the robust one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy_dice(logits: Tensor, target: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy plus soft Dice loss, the latter as mean over the classes that occur in target or prediction.

    Parameters
    ----------
    logits : Tensor
        (B, K, H, W).
    target : Tensor
        (B, H, W), integer classes 0…K−1; negative where unknown, which counts nowhere.
    class_weights : Tensor, optional
        (K,) weights of the cross-entropy.

    Returns
    -------
    Tensor
        Scalar, at least 0.
    """
    known = target >= 0
    target = target.long().clamp(min=0)
    weights = known.float()
    if class_weights is not None:
        weights = weights * class_weights.float()[target]
    entropies = functional.cross_entropy(logits, target, reduction="none")
    entropy = (entropies * weights).sum() / weights.sum().clamp(min=1e-6)
    probabilities = logits.softmax(1) * known[:, None]
    truth = functional.one_hot(target, logits.shape[1]).movedim(-1, 1) * known[:, None]
    overlap = (probabilities * truth).sum((0, 2, 3))
    total = (probabilities + truth).sum((0, 2, 3))
    dice = (2 * overlap + 1) / (total + 1)
    loss: Tensor = entropy + 1 - dice.mean()
    return loss


def endpoint_error(flow: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean Euclidean distance of two flows over the valid pixels, in px.

    Parameters
    ----------
    flow, target : Tensor
        (B, 2, H, W), px.
    valid : Tensor
        (B, H, W), bool.
    """
    error = torch.linalg.vector_norm(flow - target, dim=1)
    mask = valid.to(error.dtype)
    mean: Tensor = (error * mask).sum() / mask.sum().clamp(min=1)
    return mean


def multilevel_endpoint_error(
    flows: Sequence[Tensor],
    target: Tensor,
    valid: Tensor,
    weights: Sequence[float],
    exponent: float = 1.0,
    offset: float = 0.01,
) -> Tensor:
    """Endpoint error of a flow pyramid against the truth averaged down to each level (Sun et al. 2018, eq. 3 and 4).

    Parameters
    ----------
    flows : sequence of Tensor
        (B, 2, h, w) per level, in px of the full resolution.
    target : Tensor
        (B, 2, H, W), px.
    valid : Tensor
        (B, H, W), bool; invalid pixels count neither in the average nor in the loss.
    weights : sequence of float
        One per level.
    exponent : float
        1 gives the plain error; 0.4 with `offset` the robust form for fine-tuning.
    offset : float
        Added to the error before the power, in px.

    Returns
    -------
    Tensor
        Scalar: weighted sum over levels.
    """
    mask = valid[:, None].to(target.dtype)
    # Invalid flow may be NaN, and NaN times zero is NaN.
    clean = torch.where(valid[:, None], target, torch.zeros_like(target))
    total = target.new_zeros(())
    for flow, weight in zip(flows, weights, strict=True):
        size = (flow.shape[-2], flow.shape[-1])
        share = functional.adaptive_avg_pool2d(mask, size)
        level = functional.adaptive_avg_pool2d(clean, size) / share.clamp(min=1e-6)
        error = (((flow - level) ** 2).sum(1) + 1e-12).sqrt()
        if exponent != 1:
            error = (error + offset) ** exponent
        trusted = (share[:, 0] > 0.5).to(error.dtype)
        total = total + weight * (error * trusted).sum() / trusted.sum().clamp(min=1)
    return total


def growth_weight(last: Tensor, target: Tensor, radius: int = 2, weight: float = 1.5) -> Tensor:
    """Weight map W_sv: areas into which cells have grown, dilated, count more (Reich 2020, §6.1.2).

    Parameters
    ----------
    last, target : Tensor
        (B, 1, H, W), bool: where cells are in the last input frame and in the target frame.
    radius : int
        Half-width of the square that dilates the grown area, px.
    weight : float
        Value in the grown area; 1 elsewhere. It multiplies the residual, not the loss.

    Returns
    -------
    Tensor
        (B, 1, H, W), float32.
    """
    growth = (target & ~last).float()
    dilated = functional.max_pool2d(growth, 2 * radius + 1, stride=1, padding=radius)
    return 1 + (weight - 1) * dilated
