"""Stack single pictures, such as twenty dropped TIFFs, into one movie layer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ..base import CellSimError

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Layer


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key by which ``"t2"`` comes before ``"t10"``."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part.casefold())
        for part in re.split(r"(\d+)", name)
        if part
    ]


def single_frames(layers: Iterable[Layer]) -> list[Image]:
    """Return the grey 2-D image layers of the commonest shape among `layers`, in natural order of their names."""
    from napari.layers import Image

    found = [layer for layer in layers if isinstance(layer, Image) and layer.ndim == 2 and not layer.rgb]
    if not found:
        return []
    shapes = [layer.data.shape for layer in found]
    shape = max(set(shapes), key=shapes.count)
    return sorted(
        (layer for layer in found if layer.data.shape == shape), key=lambda layer: natural_key(layer.name)
    )


def stack_layers(viewer: napari.viewer.Viewer) -> Image:
    """Add one movie layer (T, Y, X) made of the viewer's single-frame image layers, which stay as they are.

    If two or more of them are selected, only those are stacked.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the single frames are and where the movie goes.

    Returns
    -------
    Image
        The movie, with the calibration of the first frame.

    Raises
    ------
    CellSimError
        If there are fewer than two pictures of one size.
    """
    chosen = single_frames(viewer.layers.selection)
    frames = chosen if len(chosen) > 1 else single_frames(viewer.layers)
    if len(frames) < 2:
        raise CellSimError(
            "There are fewer than two single pictures of one size to stack; drop the TIFFs of your movie on napari."
        )
    first = frames[0]
    dtype = np.result_type(*(layer.data.dtype for layer in frames))
    data = np.stack([np.asarray(layer.data, dtype=dtype) for layer in frames])
    return viewer.add_image(
        data,
        name=f"{_common_name([layer.name for layer in frames])} ({len(frames)} frames)",
        scale=(1, *first.scale),
        translate=(0, *first.translate),
        units=("pixel", *first.units),
        axis_labels=("t", "y", "x"),
        colormap=first.colormap,
        contrast_limits=(float(data.min()), max(float(data.max()), float(data.min()) + 1)),
        metadata={"stacked_from": [str(layer.source.path or layer.name) for layer in frames]},
    )


def _common_name(names: list[str]) -> str:
    """Return what the names share at their beginning, without the trailing number."""
    shared = names[0]
    for name in names[1:]:
        while not name.startswith(shared):
            shared = shared[:-1]
    return shared.rstrip("0123456789_-. ") or "stack"
