"""How good are generated pictures? Distribution, plausibility, copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .distributions import frechet_distance
from .generator_results import Distances
from .memorising import nearest

TRAP, CELLS = 1, (2, 3)
"""Classes of the segmentation network (MODELS.md §7)."""

# On the segmentation network's grid of 0.108 µm per px: 3.5 µm² and 1.7 µm², below the smallest pillar and any cell.
_PILLAR_AREA, _CELL_AREA = 300, 150


class DistributionReport(Distances):
    """`Distances` of generated from real features, both (N, D), and two numbers to read them by.

    Attributes
    ----------
    frechet_bias : float
        Fréchet distance between random halves of the real ones: what sampling alone gives.
    diversity : float
        Mean distance of pairs of generated pictures in feature space, in units of the real ones'.
    """

    frechet_bias: float
    diversity: float


def compare_distributions(
    real: npt.NDArray[Any], fake: npt.NDArray[Any], seed: int = 0
) -> DistributionReport:
    """Compare features of generated pictures with those of real ones.

    Parameters
    ----------
    real, fake : array
        (N, D) and (M, D), of one extractor.
    seed : int
        Of the random halves and of the subsets for KID.

    Notes
    -----
    Heusel et al., NeurIPS 2017 (Fréchet distance); Bińkowski et al., ICLR 2018 (KID); Kynkäänniemi et al., NeurIPS 2019
    (precision and recall). The distances between halves are of half the sample size, and so an upper bound of the bias.
    """
    order = np.random.default_rng(seed).permutation(len(real))
    half = len(real) // 2
    return DistributionReport(
        **Distances.between(real, fake, seed).model_dump(),
        frechet_bias=frechet_distance(real[order[:half]], real[order[half : 2 * half]]),
        diversity=mean_pairwise_distance(fake) / mean_pairwise_distance(real),
    )


def mean_pairwise_distance(features: npt.NDArray[Any]) -> float:
    """Return the mean Euclidean distance over all pairs of (N, D) features."""
    x = np.asarray(features, dtype=np.float64)
    squares = (x**2).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * x @ x.T, 0))
    return float(distances[~np.eye(len(x), dtype=bool)].mean())


def plausible(classes: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return which segmented pictures show exactly two pillars and at least one cell.

    Parameters
    ----------
    classes : array
        (N, Y, X) classes of `segment_pictures`, on the segmentation network's own grid.

    Returns
    -------
    array
        (N,) bool. Specks smaller than a pillar or a cell can be are not counted.
    """
    answers = []
    for picture in np.asarray(classes):
        pillars = _large_parts(picture == TRAP, _PILLAR_AREA)
        cells = _large_parts(np.isin(picture, CELLS), _CELL_AREA)
        answers.append(pillars == 2 and cells >= 1)
    return np.array(answers, dtype=bool)


def _large_parts(mask: npt.NDArray[np.bool_], least: int) -> int:
    labels, count = ndimage.label(mask)
    return int((np.bincount(labels.ravel(), minlength=count + 1)[1:] >= least).sum())


def nearest_distances(
    pictures: npt.NDArray[Any], others: npt.NDArray[Any] | None = None, mirror: bool = True
) -> npt.NDArray[np.float64]:
    """Return how far each picture is from the most similar other one.

    Parameters
    ----------
    pictures : array
        (N, Y, X); compared after standardising each.
    others : array, optional
        (M, Y, X) to compare with; without it, the other pictures themselves.
    mirror : bool
        Compare with mirror images about the vertical axis too.

    Returns
    -------
    array
        (N,) root mean square difference: 0 the same, about √2 unrelated.
    """
    return nearest(pictures, others, mirror)[0]
