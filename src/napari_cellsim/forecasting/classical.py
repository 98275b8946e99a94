"""Optical flow without a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def lucas_kanade(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Estimate the flow between two pictures by iterative Lucas-Kanade (scikit-image's `optical_flow_ilk`).

    Parameters
    ----------
    first, second : ndarray
        (Y, X), in any units; both are scaled by their common range.

    Returns
    -------
    ndarray
        (2, Y, X) float32 px, channel 0 = x, with ``first(x) ≈ second(x + flow(x))``. With a frame as `first` and
        the frame before it as `second` this is the backward flow.
    """
    from skimage.registration import optical_flow_ilk

    low = min(first.min(), second.min())
    span = max(first.max(), second.max()) - low or 1.0
    down, right = optical_flow_ilk((first - low) / span, (second - low) / span, radius=7)
    return np.stack([right, down]).astype(np.float32)
