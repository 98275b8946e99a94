"""How far a predicted picture is from the true one.

All functions take ``(prediction, target, data_range=1.0)`` of equal shape ``(..., Y, X)``, NumPy or torch,
and return one float; they compute in float64. Definitions: MODELS.md §11.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import laplace
from skimage.metrics import structural_similarity

from ..base import CellSimError
from .distributions import frechet_distance, kid, precision_recall
from .spectrum import DETAIL, detail_energy

__all__ = [
    "frechet_distance",
    "kid",
    "l1",
    "mse",
    "precision_recall",
    "psnr",
    "psnr_thesis",
    "sharpness",
    "spectral_ratio",
    "ssim",
    "ssim_thesis",
]

Array = npt.NDArray[Any]
SSIM_RADIUS = 5  # the Gaussian window of 11 pixels: positions nearer to the edge than this are not averaged
_THESIS_EPSILON = 1e-8


def mse(prediction: Any, target: Any, data_range: float = 1.0, mask: Any = None) -> float:
    """Mean squared error in units of the squared data range.

    Parameters
    ----------
    prediction, target : array or tensor (..., Y, X)
    data_range : float
        Both are divided by it first.
    mask : array of bool (..., Y, X), optional
        Pixels to average over; all of them by default.

    Returns
    -------
    float
        At least 0; NaN where the mask is empty.

    Raises
    ------
    CellSimError
        If the shapes differ, there are fewer than two dimensions, or the data range is not positive.
    """
    return _mean(_difference(prediction, target, data_range) ** 2, mask)


def l1(prediction: Any, target: Any, data_range: float = 1.0, mask: Any = None) -> float:
    """Mean absolute error in units of the data range; parameters as in `mse`."""
    return _mean(np.abs(_difference(prediction, target, data_range)), mask)


def psnr(prediction: Any, target: Any, data_range: float = 1.0, mask: Any = None) -> float:
    """Peak signal-to-noise ratio ``10 log10(data_range² / MSE)`` in dB, over all pixels together.

    Infinite where prediction and target are equal; parameters as in `mse`.
    """
    error = mse(prediction, target, data_range, mask)
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def ssim(prediction: Any, target: Any, data_range: float = 1.0, mask: Any = None) -> float:
    """Windowed structural similarity, averaged over the pictures.

    Gaussian window of 11 x 11 pixels, σ = 1.5, K1 = 0.01, K2 = 0.03, population statistics, averaged where
    the window lies inside the picture (Wang et al. 2004, doi:10.1109/TIP.2003.819861, eq. 13); scikit-image
    computes it.

    Parameters
    ----------
    prediction, target : array or tensor (..., Y, X)
        Both axes at least 11 pixels.
    data_range : float
        Range of the values, which fixes the two stabilising constants.
    mask : array of bool (..., Y, X), optional
        Window centres to average over; each picture then counts by its number of masked centres.

    Returns
    -------
    float
        In [-1, 1], 1 for equal pictures; NaN where the mask is empty.

    Raises
    ------
    CellSimError
        As `mse`, and if the picture is smaller than the window.
    """
    first, second = _pair(prediction, target, data_range)
    if min(first.shape[-2:]) < 2 * SSIM_RADIUS + 1:
        raise CellSimError(
            f"SSIM needs pictures of at least 11 x 11 pixels, but these have {first.shape[-2]} x {first.shape[-1]}."
        )
    pictures = zip(_pictures(first), _pictures(second), strict=True)
    maps = np.array([_ssim_map(a, b, data_range) for a, b in pictures]).reshape(first.shape)
    inside = (..., slice(SSIM_RADIUS, -SSIM_RADIUS), slice(SSIM_RADIUS, -SSIM_RADIUS))
    return _mean(
        maps[inside], None if mask is None else np.broadcast_to(_to_numpy(mask), first.shape)[inside]
    )


def psnr_thesis(prediction: Any, target: Any, data_range: float = 1.0) -> float:
    """PSNR as in Reich 2020: ``10 log10(max(prediction)² / (MSE + 1e-8))``, in dB.

    Kept for comparison with the thesis only: its peak is that of the *prediction*, so that a bright wrong
    pixel raises it, and `data_range` has no influence (MODELS.md §11).
    """
    first, second = _pair(prediction, target, data_range)
    error = float(np.mean((first - second) ** 2)) + _THESIS_EPSILON
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(first.max() ** 2 / error))


def ssim_thesis(prediction: Any, target: Any, data_range: float = 1.0) -> float:
    """SSIM as in Reich 2020: ``4 µp µt Cov / ((µp² + µt²)(σp² + σt²))`` over the whole array at once.

    Kept for comparison with the thesis only: no window, no stabilising constants (NaN for two constant or two
    zero-mean pictures), a covariance with 1/N beside variances with 1/(N-1), and `data_range` has no
    influence (MODELS.md §11).
    """
    first, second = _pair(prediction, target, data_range)
    mean_p, mean_t = first.mean(), second.mean()
    covariance = np.mean((first - mean_p) * (second - mean_t))
    spread = first.var(ddof=1) + second.var(ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(4 * mean_p * mean_t * covariance / ((mean_p**2 + mean_t**2) * spread))


def sharpness(prediction: Any, target: Any, data_range: float = 1.0, mask: Any = None) -> float:
    """Compare edge contrast: 1 is as sharp as the target, less is blurred.

    The standard deviation of the prediction's Laplacian over that of the target's.

    Parameters
    ----------
    prediction, target : array or tensor (..., Y, X)
    data_range : float
        Without influence on the ratio.
    mask : array of bool (..., Y, X), optional
        Pixels over which the deviation is taken.

    Returns
    -------
    float
        NaN where the target has no structure or the mask is empty.
    """
    first, second = _pair(prediction, target, data_range)
    chosen = np.ones(first.shape, bool) if mask is None else np.broadcast_to(_to_numpy(mask), first.shape)
    if not chosen.any():
        return float("nan")
    # The Laplacian acts inside each picture: leading axes are not neighbours.
    spread_p, spread_t = (
        np.array([laplace(picture, mode="nearest") for picture in _pictures(stack)])
        .reshape(stack.shape)[chosen]
        .std()
        for stack in (first, second)
    )
    return float(spread_p / spread_t) if spread_t > 0 else float("nan")


def spectral_ratio(
    prediction: Any, target: Any, data_range: float = 1.0, wavelengths: tuple[float, float] = DETAIL
) -> float:
    """Compare detail by spectral energy: 1 is as detailed as the target, less is blurred, more is invented or noisy.

    The energy of the prediction's spectrum in a band of wavelengths over that of the target's
    (`spectrum.detail_energy`). A Gaussian blur of σ px multiplies the energy at wavelength λ by ``exp(-4 π² σ² / λ²)``.

    Parameters
    ----------
    prediction, target : array or tensor (..., Y, X)
        Both axes at least as long as the longest wavelength.
    data_range : float
        Without influence on the ratio.
    wavelengths : (float, float)
        Shortest and longest wavelength in px. Camera noise lies mostly below 4 px, uneven light above 16 px.

    Returns
    -------
    float
        NaN where the target has no detail.

    Raises
    ------
    CellSimError
        As `mse`, and if the pictures are too small or the band is empty.
    """
    first, second = _pair(prediction, target, data_range)
    of_prediction, of_target = (float(detail_energy(p, wavelengths).sum()) for p in (first, second))
    return of_prediction / of_target if of_target > 0 else float("nan")


def _to_numpy(values: Any) -> Array:
    # A tensor is recognised by its methods, so that NumPy users never import torch.
    return values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)


def _to_float(values: Any) -> npt.NDArray[np.float64]:
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()  # bfloat16 has no NumPy type
    return np.asarray(values, dtype=np.float64)


def _pair(
    prediction: Any, target: Any, data_range: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    first, second = _to_float(prediction), _to_float(target)
    if first.shape != second.shape:
        raise CellSimError(
            f"The prediction has shape {first.shape} but the target {second.shape}: give two pictures of equal shape."
        )
    if first.ndim < 2 or first.size == 0:
        raise CellSimError(
            f"A metric needs pictures (..., Y, X) with pixels, but the shape is {first.shape}."
        )
    if not data_range > 0:
        raise CellSimError(f"The data range must be positive, but it is {data_range}.")
    return first, second


def _difference(prediction: Any, target: Any, data_range: float) -> npt.NDArray[np.float64]:
    first, second = _pair(prediction, target, data_range)
    return (first - second) / data_range


def _mean(values: npt.NDArray[np.float64], mask: Any) -> float:
    if mask is not None:
        values = values[np.broadcast_to(_to_numpy(mask).astype(bool), values.shape)]
    return float(values.mean()) if values.size else float("nan")


def _pictures(stack: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return stack.reshape(-1, *stack.shape[-2:])


def _ssim_map(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], data_range: float
) -> npt.NDArray[np.float64]:
    _, similarity = structural_similarity(
        first,
        second,
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        K1=0.01,
        K2=0.03,
        full=True,
    )
    return np.asarray(similarity, dtype=np.float64)
