"""Has a model learnt pictures by heart? The nearest real picture of each generated one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, JobToken
from ..data import TimeLapse
from .generated import Generated
from .matching import Target, match_guides, open_pictures, resample


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The real picture that is nearest to each generated one.

    Parameters
    ----------
    indices : numpy.ndarray
        (N,) int64, index in the dataset; movies of a list are counted through, and a picture of several frames is
        counted by its last.
    distances : numpy.ndarray
        (N,) float64, root mean square difference of the standardised pictures: 0 the same, about √2 unrelated.
    mirrored : numpy.ndarray
        (N,) bool, whether it is nearest as its mirror image.
    images : numpy.ndarray
        (N, T, C, size, size) float32, those real pictures reduced and standardised, mirrored where that is nearest.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]
    mirrored: NDArray[np.bool_]
    images: NDArray[np.float32]


def nearest_real(
    generated: Generated,
    dataset: Any,
    *,
    size: int = 32,
    mirror: bool = True,
    channel: int = 0,
    plane: int = 0,
    token: JobToken | None = None,
) -> Neighbours:
    """Find the nearest real picture of each generated one.

    Parameters
    ----------
    generated : Generated
        The pictures.
    dataset : TimeLapse, anything that `open_timelapse` reads, or a list of these
        Real pictures, cut and resampled as guides are.
    size : int
        Side to which pictures are reduced before they are compared, px.
    mirror : bool
        Compare with mirror images about the vertical axis too, which training shows as well.
    channel, plane : int
        First channel and focal plane of the dataset.
    token : JobToken, optional
        To cancel.

    Returns
    -------
    Neighbours

    Raises
    ------
    CellSimError
        If the dataset is empty or does not fit the pictures.
    """
    token = token or JobToken()
    _, frames, channels, height, width = generated.images.shape
    if height != width or not 8 <= size <= height:
        raise CellSimError(
            f"Pictures of {height}×{width} px cannot be compared at {size} px; choose a size from 8 to {height}."
        )
    target = Target(height, channels, frames, generated.pixel_size)
    wanted = _reduced(generated.images, size)
    count = len(wanted)
    best = Neighbours(
        np.full(count, -1), np.full(count, np.inf), np.zeros(count, bool), np.zeros_like(wanted)
    )
    for index, images in _pictures(dataset, target, channel, plane, token):
        real = _reduced(images[None], size)[0]
        for flipped in (False, True) if mirror else (False,):
            shown = real[..., ::-1] if flipped else real
            distances = np.sqrt(np.square(wanted - shown).mean(axis=(1, 2, 3, 4), dtype=np.float64))
            nearer = distances < best.distances
            best.indices[nearer], best.distances[nearer] = index, distances[nearer]
            best.mirrored[nearer], best.images[nearer] = flipped, shown
    if (best.indices < 0).any():
        raise CellSimError(
            f"The dataset holds no {frames} consecutive frames to compare with: give longer movies."
        )
    return best


def _pictures(
    dataset: Any, target: Target, channel: int, plane: int, token: JobToken
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield index and picture (T, C, S, S), one at a time: a dataset may be larger than the memory."""
    parts: Sequence[Any] = dataset if isinstance(dataset, list | tuple) else [dataset]
    if not parts:
        raise CellSimError("The dataset is empty: give at least one real picture.")
    before = 0
    for part in parts:
        movie = part if isinstance(part, TimeLapse) else open_pictures(part, [])
        for last in range(target.frames - 1, movie.n_times):
            token.check()
            yield before + last, match_guides(movie, target, at=last, channel=channel, plane=plane).images[0]
        before += movie.n_times


def _reduced(images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return pictures (N, T, C, size, size), each channel with mean 0 and standard deviation 1."""
    small = np.stack([resample(one, size) for one in images]).astype(np.float64)
    mean = small.mean(axis=(1, 3, 4), keepdims=True)
    deviation = small.std(axis=(1, 3, 4), keepdims=True)
    reduced: NDArray[np.float32] = ((small - mean) / np.maximum(deviation, 1e-12)).astype(np.float32)
    return reduced
