"""Generate pictures freely, and draw those of given latents again."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, Event, JobToken, run
from .batches import draw_job
from .generated import NO_NOISE, Generated
from .seeds import Noise, check_seed, code_seeds, noise_seeds

if TYPE_CHECKING:
    from ..models import Model
    from .renderer import Renderer

DEFAULT_MODEL = "cellgan-lite"
DEFAULT_TRUNCATION = 0.7


def generate(
    model: Model | str | Path = DEFAULT_MODEL,
    n: int = 16,
    seed: int = 0,
    truncation: float | None = None,
    noise: Noise = "random",
    **options: Any,
) -> Generated:
    """Generate new pictures.

    Parameters
    ----------
    model : Model, str or Path
        A Cell-GAN, an MSG-GAN or an autoencoder, or the name or file of one.
    n : int
        Number of pictures, at least 1.
    seed : int
        Picture i of a seed is always the same, whatever `n` and the batch are; 0 or more.
    truncation : float, optional
        From 0 (all pictures are the mean picture) to 1 (full variety): ``w̄ + truncation (w - w̄)``. If not given, 0.7;
        an MSG-GAN, whose latents count by their direction alone, always shows the full variety.
    noise : {"random", "fixed", "none"}
        Noise of its own for each picture, the same noise for all, or none; only a Cell-GAN reads any.
    **options
        As for `generate_job`.

    Returns
    -------
    Generated

    Raises
    ------
    CellSimError
        With one sentence, if something about the input is wrong.
    """
    return run(generate_job(model, n, seed, truncation, noise, **options))


def generate_job(
    model: Model | str | Path = DEFAULT_MODEL,
    n: int = 16,
    seed: int = 0,
    truncation: float | None = None,
    noise: Noise = "random",
    *,
    device: str = "auto",
    batch: int | None = None,
    token: JobToken | None = None,
) -> Generator[Event, None, Generated]:
    """Generate as a job: yields progress and pictures, returns what `generate` returns.

    Parameters
    ----------
    model, n, seed, truncation, noise
        See `generate`.
    device : str
        See `models.hardware.devices`.
    batch : int, optional
        Pictures drawn at once; sized to the memory if not given.
    token : JobToken, optional
        To cancel or pause.

    Yields
    ------
    Progress or PicturesReady
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise CellSimError(f"The number of pictures is {n}; it must be at least 1.")
    check_seed(seed)
    if truncation is not None and not 0 <= truncation <= 1:
        raise CellSimError(
            f"The truncation is {truncation}; it must lie between 0 (the mean picture) and 1 (full variety)."
        )
    from .renderer import Renderer

    noises = noise_seeds(noise, seed, n)
    renderer = Renderer(model, device, token)
    share = _truncation(renderer, truncation)
    z = renderer.codes(code_seeds(seed, n))
    mean, _ = renderer.mean()
    latents = truncated(renderer.map(z), mean, share)[:, None]
    if not renderer.styled:
        noises = np.full(n, NO_NOISE, dtype=np.int64)
    intensity = np.tile(renderer.intensity, (n, 1, 1))
    images = yield from draw_job(renderer, latents, noises, intensity, batch)
    config = {"n": int(n), "seed": int(seed), "truncation": share, "noise": noise}
    return Generated(
        images=images,
        latents=latents,
        noise_seeds=noises,
        intensity=intensity,
        z=z,
        kind="sample",
        name=renderer.model.name,
        channel_names=renderer.channel_names,
        provenance=renderer.provenance(config, renderer.unit_notes),
        **renderer.facts(),
    )


def _truncation(renderer: Renderer, wanted: float | None) -> float:
    if not renderer.spherical:
        return DEFAULT_TRUNCATION if wanted is None else float(wanted)
    if wanted not in (None, 1):
        raise CellSimError(
            f"Model {renderer.model.name!r} is an MSG-GAN, whose latents lie on a sphere without a mean picture to be "
            f"drawn towards: leave the truncation of {wanted} out."
        )
    return 1.0


def truncated(w: NDArray[np.float32], mean: NDArray[np.float32], truncation: float) -> NDArray[np.float32]:
    """Return w (N, D) drawn towards its mean (D,): the truncation trick of Karras et al. (CVPR 2019), §B."""
    return (mean + np.float32(truncation) * (w - mean)).astype(np.float32)


def mean_latent(
    model: Model | str | Path = DEFAULT_MODEL, n: int = 10_000, seed: int = 0, *, device: str = "auto"
) -> NDArray[np.float32]:
    """Return w̄ (D,), the mean of w over `n` random z; where w is z itself, it is 0.

    Raises
    ------
    CellSimError
        If the model cannot generate or `n` or `seed` is out of range.
    """
    if n < 1:
        raise CellSimError(f"The mean of {n} latents does not exist; take at least 1.")
    from .renderer import Renderer

    return Renderer(model, device).mean(n, check_seed(seed))[0]


def render(
    model: Model | str | Path,
    latents: Generated | NDArray[Any],
    noise_seeds: NDArray[Any] | None = None,
    *,
    intensity: NDArray[np.float64] | None = None,
    device: str = "auto",
    batch: int | None = None,
    token: JobToken | None = None,
) -> NDArray[np.float32]:
    """Draw the pictures of latents, again or for the first time.

    Parameters
    ----------
    model : Model, str or Path
        The model that the latents belong to.
    latents : Generated or numpy.ndarray
        (N, L, D) with L = 1 or one per slot, or (N, D); a `Generated` brings noise and intensity along.
    noise_seeds : numpy.ndarray, optional
        (N,), -1 for none; no noise if not given.
    intensity : numpy.ndarray, optional
        (N, C, 2) offset and gain; those of the model's training data if not given.
    device, batch, token
        As for `generate_job`.

    Returns
    -------
    numpy.ndarray
        (N, T, C, Y, X) float32 in intensity units.

    Raises
    ------
    CellSimError
        If the latents do not fit the model.
    """
    from .points import points_of
    from .renderer import Renderer

    renderer = Renderer(model, device, token)
    given = points_of(renderer, latents, noise_seeds=noise_seeds, intensity=intensity)
    return run(draw_job(renderer, given.latents, given.noise_seeds, given.intensity, batch))
