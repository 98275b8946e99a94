"""The Padé activation unit (PAU): a learnable rational activation."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from napari_cellsim._cuda._launch import pau_is_native
from napari_cellsim.base.errors import CellSimError

from ._checks import HALF_TYPES, check_floating, check_same_device, check_shape
from ._pau_native import pau_native
from ._pau_torch import pau_torch, pau_torch_inference

Form = Literal["A", "B"]

# The authors' published initialisation: LeakyReLU(0.01) on [-3, 3], largest error 0.034 (at 0).
_PUBLISHED_NUMERATOR = (0.0335583603, 0.505000375, 1.65343934, 2.01001052, 0.931901999, 0.152424124)
_PUBLISHED_DENOMINATOR = (3.30847488e-6, 3.98021568, 5.12471206e-7, 0.301830109)
_PUBLISHED_SLOPE, _PUBLISHED_RANGE = 0.01, 3.0
# Our minimax fit |x| ≈ (c0 + c2 x² + c4 x⁴) / (1 + d2 x² + d4 x⁴) on [-1, 1]; largest error 0.0085.
_MINIMAX_C = (0.00850156, 16.7557140, 139.863473)
_MINIMAX_D = (81.8198616, 75.1508082)


def pau(x: Tensor, numerator: Tensor, denominator: Tensor, form: Form = "B") -> Tensor:
    """Evaluate the rational activation P(x) / Q(x) elementwise.

    P(x) = a₀ + a₁x + … + a₅x⁵. Form ``"A"``: Q(x) = 1 + Σ|bₖxᵏ| (what the authors' CUDA operator computes);
    form ``"B"``: ``Q(x) = 1 + |b₁x + b₂x² + b₃x³ + b₄x⁴|`` (what the papers print).

    Parameters
    ----------
    x
        Any shape, floating point.
    numerator
        (6,), a₀ … a₅; floating point.
    denominator
        (4,), b₁ … b₄; floating point. A coefficient that is exactly zero still gets a gradient.
    form
        Which denominator.

    Returns
    -------
    Tensor
        Shape and dtype of `x`. Half types are evaluated in float32 (x⁵ overflows float16 at 9.2).

    Raises
    ------
    CellSimError
        If shapes, dtypes or devices do not fit, or `form` is unknown.

    Notes
    -----
    Molina, Schramowski and Kersting, "Padé activation units", ICLR 2020, eq. 2 and 3. The function grows
    linearly outside the range its coefficients were fitted on, with the same slope to both sides: feed it
    normalised values.
    """
    if form not in ("A", "B"):
        raise CellSimError(f'form is {form!r}; choose "A" or "B".')
    check_floating(x=x, numerator=numerator, denominator=denominator)
    check_shape("numerator", numerator, (6,))
    check_shape("denominator", denominator, (4,))
    check_same_device(x=x, numerator=numerator, denominator=denominator)
    dtype = x.dtype
    work = torch.float32 if dtype in HALF_TYPES else dtype
    numerator, denominator = numerator.to(work), denominator.to(work)
    if x.device.type != "cuda":  # there the kernel itself reads and writes half precision
        x = x.to(work)
    if pau_is_native(x.device, x.dtype):
        native: Tensor = pau_native(x, numerator, denominator, form)
        return native.to(dtype)
    x = x.to(work)
    learning = torch.is_grad_enabled() and any(t.requires_grad for t in (x, numerator, denominator))
    if learning or torch.compiler.is_compiling():
        return pau_torch(x, numerator, denominator, form).to(dtype)
    return pau_torch_inference(x, numerator, denominator, form).to(dtype)


# torch.compile asks once, while it traces, and never looks inside. torch.compiler.assume_constant_result does just
# this, but imports the whole compiler, which would cost every first forecast seconds.
pau_is_native._dynamo_marked_constant = True  # type: ignore[attr-defined]


def leaky_relu_coefficients(
    slope: float, fit_range: float = 3.0, source: Literal["official", "minimax"] = "official"
) -> tuple[Tensor, Tensor]:
    """Coefficients with which `pau` approximates a leaky ReLU.

    Parameters
    ----------
    slope
        Slope for negative values, 0 ≤ slope ≤ 1.
    fit_range
        L > 0: the approximation holds on [-L, L]; its error grows in proportion to L.
    source
        ``"official"``: the authors' published fit for slope 0.01 and L = 3, carried over to other slopes and
        ranges; ``"minimax"``: our equioscillating fit, with a third of its largest error.

    Returns
    -------
    numerator, denominator
        (6,) and (4,), float32, for forms A and B alike.

    Raises
    ------
    CellSimError
        If slope or range make no sense, or `source` is unknown.

    Notes
    -----
    LeakyReLU(x) = p·x + q·|x| with p = (1 + slope)/2 and q = (1 - slope)/2, so that one even rational fit of
    |x| serves every slope.
    """
    if not 0 <= slope <= 1:
        raise CellSimError(f"slope is {slope}; choose a value from 0 to 1.")
    if not fit_range > 0:
        raise CellSimError(f"fit_range is {fit_range}; choose a value above 0.")
    odd, even = (1 + slope) / 2, (1 - slope) / 2
    if source == "official":
        parts = ((1 - _PUBLISHED_SLOPE) / 2, (1 + _PUBLISHED_SLOPE) / 2)
        wanted = (even, odd)
        numerator = [a * wanted[k % 2] / parts[k % 2] for k, a in enumerate(_PUBLISHED_NUMERATOR)]
        denominator = list(_PUBLISHED_DENOMINATOR)
        stretch = fit_range / _PUBLISHED_RANGE
    elif source == "minimax":
        (c0, c2, c4), (d2, d4) = _MINIMAX_C, _MINIMAX_D
        numerator = [even * c0, odd, even * c2, odd * d2, even * c4, odd * d4]
        denominator = [0.0, d2, 0.0, d4]
        stretch = fit_range
    else:
        raise CellSimError(f'source is {source!r}; choose "official" or "minimax".')
    numerator = [a * stretch ** (1 - k) for k, a in enumerate(numerator)]
    denominator = [b * stretch**-k for k, b in enumerate(denominator, 1)]
    return torch.tensor(numerator), torch.tensor(denominator)
