"""Textures that are defined in space, so that a specimen wears the same one at any picture size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Floats = NDArray[np.float32]
_LATTICE, _CELLS = 32, 4  # points along a side of the lattice, and per feature
_GRAINS = 2000  # in the block that repeats


class SolidNoise:
    """Smooth random values in space: a block of blurred random numbers that repeats every eight features.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the lattice.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        rough = rng.standard_normal((_LATTICE,) * 3, dtype=np.float32)
        smooth = ndimage.gaussian_filter(rough, _CELLS / 4, mode="wrap", truncate=3)
        self._lattice = smooth / smooth.std()

    def __call__(self, points: Floats, wavelength: float, octaves: int = 1) -> Floats:
        """Return values with mean 0 and standard deviation of about 1 at `points` (3, P).

        Parameters
        ----------
        points : ndarray, (3, P)
            Where.
        wavelength : float
            Size of the coarsest features, in the unit of the points.
        octaves : int
            Layers, each half as coarse and half as strong as the one before.
        """
        total = np.zeros(points.shape[1], np.float32)
        for octave in range(octaves):
            at = points * np.float32(_CELLS * 2**octave / wavelength) + np.float32(11.3 * octave)
            layer = ndimage.map_coordinates(self._lattice, at, order=1, mode="grid-wrap")
            total += layer / 2**octave
        scale = np.sqrt(sum(0.25**octave for octave in range(octaves)))
        values: Floats = total / np.float32(scale)
        return values


class Pebbles:
    """Space filled with grains: each point belongs to the nearest of many random centres (S. Worley, 1996).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the centres.
    points : ndarray, (3, P)
        The points of a surface.
    size : float
        Mean distance of the centres.

    Attributes
    ----------
    grain : ndarray of int, (P,)
        Number of each point's grain, less than `number`.
    number : int
        Number of different grains; then they repeat.
    edge : ndarray of float32, (P,)
        Distance to the border of the grain over `size`, 0 at the border.
    outward : ndarray of float32, (3, P)
        From the grain's centre to the point, over `size`.
    """

    number = _GRAINS

    def __init__(self, rng: np.random.Generator, points: Floats, size: float) -> None:
        block = _GRAINS ** (1 / 3)
        centres = rng.uniform(0, block, (_GRAINS, 3))
        at = (points.T / np.float32(size)) % np.float32(block)
        at[at >= block] = 0  # the remainder of a tiny negative number
        distance, nearest = cKDTree(centres, boxsize=block).query(at, k=2)
        self.grain = nearest[:, 0]
        self.edge = (distance[:, 1] - distance[:, 0]).astype(np.float32)
        away = at - centres[self.grain]
        self.outward = (away - block * np.round(away / block)).T.astype(np.float32)
