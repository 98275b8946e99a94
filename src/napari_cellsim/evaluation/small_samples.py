"""What distances between sets of pictures are worth when the sets are small."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..base import CellSimError
from .distributions import feature_sets, frechet_distance, kid

INCEPTION_MINIMUM = 2048
"""Pictures that the Fréchet distance of 2048 Inception features needs at least for covariances of full rank."""


class Spread(NamedTuple):
    """Mean and standard deviation (1/(K-1)) over repetitions."""

    mean: float
    deviation: float


class SubsetKid(NamedTuple):
    """KID over random subsets.

    Attributes
    ----------
    mean, deviation : float
        Over the subsets. The deviation is that of a subset of this size, not the standard error of the mean: subsets
        of one sample overlap.
    subsets, size : int
        How many, and pictures in each.
    """

    mean: float
    deviation: float
    subsets: int
    size: int


def kid_of_subsets(
    real: Any, fake: Any, subsets: int = 100, size: int | None = None, seed: int = 0
) -> SubsetKid:
    """Kernel distance over random subsets, as it is usually reported.

    Bińkowski et al. 2018, arXiv:1801.01401, section 4: both sets are drawn from without replacement.

    Parameters
    ----------
    real, fake : array or tensor (N, D)
        At least four samples each, equal D.
    subsets : int
        At least 2.
    size : int, optional
        Pictures in a subset; 1000, but at most half of the smaller set, if not given.
    seed : int
        Of the drawing.

    Returns
    -------
    SubsetKid

    Raises
    ------
    CellSimError
        If a set has the wrong shape or too few samples, or the subsets do not fit.
    """
    first, second = feature_sets(real, fake, fewest=4)
    smaller = min(len(first), len(second))
    m = min(1000, smaller // 2) if size is None else size
    if not 2 <= m <= smaller or subsets < 2:
        raise CellSimError(
            f"KID over {subsets} subsets of {m} cannot be taken from sets of {len(first)} and {len(second)} pictures."
        )
    generator = np.random.default_rng(seed)
    values = np.array(
        [
            kid(*(part[generator.choice(len(part), m, replace=False)] for part in (first, second)))
            for _ in range(subsets)
        ]
    )
    return SubsetKid(float(values.mean()), float(values.std(ddof=1)), subsets, m)


def frechet_of_halves(real: Any, repeats: int = 50, seed: int = 0) -> Spread:
    """Fréchet distance between random halves of one set: what sampling alone gives.

    Østmo 2020, section 4.4.2. The halves have half as many pictures as the set, so that this is an upper bound of the
    bias of a distance between sets of this size.

    Parameters
    ----------
    real : array or tensor (N, D)
        At least four samples.
    repeats : int
        Random halvings, at least 2.
    seed : int
        Of the halvings.

    Returns
    -------
    Spread

    Raises
    ------
    CellSimError
        If the set has the wrong shape or too few samples.
    """
    samples, _ = feature_sets(real, real, fewest=4)
    if repeats < 2:
        raise CellSimError(f"A spread needs at least 2 random halvings, not {repeats}.")
    generator = np.random.default_rng(seed)
    half = len(samples) // 2
    values = []
    for _ in range(repeats):
        order = generator.permutation(len(samples))
        values.append(frechet_distance(samples[order[:half]], samples[order[half : 2 * half]]))
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)))


def inception_score(probabilities: Any, splits: int = 10) -> Spread:
    """Inception score of class probabilities that an Inception network gave.

    ``exp(mean over x of KL(p(y|x) ‖ p(y)))`` (Salimans et al. 2016, arXiv:1606.03498, section 4), where p(y) is the
    mean over the split; mean and standard deviation over `splits` consecutive parts.

    Parameters
    ----------
    probabilities : array or tensor (N, C)
        Rows of at least 0 that sum to 1. There is no such network in this package: bring them, and name it.
    splits : int
        Parts, each of at least one picture. The score grows with the size of a part.

    Returns
    -------
    Spread
        Mean from 1 (all the same, or all undecided) to C; the deviation of a single part is 0.

    Raises
    ------
    CellSimError
        If these are no probabilities, or fewer than `splits`.
    """
    values = probabilities.detach().cpu().numpy() if hasattr(probabilities, "detach") else probabilities
    p = np.asarray(values, dtype=np.float64)
    if p.ndim != 2 or not 1 <= splits <= len(p):
        raise CellSimError(
            f"An Inception score over {splits} parts needs probabilities (N, C) of at least {splits} pictures, not an "
            f"array of the shape {p.shape}."
        )
    if not (p >= 0).all() or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise CellSimError(
            "An Inception score needs class probabilities, whose rows sum to 1; apply a softmax to logits first."
        )
    scores = []
    for part in np.array_split(p, splits):
        marginal = part.mean(axis=0, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(part > 0, part * np.log(part / marginal), 0.0)
        scores.append(float(np.exp(terms.sum(axis=1).mean())))
    return Spread(float(np.mean(scores)), float(np.std(scores, ddof=1)) if splits > 1 else 0.0)


def size_warnings(real: int, fake: int, dimensions: int, frechet: float, halves: Spread) -> list[str]:
    """Say in plain sentences what the sizes of the sets forbid to conclude.

    Parameters
    ----------
    real, fake : int
        Pictures.
    dimensions : int
        Of a feature vector.
    frechet : float
        The Fréchet distance found.
    halves : Spread
        Of `frechet_of_halves`.
    """
    said = []
    fewest = min(real, fake)
    if fewest <= dimensions:
        said.append(
            f"The smaller set has {fewest} pictures for {dimensions} features: a covariance has not full rank and the "
            "Fréchet distance is far too large. Go by KID, which is unbiased."
        )
    elif fewest < INCEPTION_MINIMUM:
        said.append(
            f"The Fréchet distance of {fewest} pictures is biased upwards: compare it only with one of as many."
        )
    if frechet < halves.mean + 2 * halves.deviation:
        said.append(
            f"The Fréchet distance {frechet:.4g} is not above that of random halves of the real pictures "
            f"({halves.mean:.4g} ± {halves.deviation:.2g}), so these sets cannot tell generated from real ones by it."
        )
    return said
