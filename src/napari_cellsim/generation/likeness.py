"""How alike a generated picture and its guide are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Half the window that scikit-image makes of σ = 1.5: nearer to the border it leaves the picture.
_BORDER = 5


def psnr(image: NDArray[Any], guide: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio in dB over all pixels of (T, C, Y, X); the peak is the guide's range of values."""
    from skimage.metrics import peak_signal_noise_ratio

    first, second = guide.astype(np.float64), image.astype(np.float64)
    if np.array_equal(first, second):
        return float("inf")
    return float(peak_signal_noise_ratio(first, second, data_range=np.ptp(first)))


def ssim(image: NDArray[Any], guide: NDArray[Any]) -> float:
    """Windowed structural similarity, mean over frames and channels of (T, C, Y, X).

    Gaussian window, σ = 1.5, averaged where it lies inside the picture (Wang et al. 2004,
    doi:10.1109/TIP.2003.819861, eq. 13), as `evaluation.metrics.ssim`.
    """
    from skimage.metrics import structural_similarity

    inner = slice(_BORDER, -_BORDER)
    values = []
    for frame, true in zip(image, guide, strict=True):
        for one, other in zip(frame.astype(np.float64), true.astype(np.float64), strict=True):
            _, similarity = structural_similarity(
                other,
                one,
                data_range=np.ptp(other),
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                full=True,
            )
            values.append(similarity[inner, inner].mean())
    return float(np.mean(values))


def likeness(image: NDArray[Any], guide: NDArray[Any], suffix: str = "") -> dict[str, float]:
    """Return both numbers by name, for a record."""
    return {f"psnr{suffix}": psnr(image, guide), f"ssim{suffix}": ssim(image, guide)}
