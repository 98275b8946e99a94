"""A movie whose motion is known."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

FRAMES, SIDE = 16, 48


def drifting(frames=FRAMES, speed=0.5, side=SIDE, noise=60.0):
    """A texture that moves to the right at a constant speed before a noisy camera, (T, side, side)."""
    random = np.random.default_rng(0)
    texture = gaussian_filter(random.random((side, 2 * side + 4 * frames)), 1.5)
    texture = 100 + 900 * (texture - texture.min()) / np.ptp(texture)
    x, columns = np.arange(side), np.arange(texture.shape[1])
    starts = [2 * frames - speed * t for t in range(frames)]
    images = np.array([[np.interp(x + start, columns, row) for row in texture] for start in starts])
    return (images + random.normal(0, noise, images.shape)).astype(np.float32)
