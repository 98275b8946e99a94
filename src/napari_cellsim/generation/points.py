"""Points of the latent space that a caller hands over, checked against the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from .generated import NO_NOISE, Generated

if TYPE_CHECKING:
    from .renderer import Renderer


@dataclass(frozen=True)
class Points:
    """Latents with everything that is needed to draw them.

    Parameters
    ----------
    latents : numpy.ndarray
        (N, L, D) float32.
    noise_seeds : numpy.ndarray
        (N,) int64.
    intensity : numpy.ndarray
        (N, C, 2) float64, offset and gain.
    z : numpy.ndarray or None
        (N, D) float32.
    truncation : float
        With which the latents were made of z.
    name : str
        What to call pictures made from them.
    notes : list of str
        What is odd about them.
    """

    latents: NDArray[np.float32]
    noise_seeds: NDArray[np.int64]
    intensity: NDArray[np.float64]
    z: NDArray[np.float32] | None
    truncation: float
    name: str
    notes: list[str]

    def __len__(self) -> int:
        return len(self.latents)


def points_of(
    renderer: Renderer,
    given: Generated | NDArray[Any],
    *,
    noise_seeds: NDArray[Any] | None = None,
    intensity: NDArray[np.float64] | None = None,
) -> Points:
    """Return the points that generated pictures or plain latents (N, L, D) or (N, D) stand for.

    Raises
    ------
    CellSimError
        If their shape or values do not fit the model.
    """
    notes: list[str] = []
    z, truncation, name = None, 1.0, renderer.model.name
    if isinstance(given, Generated):
        latents, z, name = given.latents, given.z, given.name
        noise_seeds = given.noise_seeds if noise_seeds is None else noise_seeds
        truncation = float(given.provenance.get("config", {}).get("truncation", 1.0))
        made_by = given.provenance.get("model", {})
        if made_by.get("hash", renderer.hash) != renderer.hash:
            notes.append(
                f"The latents of {given.name!r} come from model {made_by.get('name')!r}, other than "
                f"{renderer.model.name!r}; their pictures differ from those they had."
            )
        if intensity is None and given.images.shape[2] == renderer.channels:
            intensity = given.intensity
    else:
        latents = np.asarray(given, dtype=np.float32)
        latents = latents[:, None] if latents.ndim == 2 else latents
    _check(renderer, latents)
    count = len(latents)
    if intensity is None:
        intensity = np.tile(renderer.intensity, (count, 1, 1))
    seeds = np.full(count, NO_NOISE) if noise_seeds is None else np.asarray(noise_seeds)
    if seeds.shape != (count,) or seeds.dtype.kind not in "iu" or (seeds < NO_NOISE).any():
        raise CellSimError(
            f"There are {count} latents, so {count} whole noise seeds of at least -1 are needed, not an array of "
            f"shape {seeds.shape} and type {seeds.dtype}."
        )
    if intensity.shape != (count, renderer.channels, 2):
        raise CellSimError(
            f"The intensity of {count} pictures with {renderer.channels} channel(s) has the shape "
            f"{(count, renderer.channels, 2)}, not {intensity.shape}."
        )
    return Points(latents, seeds.astype(np.int64), intensity, z, truncation, name, notes)


def _check(renderer: Renderer, latents: NDArray[np.float32]) -> None:
    lengths = sorted({1, renderer.slots})
    if (
        latents.ndim != 3
        or not len(latents)
        or latents.shape[1] not in lengths
        or latents.shape[2] != renderer.latent
    ):
        words = " or ".join(str(n) for n in lengths)
        raise CellSimError(
            f"The latents have the shape {latents.shape}, but those of model {renderer.model.name!r} have the shape "
            f"(N, {words}, {renderer.latent}): use the model they were made with."
        )
    if not np.isfinite(latents).all():
        raise CellSimError("The latents hold values that are not numbers (NaN or infinite): make them anew.")
