"""The picture of what a network does, which the viewer shows while it learns."""

from __future__ import annotations

from typing import Any

import numpy as np

from .viewer_state import METADATA_KEY

_GAP = 0.05  # of the width of what is in the viewer already


class PreviewLayer:
    """One image layer per run, whose picture is replaced; beside whatever else the viewer shows.

    Parameters
    ----------
    viewer : napari.Viewer
        Where to show it.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None
        self._name = ""

    def start(self, run: str) -> None:
        """Show the pictures of another run from now on, in its own layer."""
        name = f"training preview of {run}"
        if name != self._name:
            self._name, self._layer = name, None

    def show(self, picture: np.ndarray, step: int) -> None:
        """Show a picture, (H, W) or (H, W, 3) uint8."""
        note = {METADATA_KEY: {"training_preview": self._name, "step": step}}
        if self._layer is None or self._layer not in self._viewer.layers:
            alone = not len(self._viewer.layers)
            place = {} if alone else _beside(self._viewer, picture.shape[0])
            active = self._viewer.layers.selection.active
            self._layer = self._viewer.add_image(picture, name=self._name, metadata=note, **place)
            if not alone:
                self._viewer.layers.selection.active = active
        else:
            self._layer.data = picture
            self._layer.metadata = note


def _beside(viewer: Any, height: int) -> dict[str, Any]:
    """Return scale and translation that put a picture of so many rows to the right of everything, equally high."""
    low, high = np.asarray(viewer.layers.extent.world)[:, -2:]
    tall, wide = (float(size) or 1.0 for size in high - low)
    scale = tall / height
    place: dict[str, Any] = {
        "scale": (scale, scale),
        "translate": (float(low[0]) + scale / 2, float(high[1]) + _GAP * wide),
    }
    units = viewer.layers.units
    if units is not None:
        place["units"] = tuple(units)[-2:]
    return place
