"""Pictures side by side: contact sheets, walks in rows, and one picture at every scale of an MSG-GAN."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, JobToken
from .batches import in_batches, in_units
from .generated import COLOURS, Generated
from .points import points_of

if TYPE_CHECKING:
    from ..models import Model


def scales(
    model: Model | str | Path,
    latents: Generated | NDArray[Any],
    *,
    device: str = "auto",
    token: JobToken | None = None,
) -> list[NDArray[np.float32]]:
    """Draw pictures at every scale that an MSG-GAN knows: how they evolve from 4 × 4 px to full size.

    Parameters
    ----------
    model : Model, str or Path
        An MSG-GAN.
    latents : Generated or numpy.ndarray
        Pictures of it, or latents (N, 1, D) or (N, D).
    device : str
        See `models.hardware.devices`.
    token : JobToken, optional
        To cancel.

    Returns
    -------
    list of numpy.ndarray
        (N, C, 4, 4), (N, C, 8, 8), … (N, C, size, size) float32 in intensity units; the last are the pictures
        themselves. `scale_sheet` puts them into one picture.

    Raises
    ------
    CellSimError
        If the model draws one scale only, or the latents do not fit it.
    """
    from .renderer import Renderer

    renderer = Renderer(model, device, token)
    if not renderer.spherical:
        raise CellSimError(
            f"Model {renderer.model.name!r} draws its pictures at full size only; choose an MSG-GAN to see all scales."
        )
    points = points_of(renderer, latents)

    def draw(part: slice) -> list[NDArray[np.float32]]:
        drawn = renderer.scales(points.latents[part])
        return [in_units(scale, points.intensity[part], renderer.limits)[:, 0] for scale in drawn]

    parts = in_batches(draw, len(points), renderer.batch, renderer.device, renderer.token)
    return [np.concatenate(scale) for scale in zip(*(drawn for _, drawn in parts), strict=True)]


def scale_sheet(pictures: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return what `scales` drew as one picture: a row for each, coarse to fine, all enlarged to the last one's size.

    Parameters
    ----------
    pictures : sequence of numpy.ndarray
        (N, C, h, w) of each scale, coarse to fine.

    Returns
    -------
    numpy.ndarray
        (H, W) or, in colour, (H, W, 3) float32 in the units of the pictures.
    """
    side = pictures[-1].shape[-1]
    enlarged = [
        scale.repeat(side // scale.shape[-1], axis=-1).repeat(side // scale.shape[-2], axis=-2)
        for scale in pictures
    ]
    return _tiles(np.stack(enlarged, axis=1).reshape(-1, *pictures[-1].shape[1:]), len(pictures))


def contact_sheet(generated: Generated, columns: int) -> NDArray[np.float32]:
    """Return all pictures side by side as one picture, row by row; places left over are black.

    Parameters
    ----------
    generated : Generated
        The pictures; of sequences their last frame is shown.
    columns : int
        Pictures per row, at least 1.

    Returns
    -------
    numpy.ndarray
        (H, W) or, in colour, (H, W, 3) float32 in intensity units; of other channels the first.

    Raises
    ------
    CellSimError
        If there are no columns.
    """
    if columns < 1:
        raise CellSimError(f"Pictures cannot stand in {columns} columns; take at least 1.")
    images = generated.images[:, -1]
    return _tiles(images if generated.colour else images[:, :1], columns)


def walk_sheet(walk: Generated) -> NDArray[np.float32]:
    """Return a walk as one picture: a row for the way from each keyframe to the next, both ends included.

    Parameters
    ----------
    walk : Generated
        What `interpolate` returned.

    Returns
    -------
    numpy.ndarray
        As `contact_sheet`.

    Raises
    ------
    CellSimError
        If the pictures are no walk.
    """
    config = walk.provenance.get("config", {})
    if walk.kind != "walk" or "steps" not in config:
        raise CellSimError(
            f"The pictures of {walk.name!r} are no walk, so they have no rows: interpolate between pictures first."
        )
    steps, legs = int(config["steps"]), int(config["keyframes"]) - (not config["loop"])
    if len(walk) != legs * steps + (not config["loop"]):
        raise CellSimError(f"Some pictures of the walk {walk.name!r} are missing: use it as it was made.")
    rows = steps * np.arange(legs)[:, None] + np.arange(steps + 1)
    return contact_sheet(walk.select(rows.ravel() % len(walk)), steps + 1)


def _tiles(images: NDArray[np.float32], columns: int) -> NDArray[np.float32]:
    """Return pictures (N, C, h, w) as (H, W) or (H, W, 3)."""
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    filled = np.zeros((rows * columns, channels, height, width), dtype=np.float32)
    filled[:count] = images
    sheet = filled.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    flat: NDArray[np.float32] = sheet.reshape(rows * height, columns * width, channels)
    return flat if channels == len(COLOURS) else flat[..., 0]
