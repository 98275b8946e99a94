"""What is watched while a generator of photographs learns: change, distance to the real ones, copies, grids."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from ...evaluation.convergence import epoch_change
from ...evaluation.memorising import COPY_QUANTILE, nearest
from ...evaluation.patches import patch_distances
from ...evaluation.spectrum import PERIODS, grid_artefact
from ...nets.msggan.layers import pyramid

_COMPARED_SIDE = 32  # px: at full size noise hides a copy
COMPARED = 2000
"""Real pictures that generated ones are compared with, at most."""
_REAL_FOR_PATCHES = 512


class ScaleChange(nn.Module):
    """Remembers pictures of fixed seeds at all scales, to say how much they have changed since the last time.

    They are buffers, so that a checkpoint holds them and a resumed run says the same.

    Parameters
    ----------
    pictures : sequence of Tensor
        (N, C, h, w) of each scale; their shapes only.
    """

    known: Tensor

    def __init__(self, pictures: Sequence[Tensor]) -> None:
        super().__init__()
        self.register_buffer("known", torch.zeros((), dtype=torch.bool))
        self._sides = [picture.shape[-1] for picture in pictures]
        for side, picture in zip(self._sides, pictures, strict=True):
            self.register_buffer(f"before_{side}", torch.zeros_like(picture, device="cpu"))

    @torch.no_grad()
    def forward(self, pictures: Sequence[Tensor]) -> dict[str, float]:
        """Return the change at each scale by the name ``change_SIDE``, see `epoch_change`; nothing the first time."""
        found = {}
        for side, picture in zip(self._sides, pictures, strict=True):
            before = self.get_buffer(f"before_{side}")
            if self.known:
                pair = torch.stack([before, picture.to(before)]).flatten(1, 2)
                found[f"change_{side}"] = float(epoch_change(pair.cpu().numpy()).by_size[side][0])
            before.copy_(picture)
        self.known.fill_(True)
        return found


class Likeness:
    """Compares generated pictures with the training's.

    Parameters
    ----------
    real : Tensor
        (N, C, size, size), training pictures.
    """

    def __init__(self, real: Tensor) -> None:
        self._real = real

    @cached_property
    def _small(self) -> np.ndarray:
        return _grey_and_small(_spread(self._real, COMPARED))

    @cached_property
    def _threshold(self) -> float:
        return float(np.quantile(nearest(self._small)[0], COPY_QUANTILE))

    @cached_property
    def _real_grid(self) -> float:
        return grid_artefact(_grey(_spread(self._real, _REAL_FOR_PATCHES))).strength

    def __call__(self, fake: Tensor) -> dict[str, float]:
        """Return metrics of generated pictures (N, C, size, size).

        ``patch_distance`` is the mean over scales of `patch_distances`; ``copies`` the share that is nearer to a
        training picture than 99 % of those are to each other (see `memorisation`); ``deviation`` that of the pictures
        over the seeds, 0 if all are the same; ``grid`` and ``grid_real`` the strength of a grid in them and in the real
        ones, where they are large enough to tell.
        """
        fake = fake.float().cpu()
        real = _spread(self._real, _REAL_FOR_PATCHES)
        distances = patch_distances(real.numpy(), fake.numpy())
        metrics = {
            "patch_distance": float(np.mean(list(distances.values()))),
            "copies": float((nearest(_grey_and_small(fake), self._small)[0] < self._threshold).mean()),
            "deviation": float(fake.std(0).mean()),
        }
        if fake.shape[-1] >= 2 * max(PERIODS):
            metrics["grid"] = grid_artefact(_grey(fake)).strength
            metrics["grid_real"] = self._real_grid
        return metrics


def _spread(pictures: Tensor, limit: int) -> Tensor:
    count = min(limit, len(pictures))
    return pictures[torch.arange(count) * len(pictures) // count]


def _grey(pictures: Tensor) -> np.ndarray:
    array: np.ndarray = pictures.mean(1).numpy()
    return array


def _grey_and_small(pictures: Tensor) -> np.ndarray:
    return _grey(next(p for p in reversed(pyramid(pictures)) if p.shape[-1] <= _COMPARED_SIDE))
