"""Has a generator learnt its training pictures by heart? Nearest neighbours, and how evenly pictures change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, JobToken
from .feature_files import of_pictures
from .picture_sets import drawn

if TYPE_CHECKING:
    from ..models import Model

COPY_QUANTILE = 0.01


class Memorised(NamedTuple):
    """How near generated pictures come to real ones.

    Attributes
    ----------
    nearest : array (N,)
        Root mean square difference of each generated picture to the nearest real one, both standardised: 0 the same,
        about √2 unrelated.
    nearest_index : array (N,) int
        Which real one.
    real : array (M,)
        The same from each real picture to the nearest *other* real one.
    threshold : float
        One in a hundred real pictures is nearer to another one than this.
    copies : float
        Share of generated pictures below the threshold; 0.01 is what real pictures do to each other.
    """

    nearest: npt.NDArray[np.float64]
    nearest_index: npt.NDArray[np.int64]
    real: npt.NDArray[np.float64]
    threshold: float
    copies: float


def memorisation(generated: Any, real: Any, mirror: bool = True) -> Memorised:
    """Compare how near generated pictures are to real ones with how near real ones are to each other.

    Parameters
    ----------
    generated, real : array (N, Y, X), (M, Y, X), or both with channels (N, C, Y, X)
        At one size, best reduced to about 32 px: at full size noise hides a copy. The real ones should be independent
        of each other; neighbouring frames of one movie make the threshold small and copies seem rare.
    mirror : bool
        Count a mirror image about the vertical axis as the same, as training does.

    Returns
    -------
    Memorised

    Raises
    ------
    CellSimError
        If the sets are no stacks of pictures of one size, or there are fewer than 3 real ones.
    """
    made, truth = (np.asarray(pictures, dtype=np.float64) for pictures in (generated, real))
    if made.ndim not in (3, 4) or made.shape[1:] != truth.shape[1:] or len(truth) < 3 or not len(made):
        raise CellSimError(
            "Copies are sought among at least 3 real pictures (M, Y, X) or (M, C, Y, X) of the size of the generated "
            f"ones, but the shapes are {made.shape} and {truth.shape}."
        )
    distances, index = nearest(made, truth, mirror)
    among_real, _ = nearest(truth, mirror=mirror)
    threshold = float(np.quantile(among_real, COPY_QUANTILE))
    return Memorised(distances, index, among_real, threshold, float((distances < threshold).mean()))


def nearest(
    pictures: Any, others: Any = None, mirror: bool = True
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return how far each picture is from the most similar other one, and which that is.

    Parameters
    ----------
    pictures : array (N, Y, X) or (N, C, Y, X)
        Compared after standardising each channel of each.
    others : array (M, Y, X) or (M, C, Y, X), optional
        To compare with; without it, the other pictures themselves.
    mirror : bool
        Compare with mirror images about the vertical axis too.

    Returns
    -------
    array (N,), array (N,) int
        Root mean square difference, 0 for the same and about √2 for unrelated pictures; index of the nearest.
    """
    x = _standardised(pictures)
    y = x if others is None else _standardised(others)
    flat = x.reshape(len(x), -1)
    correlation = flat @ y.reshape(len(y), -1).T
    if mirror:
        correlation = np.maximum(correlation, flat @ y[..., ::-1].reshape(len(y), -1).T)
    correlation /= flat.shape[1]
    if others is None:  # not with itself, nor with its own mirror image
        np.fill_diagonal(correlation, -1)
    best = correlation.argmax(axis=1)
    return np.sqrt(np.maximum(2 - 2 * correlation[np.arange(len(x)), best], 0)), best


def _standardised(pictures: Any) -> npt.NDArray[np.float64]:
    x = np.asarray(pictures, dtype=np.float64)
    centred = x - x.mean(axis=(-2, -1), keepdims=True)
    scaled: npt.NDArray[np.float64] = centred / np.maximum(centred.std(axis=(-2, -1), keepdims=True), 1e-12)
    return scaled


class PathSteps(NamedTuple):
    """How evenly pictures change along walks through the latent space.

    Attributes
    ----------
    steps : array (W, S)
        Feature distance of consecutive pictures of each of W walks.
    length : float
        Mean length of a walk, in features.
    evenness : float
        Mean over walks of the largest step over the mean step: 1 is perfectly even; the number of steps means that
        all change happens in one jump, as between two pictures learnt by heart.
    sharpest : float
        The same for the most uneven walk.
    extractor : str
        What made the features, where that is known.
    """

    steps: npt.NDArray[np.float64]
    length: float
    evenness: float
    sharpest: float
    extractor: str = ""


def path_steps(features: Any) -> PathSteps:
    """Measure the steps of walks through feature space.

    Parameters
    ----------
    features : array (W, S + 1, D)
        Features of the pictures of W walks, in order; S at least 2.

    Returns
    -------
    PathSteps
        A walk that does not change at all counts as even.

    Raises
    ------
    CellSimError
        If these are no walks.

    Notes
    -----
    Karras et al. 2019, arXiv:1812.04948, section 4.1, measure the mean perceptual step; Østmo 2020, section 4.6, takes
    sharp interpolation as a sign of memorising.
    """
    walks = np.asarray(features, dtype=np.float64)
    if walks.ndim != 3 or walks.shape[1] < 3:
        raise CellSimError(
            f"Walks need features (W, S + 1, D) of at least 3 pictures each, not an array of the shape {walks.shape}."
        )
    steps = np.linalg.norm(np.diff(walks, axis=1), axis=2)
    mean = steps.mean(axis=1)
    uneven = np.where(mean > 0, steps.max(axis=1) / np.where(mean > 0, mean, 1), 1.0)
    return PathSteps(steps, float(steps.sum(axis=1).mean()), float(uneven.mean()), float(uneven.max()))


def walk_steps(
    model: Model,
    walks: int = 8,
    steps: int = 16,
    seed: int = 0,
    *,
    encoder: str | Model = "unet-lite",
    device: str = "auto",
    token: JobToken | None = None,
) -> PathSteps:
    """Walk between pairs of random pictures of a generator and measure how evenly they change.

    Parameters
    ----------
    model : Model
        A Cell-GAN, an MSG-GAN or an autoencoder.
    walks, steps : int
        Walks from one random picture to the next, and steps of each.
    seed : int
        Of the pictures.
    encoder : str or Model
        Segmentation network whose features measure the steps; for photographs a classifier of specimens.
    device, token
        As for `generation.generate_job`.

    Returns
    -------
    PathSteps
    """
    from ..base import run
    from ..generation import generate_job, interpolate_job

    if walks < 1 or steps < 2:
        raise CellSimError(f"{walks} walks of {steps} steps show nothing: take at least 1 of at least 2.")
    ends = run(generate_job(model, walks + 1, seed, 1.0, "none", device=device, token=token))
    made = run(interpolate_job(model, ends, steps, device=device, token=token))
    features = of_pictures(drawn(model, made).described, made.pixel_size, encoder, token, device)
    found = path_steps(np.stack([features.values[k * steps : (k + 1) * steps + 1] for k in range(walks)]))
    return found._replace(extractor=features.extractor)
