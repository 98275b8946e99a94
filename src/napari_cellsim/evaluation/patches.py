"""How far generated pictures are from real ones, scale by scale, by what their patches look like: no network needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError

Array = npt.NDArray[np.float64]

PATCH = 7
"""Side of a patch, px; the whole picture where it is smaller."""
_PATCHES = 4096  # of each set, per scale
_DIRECTIONS = 256
_COARSEST = 4


def patch_distances(real: Any, fake: Any, seed: int = 0) -> dict[int, float]:
    """Return the sliced Wasserstein distance of the patches of two sets of pictures, at each scale.

    Pictures are split into bands of detail, each a factor of two apart (Laplacian pyramid). At each scale the
    distributions of 7×7 patches are compared along random directions, where the Wasserstein distance is the mean
    difference of the sorted values.

    Parameters
    ----------
    real, fake : array (N, C, Y, X), (M, C, Y, X)
        Square pictures of one size, a power of two of at least 4; any unit, the same for both.
    seed : int
        Of the choice of patches and directions.

    Returns
    -------
    dict
        Side of the pictures at that scale, px, fine to coarse -> distance, in standard deviations of the real detail: 0
        for the same distribution, up to sampling.

    Raises
    ------
    CellSimError
        If these are no two sets of pictures of one size.

    Notes
    -----
    After Karras et al., ICLR 2018, §5 (arXiv:1710.10196), but both sets are scaled by the mean and deviation of the
    real one, so that a wrong colour or contrast counts. What is farther apart than a patch, the coarser scales see.
    """
    first, second = (np.asarray(pictures, dtype=np.float64) for pictures in (real, fake))
    for pictures in (first, second):
        side = pictures.shape[-1]
        if (
            pictures.ndim != 4
            or not len(pictures)
            or pictures.shape[1:] != first.shape[1:]
            or pictures.shape[2] != side
            or side < _COARSEST
            or side & (side - 1)
        ):
            raise CellSimError(
                "Patches are compared between two sets of square pictures (N, C, Y, X) of one size, a power of two, "
                f"but the shapes are {first.shape} and {second.shape}."
            )
    random = np.random.default_rng(seed)
    found = {}
    for level, other in zip(_bands(first), _bands(second), strict=True):
        mean = level.mean(axis=(0, 2, 3), keepdims=True)
        scale = np.maximum(level.std(axis=(0, 2, 3), keepdims=True), 1e-6)
        patches = [_patches((x - mean) / scale, random) for x in (level, other)]
        directions = random.standard_normal((patches[0].shape[1], _DIRECTIONS))
        directions /= np.linalg.norm(directions, axis=0)
        ours, theirs = (np.sort(p @ directions, axis=0) for p in patches)
        found[level.shape[-1]] = float(np.abs(ours - theirs).mean())
    return found


def _bands(pictures: Array) -> list[Array]:
    """Return what each scale adds to the next coarser one, fine to coarse, and the coarsest pictures themselves."""
    bands = []
    while (half := pictures.shape[-1] // 2) >= _COARSEST:
        smaller = pictures.reshape(*pictures.shape[:2], half, 2, half, 2).mean(axis=(3, 5))
        bands.append(pictures - smaller.repeat(2, axis=2).repeat(2, axis=3))
        pictures = smaller
    return [*bands, pictures]


def _patches(pictures: Array, random: np.random.Generator) -> Array:
    """Return patches (n, C · h · w): as many of each picture, at random places."""
    side = min(PATCH, pictures.shape[-1])
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (side, side), axis=(2, 3))
    picture = np.arange(_PATCHES) % len(pictures)
    row, column = random.integers(windows.shape[2], size=(2, _PATCHES))
    chosen: Array = windows[picture, :, row, column]
    return chosen.reshape(_PATCHES, -1)
