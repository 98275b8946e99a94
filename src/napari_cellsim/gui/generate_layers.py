"""Generated pictures in the viewer: finding them, adding them, and watching them come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, QTimer

from ..base import CellSimError
from ..generation.generated import WHITE
from ..generation.layers import display_of, pixels_of
from . import viewer_state
from .painting import paint_later
from .results import LayerData

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from ..generation import Generated

OURS = ("generated", "generating", "mosaic")
"""What the block of facts calls the kinds of layers that the Generate dock makes."""


def block_of(layer: Any) -> dict[str, Any]:
    """Return the block of facts in the metadata of one of our layers; empty for any other."""
    block = layer.metadata.get(viewer_state.METADATA_KEY, {})
    return block if isinstance(block, dict) else {}


def is_generated(layer: Any) -> bool:
    """Whether a layer shows generated pictures whose latents it holds."""
    return block_of(layer).get("kind") == "generated"


def generated_layers(viewer: Any) -> list[Image]:
    """Return the layers of generated pictures, topmost first."""
    return [layer for layer in reversed(viewer.layers) if isinstance(layer, Image) and is_generated(layer)]


def find_generated(viewer: Any, wanted: Any) -> Image:
    """Return the layer of generated pictures meant by a name or the layer itself.

    Raises
    ------
    CellSimError
        If there is none, or it holds no latents.
    """
    wanted = viewer_state.meant(viewer, wanted)
    if wanted is None:
        raise CellSimError(
            "There are no generated pictures yet; press Generate in the first tab, or open saved ones."
        )
    if not isinstance(wanted, Image) or not is_generated(wanted):
        raise CellSimError(
            f"Layer {wanted.name!r} holds no generated pictures; choose a layer that the Generate dock made."
        )
    return wanted


def pictures_of(layer: Image) -> Generated:
    """Return the pictures of a layer with their latents.

    Raises
    ------
    CellSimError
        If its shape was changed since it was generated.
    """
    from ..generation import Generated

    return Generated.from_layer(layer)


def current_picture(viewer: Any, layer: Image) -> int:
    """Return the index of the picture that the sliders show."""
    if block_of(layer)["shape"][0] == 1:
        return 0
    return viewer_state.current_index(viewer, layer, 0)


def flat(images: np.ndarray) -> np.ndarray:
    """Return the picture (Y, X) that stands for (T, C, Y, X) where only one can be shown: last frame, first channel."""
    return np.asarray(images[-1, 0])


def shown(generated: Generated, index: int = 0) -> np.ndarray:
    """Return what stands for one picture: `flat`, or its last frame in colour (Y, X, 3) from 0 to 255."""
    images = generated.images[index]
    return np.moveaxis(images[-1], 0, -1) if generated.colour else flat(images)


def maker_kind(layer: Image) -> str:
    """Return the kind of the model that made the pictures of a layer."""
    maker = block_of(layer).get("provenance", {}).get("model", {})
    return str(maker.get("kind", "cellgan"))  # until MSG-GAN came, kinds were not noted down


def layer_data(generated: Generated, viewer: Any) -> LayerData:
    """Return the layer of generated pictures such that it can be seen beside the viewer's other layers.

    A single picture has no picture axis: napari would show it at one position of a movie's time slider only. Several
    pictures ride on the axis that they share with a movie in its steps and unit: with two units on one axis napari
    drops the units of the whole viewer, and with two step widths picture and frame numbers would not agree.
    """
    ((data, meta, kind),) = generated.to_layers()
    if len(generated) == 1:
        meta = meta | {key: meta[key][1:] for key in ("scale", "units", "axis_labels")}
        return data[0], meta, kind
    return data, meta | _shared_axis(viewer, meta["scale"], meta["units"]), kind


def _shared_axis(viewer: Any, scale: tuple[float, ...], units: tuple[str, ...]) -> dict[str, tuple[Any, ...]]:
    ndim = len(scale)
    start = 0.0
    for layer in reversed(viewer.layers):
        if layer.ndim >= ndim:
            scale = (float(layer.scale[-ndim]), *scale[1:])
            units = (str(layer.units[-ndim]), *units[1:])
            start = float(layer.translate[-ndim])
            break
    return {"scale": scale, "units": units, "translate": (start, *[0.0] * (ndim - 1))}


def ride_along(viewer: Any) -> None:
    """Give the picture axis of all generated layers step and unit of the movie that is there; see `layer_data`."""
    movies = [layer for layer in reversed(viewer.layers) if isinstance(layer, Image) and not block_of(layer)]
    for layer in generated_layers(viewer):
        if layer.ndim < 3 or block_of(layer)["shape"][0] == 1:
            continue
        movie = next((movie for movie in movies if movie.ndim >= layer.ndim and not movie.rgb), None)
        if movie is not None and movie.units[-layer.ndim] != layer.units[0]:
            layer.units = (movie.units[-layer.ndim], *layer.units[1:])
            layer.scale = (movie.scale[-layer.ndim], *layer.scale[1:])
            layer.translate = (movie.translate[-layer.ndim], *layer.translate[1:])


def mosaic_data(generated: Generated) -> LayerData:
    """Return the pictures of a mixing grid side by side as one picture, parents in the first row and column."""
    from ..generation import contact_sheet

    assert generated.grid is not None
    return sheet_data(generated, contact_sheet(generated, generated.grid[1]), "mixing grid")


def rows_data(walk: Generated) -> LayerData:
    """Return the pictures of a walk side by side, a row for the way from each keyframe to the next."""
    from ..generation import walk_sheet

    return sheet_data(walk, walk_sheet(walk), "rows")


def sheet_data(generated: Generated, sheet: np.ndarray, name: str) -> LayerData:
    """Return a picture made of pictures, (H, W) or in colour (H, W, 3) from 0 to 255, as a layer."""
    ((_, meta, _),) = generated.to_layers()
    options = {
        "name": f"{name} (generated)",
        "metadata": {viewer_state.METADATA_KEY: {"kind": "mosaic", "provenance": generated.provenance}},
        **{key: meta[key] for key in ("rgb", "colormap", "contrast_limits") if key in meta},
        **{key: meta[key][-2:] for key in ("scale", "units", "axis_labels")},
    }
    return sheet / np.float32(WHITE) if generated.colour else sheet, options, "image"


class LivePictures(QObject):
    """A layer that grows while pictures are being made and becomes the result.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer goes.
    count : int
        How many pictures will come.
    pixel_size : float or None
        µm per pixel, if the model knows.
    widget : QWidget
        Any widget of the viewer's window.
    """

    def __init__(self, viewer: Any, count: int, pixel_size: float | None, widget: QWidget) -> None:
        super().__init__()
        self._viewer = viewer
        self._widget = widget
        self._count = count
        self._pixel_size = pixel_size
        self._colour = False
        self._shown_at: float | None = None
        self._array: np.ndarray | None = None
        self._layer: Image | None = None
        self._done = 0
        self._pending = False

    @property
    def layer(self) -> Image | None:
        """The layer, once the first pictures are there and until the user deletes it."""
        return self._layer if self._layer is not None and self._layer in self._viewer.layers else None

    def write(self, first: int, images: np.ndarray, colour: bool) -> None:
        """Take pictures (n, T, C, Y, X), in colour or grey; they are drawn when the event loop is next idle."""
        self._colour = colour
        if self._array is None:
            self._array = np.full((self._count, *images.shape[1:]), np.nan, dtype=np.float32)
        self._array[first : first + len(images)] = images
        self._done = max(self._done, first + len(images))
        if not self._pending:
            self._pending = True
            QTimer.singleShot(0, self._draw)

    def stop(self) -> None:
        """Say in the layer's name that no more will come."""
        if self._pending:
            self._draw()
        if (layer := self.layer) is not None:
            layer.name = layer.name.replace("(generating)", "(generated, incomplete)")

    def become(self, generated: Generated) -> Image | None:
        """Turn the layer into the finished pictures; return None if there is none (any more) to turn."""
        self._pending = False
        layer = self.layer
        data, meta, _ = layer_data(generated, self._viewer)
        if layer is None:
            return None
        if layer.ndim != len(meta["scale"]) or layer.rgb != meta.get("rgb", False):
            self._viewer.layers.remove(layer)
            return None
        layer.data = data
        for key in ("name", "scale", "units", "translate", "axis_labels", "contrast_limits", "metadata"):
            if key in meta:
                setattr(layer, key, meta[key])
        return layer

    def _draw(self) -> None:
        if not self._pending or self._array is None:
            return
        self._pending = False
        data = pixels_of(self._array[: self._done], self._colour)
        if self._count == 1:
            data = data[0]
        if self._layer is None:
            paint_later(self._widget)
            self._layer = self._viewer.add_image(data, **self._meta(data))
        elif self.layer is None:  # the user deleted it, and is obeyed
            return
        else:
            self._layer.data = data
        self._follow()

    def _meta(self, data: np.ndarray) -> dict[str, Any]:
        steps = data.ndim - (3 if self._colour else 2)
        scale = (*[1.0] * steps, *[self._pixel_size or 1.0] * 2)
        units = (*["pixel"] * steps, *["um" if self._pixel_size else "pixel"] * 2)
        return {
            "name": "pictures (generating)",
            **display_of(data, self._colour),
            "metadata": {viewer_state.METADATA_KEY: {"kind": "generating"}},
            **(
                _shared_axis(self._viewer, scale, units)
                if self._count > 1
                else {"scale": scale, "units": units}
            ),
        }

    def _follow(self) -> None:
        """Show the newest picture, unless the user has moved the slider since this layer last did."""
        layer, dims = self._layer, self._viewer.dims
        if self._count == 1 or layer is None:
            return
        axis = dims.ndim - layer.ndim
        step = float(layer.scale[0])
        if self._shown_at is None or abs(dims.point[axis] - self._shown_at) < step / 2:
            dims.set_point(axis, float(layer.translate[0]) + step * (self._done - 1))
            self._shown_at = dims.point[axis]
        else:
            self._shown_at = np.nan  # never again
