"""Principal directions of W: what varies most among the pictures of a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, JobToken
from .seeds import check_seed

if TYPE_CHECKING:
    from ..models import Model
    from .renderer import Renderer

# Few enough that drawing and mapping them takes about a second, many enough for the covariance of 512 numbers.
SAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions in W along which w varies most, the most important first.

    Parameters
    ----------
    mean : numpy.ndarray
        (D,) float32, w̄.
    components : numpy.ndarray
        (n, D) float32, of length 1 and at right angles to each other.
    deviations : numpy.ndarray
        (n,) float32, standard deviation of w along each.
    explained : numpy.ndarray
        (n,) share of the whole variance of w.
    model : dict
        Name and hash of the model.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    deviations: NDArray[np.float32]
    explained: NDArray[np.float64]
    model: dict[str, str]

    def __len__(self) -> int:
        return len(self.components)

    def offsets(self, weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the way (N, D) in W of weights (N, n) in standard deviations."""
        return (weights @ (self.deviations[:, None] * self.components)).astype(np.float32)


def directions(
    model: Model | str | Path,
    n: int = 10,
    seed: int = 0,
    *,
    samples: int = SAMPLES,
    device: str = "auto",
    token: JobToken | None = None,
) -> Directions:
    """Find the principal directions of W.

    Parameters
    ----------
    model : Model, str or Path
        A Cell-GAN.
    n : int
        How many directions.
    seed : int
        Seed of the random z.
    samples : int
        How many w to take them from; more than the latent has numbers.
    device : str
        See `models.hardware.devices`.
    token : JobToken, optional
        To cancel.

    Returns
    -------
    Directions
        Each with its largest component positive, so that the sign is not left to chance.

    Raises
    ------
    CellSimError
        If the model has no W, or a number is out of range.

    Notes
    -----
    Principal component analysis of w = f(z), z from N(0, 1) (GANSpace: Härkönen et al., NeurIPS 2020, §3.1).
    """
    from .renderer import Renderer

    return directions_of(Renderer(model, device, token), n, seed, samples=samples)


def directions_of(renderer: Renderer, n: int, seed: int, *, samples: int = SAMPLES) -> Directions:
    """Do what `directions` documents, with a model made ready."""
    renderer.refuse_unless_styled(": its codes vary alike in all directions, so it has no principal ones")
    if not 1 <= n <= renderer.latent:
        raise CellSimError(f"There are no {n} principal directions; ask for 1 to {renderer.latent}.")
    if samples <= renderer.latent:
        raise CellSimError(
            f"{samples} samples are too few for the directions of {renderer.latent} numbers; take more."
        )
    w = renderer.sample(samples, check_seed(seed)).astype(np.float64)
    mean = w.mean(0)
    variances, vectors = np.linalg.eigh((w - mean).T @ (w - mean) / samples)
    variances, components = variances[::-1].clip(0.0), vectors.T[::-1][:n]
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(n), largest])[:, None]
    return Directions(
        mean=mean.astype(np.float32),
        components=components.astype(np.float32),
        deviations=np.sqrt(variances[:n]).astype(np.float32),
        explained=variances[:n] / max(variances.sum(), np.finfo(np.float64).tiny),
        model={"name": renderer.model.name, "hash": renderer.hash},
    )
