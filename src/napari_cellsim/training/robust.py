"""General adaptive robust loss (GARLoss): Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.

The normaliser log Z(α) is tabulated here by quadrature (values and analytic slopes, cubic Hermite interpolation), so no
published spline table is needed.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

_NEAR = 1e-6  # nearer than this to α = 0 or 2 the closed-form limits are exact in float32
_KNOTS = 513


def rho(x: Tensor, alpha: Tensor | float, scale: Tensor | float) -> Tensor:
    """Robust penalty ρ(x, α, c) (Barron 2019, eq. 13).

    Parameters
    ----------
    x : Tensor
        Residual, any shape.
    alpha : Tensor or float
        Shape, at most 2, broadcast against `x`: 2 is quadratic, 1 Charbonnier, 0 Cauchy, −∞ Welsch.
    scale : Tensor or float
        Residual at which the quadratic bowl ends, above 0.

    Returns
    -------
    Tensor
        ρ, at least 0, zero at ``x = 0``.
    """
    alpha = torch.as_tensor(alpha, dtype=x.dtype, device=x.device)
    squared = (x / scale) ** 2
    infinite, near_zero, near_two = torch.isinf(alpha), alpha.abs() < _NEAR, (alpha - 2).abs() < _NEAR
    # Both branches of `where` are differentiated, so the general branch gets a harmless α where a limit is used.
    safe = torch.where(infinite | near_zero | near_two, torch.ones_like(alpha), alpha)
    bend = (safe - 2).abs()
    general = bend / safe * torch.expm1(safe / 2 * torch.log1p(squared / bend))
    result = torch.where(near_two, squared / 2, general)
    result = torch.where(near_zero, torch.log1p(squared / 2), result)
    return torch.where(infinite, -torch.expm1(-squared / 2), result)


def _quadrature(alpha: float) -> tuple[float, float]:
    """Return log Z(α) and its derivative by the trapezoidal rule in ``x = √2 sinh t`` (double exponential decay)."""
    step = 0.05
    t = np.arange(-38.0, 38.0 + step / 2, step)
    x2 = 2 * np.sinh(t) ** 2
    measure = step * math.sqrt(2) * np.cosh(t)
    if alpha == 2:
        return 0.5 * math.log(2 * math.pi), -math.inf
    bend = 2 - alpha
    log_w = np.log1p(x2 / bend)
    w = 1 + x2 / bend
    if alpha == 0:
        penalty = log_w
        slope = log_w**2 / 4 - log_w / 2 + x2 / (2 * bend) / w
        density = measure * np.exp(-penalty)
        z = density.sum()
        return math.log(z), -float((density * slope).sum() / z)
    with np.errstate(over="ignore"):
        penalty = bend / alpha * np.expm1(alpha / 2 * log_w)
    density = measure * np.exp(-penalty)
    kept = density > 0  # far out the density underflows while the slope overflows
    log_w, w, x2, density = log_w[kept], w[kept], x2[kept], density[kept]
    power = np.exp(alpha / 2 * log_w)
    slope = (
        -2 / alpha**2 * np.expm1(alpha / 2 * log_w)
        + bend / (2 * alpha) * power * log_w
        + x2 / (2 * bend) * power / w
    )
    z = density.sum()
    return math.log(z), -float((density * slope).sum() / z)


@cache
def _table() -> tuple[Tensor, Tensor]:
    """Values and slopes of log Z at uniform knots of ξ, α = 2 − 2(1 − ξ)², as float64 tensors."""
    knots = np.linspace(0, 1, _KNOTS)
    values, slopes = [], []
    for xi in knots:
        value, slope = _quadrature(2 - 2 * (1 - xi) ** 2)
        values.append(value)
        # dα/dξ = 4(1 − ξ) goes to zero faster than the slope in α diverges (like ln(2 − α)).
        slopes.append(slope * 4 * (1 - xi) if xi < 1 else 0.0)
    return torch.tensor(values, dtype=torch.float64), torch.tensor(slopes, dtype=torch.float64)


def log_partition(alpha: Tensor | float) -> Tensor:
    """Logarithm of the normaliser Z(α) = ∫ exp(−ρ(x, α, 1)) dx, differentiable in α.

    Parameters
    ----------
    alpha : Tensor or float
        Shape, in [0, 2].

    Returns
    -------
    Tensor
        log Z, exact to 1e-6 (float32 arguments add their rounding).

    Raises
    ------
    ValueError
        If an α lies outside [0, 2].
    """
    alpha = torch.as_tensor(alpha)
    if not alpha.is_floating_point():
        alpha = alpha.to(torch.get_default_dtype())
    if bool(((alpha < 0) | (alpha > 2)).any()):
        raise ValueError("log_partition is defined for shapes alpha in [0, 2].")
    values, slopes = (table.to(alpha) for table in _table())
    # The clamp keeps the gradient finite at α = 2, where the true slope diverges.
    xi = 1 - torch.sqrt(((2 - alpha) / 2).clamp(min=1e-14))
    position = xi * (_KNOTS - 1)
    left = position.detach().floor().clamp(0, _KNOTS - 2).long()
    u = position - left
    h = 1 / (_KNOTS - 1)
    v0, v1, s0, s1 = values[left], values[left + 1], slopes[left] * h, slopes[left + 1] * h
    return v0 + u * (s0 + u * (3 * (v1 - v0) - 2 * s0 - s1 + u * (2 * (v0 - v1) + s0 + s1)))


def nll(residual: Tensor, alpha: Tensor | float, scale: Tensor | float) -> Tensor:
    """Negative log-likelihood ρ(x, α, c) + log c + log Z(α) (Barron 2019, eq. 16).

    Parameters
    ----------
    residual : Tensor
        Any shape.
    alpha : Tensor or float
        Shape in [0, 2], broadcast against `residual`.
    scale : Tensor or float
        Above 0, broadcast against `residual`.

    Returns
    -------
    Tensor
        Element-wise, shape of `residual`.
    """
    alpha = torch.as_tensor(alpha, dtype=residual.dtype, device=residual.device)
    scale = torch.as_tensor(scale, dtype=residual.dtype, device=residual.device)
    return rho(residual, alpha, scale) + torch.log(scale) + log_partition(alpha)


class AdaptiveRobustLoss(nn.Module):
    """Robust likelihood whose shape and scale are learned, per place in the image or once for all.

    The thesis keeps one (α, c) per pixel. Here they live on a map of `map_size` that is resized bilinearly to the
    residual, so that the loss is not tied to one image size; (1, 1) is one pair for the whole image.

    Parameters
    ----------
    scale : float
        Initial c; the residual's standard deviation is a good value.
    map_size : tuple of int
        Rows and columns of the parameter maps.
    alpha_range : tuple of float
        Open interval of α, inside [0, 2]; α starts in its middle.
    """

    def __init__(
        self,
        scale: float = 0.03,
        map_size: tuple[int, int] = (1, 1),
        alpha_range: tuple[float, float] = (0.001, 1.999),
    ) -> None:
        super().__init__()
        if scale <= 0 or not 0 <= alpha_range[0] < alpha_range[1] <= 2:
            raise ValueError(
                f"The robust loss needs scale > 0 and alpha_range inside [0, 2], got {scale}, {alpha_range}."
            )
        self.initial_scale = scale
        self.alpha_range = alpha_range
        self.latent_alpha = nn.Parameter(torch.zeros(1, 1, *map_size))
        self.latent_scale = nn.Parameter(torch.zeros(1, 1, *map_size))

    def _resized(self, latent: Tensor, size: tuple[int, int]) -> Tensor:
        if tuple(latent.shape[-2:]) in (size, (1, 1)):
            return latent
        return nn.functional.interpolate(latent, size=size, mode="bilinear", align_corners=False)

    def alpha(self, size: tuple[int, int]) -> Tensor:
        """Return the shape map, (1, 1, H, W) or (1, 1, 1, 1)."""
        low, high = self.alpha_range
        return low + (high - low) * torch.sigmoid(self._resized(self.latent_alpha, size))

    def scale(self, size: tuple[int, int]) -> Tensor:
        """Return the scale map, (1, 1, H, W) or (1, 1, 1, 1), in units of the residual."""
        shifted = self._resized(self.latent_scale, size) + math.log(math.e - 1)
        return self.initial_scale * (1e-5 + (1 - 1e-5) * nn.functional.softplus(shifted))

    def forward(self, residual: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean negative log-likelihood.

        Parameters
        ----------
        residual : Tensor
            (B, C, H, W), prediction minus target.
        weight : Tensor, optional
            Multiplies the residual (not the loss), as the thesis does with its growth map.
        """
        size = (residual.shape[-2], residual.shape[-1])
        if weight is not None:
            residual = residual * weight
        return nll(residual, self.alpha(size), self.scale(size)).mean()
