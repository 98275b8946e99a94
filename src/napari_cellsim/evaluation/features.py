"""Features of trap pictures, for Fréchet distance, KID, and precision and recall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, JobToken
from ..data import fit_scale

if TYPE_CHECKING:
    from ..models import Model

BATCH = 16


def domain_features(
    images: npt.NDArray[Any],
    pixel_size: float | None = None,
    model: str | Model = "unet-lite",
    token: JobToken | None = None,
) -> npt.NDArray[np.float32]:
    """Describe pictures by what the segmentation network sees in them.

    Each picture is scaled by its own 0.1 and 99.9 percentiles to [0, 1] and resampled bicubically to the network's
    pixel size; the features are the spatial mean and standard deviation of each channel of the bottleneck.

    Parameters
    ----------
    images : array
        (N, Y, X) or (N, 1, Y, X), any unit.
    pixel_size : float, optional
        µm per px of the pictures; without it they are taken to be of the network's own.
    model : str or Model
        A segmentation U-Net.
    token : JobToken, optional
        Cancels between batches.

    Returns
    -------
    array
        (N, 2 · C) float32.

    Raises
    ------
    CellSimError
        If the model is no segmentation network, or the pictures have another shape.

    Notes
    -----
    Features of this project's own domain, not Inception's: numbers compare only with others of the same network,
    picture size and preprocessing.
    """
    import torch

    network, factor = _network(model, pixel_size)
    parts = []
    with torch.inference_mode():
        for batch in _batches(images, factor):
            (token or JobToken()).check()
            bottleneck = network.encode(batch)[-1].flatten(2)
            parts.append(torch.cat([bottleneck.mean(2), bottleneck.std(2)], dim=1).numpy())
    return np.concatenate(parts)


def segment_pictures(
    images: npt.NDArray[Any], pixel_size: float | None = None, model: str | Model = "unet-lite"
) -> npt.NDArray[np.uint8]:
    """Return the class of every pixel (N, Y', X') uint8, on the grid of the network's pixel size.

    Parameters
    ----------
    images, pixel_size, model
        As for `domain_features`.
    """
    import torch

    network, factor = _network(model, pixel_size)
    with torch.inference_mode():
        return np.concatenate(
            [network(batch).argmax(1).to(torch.uint8).numpy() for batch in _batches(images, factor)]
        )


def _network(model: str | Model, pixel_size: float | None) -> tuple[Any, float]:
    from ..models import load_model

    chosen = load_model(model) if isinstance(model, str) else model
    if chosen.kind != "unet":
        raise CellSimError(
            f"Model {chosen.name!r} is a {chosen.kind}; domain features come from a segmentation network (unet)."
        )
    own = chosen.card.pixel_size
    return chosen.network.eval(), pixel_size / own if pixel_size and own else 1.0


def _batches(images: npt.NDArray[Any], factor: float) -> Any:
    import torch
    import torch.nn.functional as F

    images = images[:, 0] if images.ndim == 4 and images.shape[1] == 1 else images
    if images.ndim != 3 or not len(images):
        raise CellSimError(f"Domain features need pictures (N, Y, X), not an array of shape {images.shape}.")
    size = tuple(max(16, round(n * factor)) for n in images.shape[1:])
    for first in range(0, len(images), BATCH):
        scaled = np.stack([fit_scale(image).forward(image) for image in images[first : first + BATCH]])
        batch = torch.from_numpy(scaled)[:, None]
        yield F.interpolate(batch, size=size, mode="bicubic", align_corners=False, antialias=True)
