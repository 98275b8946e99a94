"""Movies whose future is known beforehand."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_cellsim.data import TimeLapse


def drifting(frames: int = 8, size: int = 48, shift: int = 1, seed: int = 0) -> TimeLapse:
    """A smooth texture that moves one pixel to the right per frame."""
    texture = gaussian_filter(np.random.default_rng(seed).random((size, size + frames * shift)), 2.0) * 4000
    pictures = [texture[:, (frames - t) * shift : (frames - t) * shift + size] for t in range(frames)]
    stack = np.stack(pictures)[:, None, None].astype(np.float32)
    return TimeLapse(frames=stack, pixel_size=0.108, interval=10.0, name=f"drifting {seed}")
