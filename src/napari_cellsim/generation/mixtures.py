"""Style mixing: the coarse features of one picture with the fine ones of another."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, Event, JobToken, run
from .batches import draw_job
from .generated import Generated
from .points import points_of

if TYPE_CHECKING:
    from ..models import Model


def mix(
    model: Model | str | Path,
    sources: Generated | NDArray[Any],
    destinations: Generated | NDArray[Any],
    layer: int,
    **options: Any,
) -> Generated:
    """Cross the styles of pictures: the classic grid (Karras et al., CVPR 2019, figure 3).

    Parameters
    ----------
    model : Model, str or Path
        A Cell-GAN.
    sources : Generated or numpy.ndarray
        Pictures, or latents (N, L, D), that give the coarse features (place and shape); the first row of the grid.
    destinations : Generated or numpy.ndarray
        Those that give the fine features (texture and contrast); the first column.
    layer : int
        The first slot that comes from the destination: 0 gives the destination itself, the number of slots the source.
    **options
        As for `mix_job`.

    Returns
    -------
    Generated
        Of kind "grid", ``1 + len(destinations)`` rows and ``1 + len(sources)`` columns; the corner is the mean picture.

    Raises
    ------
    CellSimError
        If the model has no styles, or the latents or the layer do not fit it.
    """
    return run(mix_job(model, sources, destinations, layer, **options))


def mix_job(
    model: Model | str | Path,
    sources: Generated | NDArray[Any],
    destinations: Generated | NDArray[Any],
    layer: int,
    *,
    device: str = "auto",
    batch: int | None = None,
    token: JobToken | None = None,
) -> Generator[Event, None, Generated]:
    """Mix as a job: yields progress and pictures, returns what `mix` returns.

    All pictures share the noise of the first source, so that they differ in their styles alone.

    Yields
    ------
    Progress or PicturesReady
    """
    from .renderer import Renderer

    renderer = Renderer(model, device, token)
    renderer.refuse_unless_styled(", which has no styles to mix")
    if (
        isinstance(layer, bool)
        or not isinstance(layer, (int, np.integer))
        or not 0 <= layer <= renderer.slots
    ):
        raise CellSimError(
            f"Styles cannot be crossed at layer {layer}; model {renderer.model.name!r} has {renderer.slots} slots, so "
            f"choose 0 to {renderer.slots}."
        )
    above, beside = points_of(renderer, sources), points_of(renderer, destinations)
    coarse, fine = renderer.expand(above.latents), renderer.expand(beside.latents)
    rows, columns = len(fine) + 1, len(coarse) + 1
    latents = np.empty((rows, columns, renderer.slots, renderer.latent), dtype=np.float32)
    latents[0, 0] = renderer.mean()[0]
    latents[0, 1:], latents[1:, 0] = coarse, fine
    latents[1:, 1:, :layer] = coarse[None, :, :layer]
    latents[1:, 1:, layer:] = fine[:, None, layer:]
    share = layer / renderer.slots
    intensity = np.empty((rows, columns, renderer.channels, 2))
    intensity[0, 0] = renderer.intensity
    intensity[0, 1:], intensity[1:, 0] = above.intensity, beside.intensity
    intensity[1:, 1:] = share * above.intensity[None] + (1 - share) * beside.intensity[:, None]
    count = rows * columns
    crossed, scales = latents.reshape(count, *latents.shape[2:]), intensity.reshape(count, -1, 2)
    seeds = np.full(count, above.noise_seeds[0])
    images = yield from draw_job(renderer, crossed, seeds, scales, batch)
    config = {"layer": int(layer), "sources": len(coarse), "destinations": len(fine)}
    return Generated(
        images=images,
        latents=crossed,
        noise_seeds=seeds,
        intensity=scales,
        kind="grid",
        grid=(rows, columns),
        name=f"{renderer.model.name} mix",
        channel_names=sources.channel_names if isinstance(sources, Generated) else (),
        provenance=renderer.provenance(config, [*above.notes, *beside.notes]),
        **renderer.facts(),
    )
