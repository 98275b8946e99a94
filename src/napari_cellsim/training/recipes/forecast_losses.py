"""Terms of the loss that the later stages of the recipe `sdcnet` add to, or use instead of, the robust one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def squared_error(residual: Tensor, unit: Tensor, levels: int = 0) -> Tensor:
    """Return the mean over horizons of the squared error, each in units of its own, over a pyramid of resolutions.

    Parameters
    ----------
    residual : Tensor
        (B, S, 1, H, W).
    unit : Tensor
        (S,), typical squared error at each horizon: far frames would otherwise be all that is learned.
    levels : int
        Number of halvings: coarse levels see whether a cell is in its place before its texture can match.
    """
    pictures, steps = residual.flatten(0, 1), residual.shape[1]
    terms = []
    for level in range(levels + 1):
        if level:
            pictures = F.avg_pool2d(pictures, 2)
        terms.append((pictures.square().mean((1, 2, 3)).unflatten(0, (-1, steps)) / unit).mean())
    return torch.stack(terms).mean()


def flow_roughness(flow: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbouring flow vectors (B, 2, H, W), in px: its total variation."""
    across = (flow[..., 1:] - flow[..., :-1]).abs().mean()
    down = (flow[..., 1:, :] - flow[..., :-1, :]).abs().mean()
    return across + down


def flow_error(flow: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Return the mean end-point error in px of flow (B, S, 2, H, W) where `valid` (B, S, H, W); 0 where nothing is."""
    error = ((flow - truth).square().sum(2) + 1e-6).sqrt()
    return (error * valid).sum() / valid.sum().clamp(min=1)


def laplace_likelihood(error: Tensor, scale: Tensor) -> Tensor:
    """Return the mean negative logarithm of the Laplace density of `error` with mean absolute error `scale`.

    ``log(2 b) + |e| / b`` (Kendall and Gal, NeurIPS 2017, §2.2, with the Laplace in place of the normal density), for
    tensors of any one shape.
    """
    scale = scale.clamp(min=1e-5)
    return (torch.log(2 * scale) + error.abs() / scale).mean()


def energy_score(
    first: Tensor, second: Tensor, truth: Tensor, patches: Sequence[int], variety: float = 1.0
) -> Tensor:
    """Return the energy score of two independent samples, patch by patch.

    ``½ (‖x - y‖ + ‖x' - y‖) - ½ v ‖x - x'‖`` with the root of the mean square over patches as norm is smallest in
    expectation, for ``v = 1``, if the samples are drawn from the true distribution of patches (Gneiting and Raftery,
    JASA 2007, §4.3; patches: Pacchiardi et al., JMLR 2024). An average of futures scores worse than the futures
    themselves.

    Parameters
    ----------
    first, second, truth : Tensor
        (B, 1, H, W).
    patches : sequence of int
        Sides of the patches, px; the mean over them is returned.
    variety : float
        v; smaller ones draw the samples together, nearer to what is expected.
    """

    def distance(a: Tensor, b: Tensor, side: int) -> Tensor:
        square = (a - b).square()
        if side > 1:
            square = F.avg_pool2d(square, side, stride=max(1, side // 2))
        # the gradient of a root is unbounded at zero
        return (square + 1e-6).sqrt().mean()

    scores = [
        0.5 * (distance(first, truth, side) + distance(second, truth, side))
        - 0.5 * variety * distance(first, second, side)
        for side in patches
    ]
    return torch.stack(scores).mean()
