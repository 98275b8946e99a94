"""Where to start looking for a guide: samples of the generator that have its layout."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .batches import in_batches
from .generated import NO_NOISE
from .renderer import Renderer

SIDE = 16  # px, to which pictures are reduced for comparison


class Samples:
    """Random pictures of a generator, by their layout.

    Parameters
    ----------
    renderer : Renderer
        The model.
    count : int
        How many to draw.
    seed : int
        Of their codes.
    """

    def __init__(self, renderer: Renderer, count: int, seed: int) -> None:
        self._latents = renderer.sample(count, seed)[:, None]
        silent = np.full(count, NO_NOISE, dtype=np.int64)

        def draw(part: slice) -> NDArray[np.float32]:
            return _layouts(renderer.pictures(self._latents[part], silent[part]))

        parts = in_batches(draw, count, renderer.batch, renderer.device, renderer.token)
        self._layouts = np.concatenate([layouts for _, layouts in parts])

    def nearest(self, guide: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """Return the latents (N, 1, D) of the up to `count` samples nearest to a standardised guide (T, C, Y, X)."""
        errors = np.square(self._layouts - _layouts(guide[None])).mean((1, 2, 3))
        found: NDArray[np.float32] = self._latents[np.argsort(errors, kind="stable")[:count]]
        return found


def reduced(pictures: Tensor, side: int) -> Tensor:
    """Return pictures (B, T·C, H, W) as block means of at most `side`² px."""
    return F.avg_pool2d(pictures, max(1, pictures.shape[-1] // side))


def _layouts(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (B, T·C, y, x) of pictures (B, T, C, Y, X)."""
    found: NDArray[np.float32] = reduced(torch.from_numpy(pictures).flatten(1, 2), SIDE).numpy()
    return found
