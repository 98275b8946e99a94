"""Losses of optical flow without truth: census photometry, visibility by consistency, edge-aware smoothness.

All flows are (B, 2, H, W) in px, channel 0 along x, and lead from each pixel of a picture to its place in another one:
``first(x) ~ second(x + flow(x))``.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..ops import warp
from .augmentation import gaussian_blur

_HALF_DISTANCE = 0.1  # squared difference of two census values that counts half
_EPSILON = 1e-3
_MOST_HIDDEN = 0.3


def census(images: Tensor, radius: int = 2, softness: float = 2.0, deviation: Tensor | None = None) -> Tensor:
    """Return how each pixel compares with its neighbours: a soft ternary census transform.

    The differences d to the neighbours become d/√(c² + d²), as in Meister et al. 2018 (UnFlow, §3.2; there with
    constant c), where c is `softness` times the standard deviation of each picture. So the result stays the same if the
    brightness of a picture is multiplied or shifted.

    Parameters
    ----------
    images : Tensor
        (B, 1, H, W).
    radius : int
        Half-width of the square of neighbours, px.
    softness : float
        Differences far above this many standard deviations of the picture all count as 1, smaller ones in proportion.

    deviation : Tensor, optional
        (B, 1, 1, 1), standard deviation to use instead of the pictures' own.

    Returns
    -------
    Tensor
        (B, (2·radius + 1)² − 1, H, W), from −1 (much darker neighbour) to 1. Beyond the border lies the border pixel.
    """
    scale = softness * (_deviation(images) if deviation is None else deviation)
    height, width = images.shape[-2:]
    padded = functional.pad(images / scale, (radius,) * 4, mode="replicate")
    middle = images / scale
    offsets = [
        (y, x) for y in range(2 * radius + 1) for x in range(2 * radius + 1) if (y, x) != (radius, radius)
    ]
    neighbours = torch.cat([padded[..., y : y + height, x : x + width] for y, x in offsets], 1)
    differences = neighbours - middle
    return differences * torch.rsqrt(1 + differences.square())


def _deviation(images: Tensor) -> Tensor:
    return images.detach().std((-2, -1), keepdim=True).clamp(min=1e-6)


def census_distance(first: Tensor, second: Tensor) -> Tensor:
    """Return the share of neighbours that compare otherwise, a soft Hamming distance (Meister et al. 2018, §3.2).

    Parameters
    ----------
    first, second : Tensor
        (B, N, H, W), what `census` returned.

    Returns
    -------
    Tensor
        (B, 1, H, W), from 0 to nearly 1.
    """
    squared = (first - second).square()
    return (squared / (_HALF_DISTANCE + squared)).mean(1, keepdim=True)


def charbonnier(x: Tensor) -> Tensor:
    """Return ``√(x² + ε²) − ε`` with ε = 0.001, nearly ``|x|``: a robust penalty (Sun, Roth, Black 2014, §3.2)."""
    return (x.square() + _EPSILON**2).sqrt() - _EPSILON


def inside(flow: Tensor) -> Tensor:
    """Return where a flow stays within the picture: (B, 1, H, W), bool."""
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    return ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1))[:, None]


def visible(flow: Tensor, backward: Tensor, relative: float = 0.01, absolute: float = 0.5) -> Tensor:
    """Return which pixels of the first picture the second shows too: those that flow and back flow bring home.

    ``|w + w'|² < relative·(|w|² + |w'|²) + absolute``, where w' is the back flow at the displaced position (Sundaram,
    Brox, Keutzer 2010, eq. 5; constants of Meister et al. 2018, §3.1).

    Parameters
    ----------
    flow, backward : Tensor
        From the first picture to the second, and from the second to the first.
    relative, absolute : float
        Tolerances; the latter in px².

    Returns
    -------
    Tensor
        (B, 1, H, W), bool; without gradient.
    """
    with torch.no_grad():
        returned = warp(backward, flow)
        mismatch = (flow + returned).square().sum(1, keepdim=True)
        lengths = flow.square().sum(1, keepdim=True) + returned.square().sum(1, keepdim=True)
        return (mismatch < relative * lengths + absolute) & inside(flow)


def believable(seen: Tensor) -> Tensor:
    """Return the same, but everything for pictures of which more than 30 % would be hidden.

    Cells hide little of each other. A flow that seems to hide more, or leaves the picture, is wrong, and a network that
    were never judged there would end up with flow that is nowhere judged.

    Parameters
    ----------
    seen : Tensor
        (B, 1, H, W), bool.
    """
    hidden = (~seen).float().mean((1, 2, 3), keepdim=True)
    return seen | (hidden > _MOST_HIDDEN)


def photometric_error(
    first: Tensor,
    second: Tensor,
    flow: Tensor,
    seen: Tensor,
    *,
    radius: int = 2,
    softness: float = 2.0,
    blur: float = 1.0,
) -> Tensor:
    """Return the mean census distance between a picture and the other one, warped onto it.

    Both are blurred first: a flow that displaces by half pixels averages camera noise away, so that without blurring a
    wrong flow explains noisy pictures better than the true one does.

    Parameters
    ----------
    first, second : Tensor
        (B, 1, H, W).
    flow : Tensor
        From the first to the second.
    seen : Tensor
        (B, 1, H, W), bool: pixels that count; those closer to the border than `radius` never do.
    radius, softness : int, float
        Of `census`.
    blur : float
        σ in px; 0 for none.

    Returns
    -------
    Tensor
        Scalar from 0 to nearly 1; 0 if no pixel counts.
    """
    if blur:
        first, second = (gaussian_blur(pictures[:, 0], blur)[:, None] for pictures in (first, second))
    # warping changes the standard deviation, which must not become a way to change the error
    warped = census(warp(second, flow), radius, softness, _deviation(second))
    distance = census_distance(census(first, radius, softness), warped)
    counted = torch.zeros_like(distance)
    counted[..., radius:-radius, radius:-radius] = 1
    counted = counted * seen
    return (charbonnier(distance) * counted).sum() / counted.sum().clamp(min=1)


def smoothness(flow: Tensor, image: Tensor, order: Literal[1, 2] = 2, edge: float = 5.0) -> Tensor:
    """Return the mean size of the flow's first or second derivatives, less at edges of the picture.

    Each derivative is weighted by ``exp(−edge·|∂I|/σ)`` with the picture's derivative in the same direction over its
    standard deviation (Jonschkowski et al. 2020, eq. 4 and 5; there without σ).

    Parameters
    ----------
    flow : Tensor
        (B, 2, H, W), px.
    image : Tensor
        (B, 1, H, W), the picture on whose grid the flow lies.
    order : {1, 2}
        1 is zero for constant flow, 2 for affine flow.
    edge : float
        0 ignores the picture.

    Returns
    -------
    Tensor
        Scalar, at least 0, px.
    """
    scaled = image.detach() / _deviation(image)
    total = flow.new_zeros(())
    for axis in (-1, -2):
        change = scaled.diff(dim=axis).abs()
        bend = flow.diff(n=order, dim=axis)
        if order == 2:
            # the middle of three pixels has an edge on either side
            length = change.shape[axis]
            change = change.narrow(axis, 0, length - 1) + change.narrow(axis, 1, length - 1)
        total = total + (torch.exp(-edge * change) * charbonnier(bend)).mean()
    return total / 2
