"""How far a set of generated feature vectors is from a set of real ones.

The features come from any extractor, ``(N, D)``, NumPy or torch; a number means nothing without its name.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from ..base import CellSimError

Features = npt.NDArray[np.float64]


class PrecisionRecall(NamedTuple):
    """Share of fake samples that look real, and share of real samples that the fakes cover; both in [0, 1]."""

    precision: float
    recall: float


def frechet_distance(real: Any, fake: Any) -> float:
    """Squared Fréchet (2-Wasserstein) distance of the Gaussians fitted to two feature sets.

    ``|µr - µf|² + Tr(Σr + Σf - 2 (Σr Σf)^½)`` (Heusel et al. 2017, arXiv:1706.08500, eq. 6), covariances with
    1/(N-1). The trace of the root is taken from the symmetric ``Σr^½ Σf Σr^½``, which has the same
    eigenvalues as ``Σr Σf`` and stays well-behaved when there are fewer samples than dimensions.

    Parameters
    ----------
    real, fake : array or tensor (N, D)
        At least two samples each, equal D.

    Returns
    -------
    float
        At least 0; symmetric. Biased upwards for small N.

    Raises
    ------
    CellSimError
        If a set has the wrong shape or too few samples.
    """
    first, second = feature_sets(real, fake, fewest=2)
    shift = first.mean(axis=0) - second.mean(axis=0)
    cov_first, cov_second = (np.atleast_2d(np.cov(s, rowvar=False)) for s in (first, second))
    root = _symmetric_root(cov_first)
    eigenvalues = np.linalg.eigvalsh(root @ cov_second @ root)
    trace_root = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    distance = shift @ shift + np.trace(cov_first) + np.trace(cov_second) - 2 * trace_root
    return float(max(distance, 0.0))  # rounding may leave a tiny negative number for equal sets


def kid(real: Any, fake: Any) -> float:
    """Kernel distance: unbiased squared maximum mean discrepancy with the kernel ``(x·y / D + 1)³``.

    Bińkowski et al. 2018, arXiv:1801.01401, sections 3-4, over the whole sets (no subsets).

    Parameters
    ----------
    real, fake : array or tensor (N, D)
        At least two samples each, equal D.

    Returns
    -------
    float
        Zero on average for two sets of one distribution, so it may be slightly negative.

    Raises
    ------
    CellSimError
        If a set has the wrong shape or too few samples.
    """
    first, second = feature_sets(real, fake, fewest=2)

    def kernel(a: Features, b: Features) -> Features:
        return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)

    def mean_off_diagonal(square: Features) -> float:
        n = len(square)
        return float((square.sum() - np.trace(square)) / (n * (n - 1)))

    return (
        mean_off_diagonal(kernel(first, first))
        + mean_off_diagonal(kernel(second, second))
        - 2 * float(kernel(first, second).mean())
    )


def precision_recall(real: Any, fake: Any, neighbours: int = 3) -> PrecisionRecall:
    """Improved precision and recall from nearest-neighbour balls.

    Kynkäänniemi et al. 2019, arXiv:1904.06991. A sample belongs to the manifold of a set if it lies within
    the ball around any of the set's samples that reaches to this sample's `neighbours`-th nearest neighbour
    in the set.

    Parameters
    ----------
    real, fake : array or tensor (N, D)
        More than `neighbours` samples each, equal D.
    neighbours : int
        At least 1.

    Returns
    -------
    PrecisionRecall
        Share of fakes on the real manifold, share of reals on the fake manifold.

    Raises
    ------
    CellSimError
        If a set has the wrong shape or too few samples.
    """
    first, second = feature_sets(real, fake, fewest=neighbours + 1)
    between = cdist(first, second)

    def radii(samples: Features) -> Features:
        # Column 0 after sorting is the distance to itself.
        return np.asarray(np.partition(cdist(samples, samples), neighbours, axis=1)[:, neighbours])

    precision = (between <= radii(first)[:, None]).any(axis=0).mean()
    recall = (between <= radii(second)[None, :]).any(axis=1).mean()
    return PrecisionRecall(float(precision), float(recall))


def feature_sets(real: Any, fake: Any, fewest: int) -> tuple[Features, Features]:
    """Return two feature sets (N, D) as float64, or complain if they are none of at least `fewest` samples."""
    sets = []
    for name, values in (("real", real), ("fake", fake)):
        if hasattr(values, "detach"):
            values = values.detach().cpu().double().numpy()
        samples = np.asarray(values, dtype=np.float64)
        if samples.ndim != 2:
            raise CellSimError(f"The {name} features must have shape (N, D), but theirs is {samples.shape}.")
        if len(samples) < fewest:
            raise CellSimError(f"At least {fewest} {name} samples are needed, but there are {len(samples)}.")
        sets.append(samples)
    if sets[0].shape[1] != sets[1].shape[1]:
        raise CellSimError(
            f"Real features have {sets[0].shape[1]} dimensions but fake ones {sets[1].shape[1]}: "
            "take both from one extractor."
        )
    return sets[0], sets[1]


def _symmetric_root(matrix: Features) -> Features:
    eigenvalues, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.clip(eigenvalues, 0, None))) @ vectors.T)
