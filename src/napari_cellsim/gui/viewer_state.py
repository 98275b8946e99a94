"""What the docks read of a viewer: suitable layers, the current time step, the visible and the drawn regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import CellSimError

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer, Shapes

Region = tuple[int, int, int, int]
METADATA_KEY = "napari_cellsim"
WHOLE, VIEW = "whole image", "current view"  # choices of a region besides the Shapes layers


def movies(viewer: Any) -> list[Image]:
    """Return the grey image layers with more than two axes that are no results of ours, topmost first."""
    from napari.layers import Image

    return [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, Image)
        and not layer.rgb
        and layer.ndim > 2
        and METADATA_KEY not in layer.metadata
    ]


def labels(viewer: Any) -> list[Labels]:
    """Return the label layers, topmost first."""
    from napari.layers import Labels

    return [layer for layer in reversed(viewer.layers) if isinstance(layer, Labels)]


def shapes(viewer: Any) -> list[Shapes]:
    """Return the shapes layers, topmost first."""
    from napari.layers import Shapes

    return [layer for layer in reversed(viewer.layers) if isinstance(layer, Shapes)]


def find_layer(viewer: Any, name: str) -> Layer:
    """Return the layer of that name, or complain with the names there are."""
    if name not in viewer.layers:
        names = ", ".join(repr(layer.name) for layer in viewer.layers) or "none"
        raise CellSimError(f"There is no layer called {name!r}; the layers are: {names}.")
    return viewer.layers[name]


def meant(viewer: Any, wanted: Any) -> Layer | None:
    """Return the layer meant by its name, a proxy of it or the layer itself; None if None is wanted."""
    if isinstance(wanted, str):
        wanted = find_layer(viewer, wanted)
    return getattr(wanted, "__wrapped__", wanted)


def find_movie(viewer: Any, wanted: Any) -> Image:
    """Return the layer meant by a name or the layer itself.

    Raises
    ------
    CellSimError
        If there is none, or it is no image layer; the sentence says what to do.
    """
    from napari.layers import Image

    wanted = meant(viewer, wanted)
    if wanted is None:
        raise CellSimError(
            "There is no movie yet; drop a TIFF time-lapse on napari, or take File > Open Sample > CellSim."
        )
    if not isinstance(wanted, Image):
        kind = type(wanted).__name__
        raise CellSimError(
            f"Layer {wanted.name!r} is a {kind} layer, not a movie; choose an Image layer with a time axis."
        )
    if wanted.rgb:
        raise CellSimError(
            f"Layer {wanted.name!r} is a colour (RGB) picture, but a forecast needs one grey value per pixel; convert "
            "it to greyscale or split its channels first."
        )
    if wanted.ndim < 3:
        raise CellSimError(
            f"Layer {wanted.name!r} is a single picture without a time axis; choose a movie (T, Y, X), or stack your "
            "single-frame layers with the button in the Forecast dock."
        )
    return wanted


def current_index(viewer: Any, layer: Layer, axis: int) -> int:
    """Return where the viewer's sliders stand on an axis of a layer, clipped to its data."""
    point = layer.world_to_data(viewer.dims.point[-layer.ndim :])
    return int(np.clip(round(float(point[axis])), 0, shape_of(layer)[axis] - 1))


def visible_region(layer: Layer) -> Region | None:
    """Return the part (y0, y1, x0, x1) of a layer that the canvas shows, in px; None if that is all of it."""
    height, width = shape_of(layer)[-2:]
    first, last = np.asarray(layer.corner_pixels)[:, -2:]
    y0, x0 = (int(np.clip(value, 0, size)) for value, size in zip(first, (height, width), strict=True))
    y1, x1 = (int(np.clip(value + 1, 0, size)) for value, size in zip(last, (height, width), strict=True))
    if (y0, y1, x0, x1) == (0, height, 0, width):
        return None
    if y1 - y0 < 1 or x1 - x0 < 1:
        raise CellSimError(
            f"Nothing of layer {layer.name!r} is in view; move the view onto it or forecast the whole image."
        )
    return y0, y1, x0, x1


def drawn_regions(drawing: Shapes, layer: Layer) -> list[Region]:
    """Return the bounding rectangles (y0, y1, x0, x1) of all shapes in px of `layer`, clipped to it.

    Raises
    ------
    CellSimError
        If nothing is drawn, or a shape lies outside the image.
    """
    if not len(drawing.data):
        raise CellSimError(
            f"The Shapes layer {drawing.name!r} is empty; draw rectangles in it, or forecast the whole image."
        )
    height, width = shape_of(layer)[-2:]
    regions = []
    for number, vertices in enumerate(drawing.data):
        corners = []
        for vertex in vertices:
            world = np.zeros(layer.ndim)
            world[-2:] = np.asarray(drawing.data_to_world(vertex))[-2:]
            corners.append(np.asarray(layer.world_to_data(world))[-2:])
        low, high = (
            np.min(corners, axis=0) + 0.5,
            np.max(corners, axis=0) + 0.5,
        )  # pixel 0 reaches from -0.5 to 0.5
        y0, x0 = max(0, round(low[0])), max(0, round(low[1]))
        y1, x1 = min(height, round(high[0])), min(width, round(high[1]))
        if y1 <= y0 or x1 <= x0:
            raise CellSimError(
                f"Rectangle {number + 1} of layer {drawing.name!r} lies outside the image {layer.name!r}; move it."
            )
        regions.append((y0, y1, x0, x1))
    return regions


def region_choices(viewer: Any) -> list[tuple[str, Any]]:
    """Return names and values of the regions to choose from, for `chosen_regions`."""
    rectangles = [(f"rectangles of {layer.name}", layer) for layer in shapes(viewer)]
    return [(WHOLE, WHOLE), (VIEW, VIEW), *rectangles]


def chosen_regions(viewer: Any, layer: Layer, wanted: Any) -> list[Region] | None:
    """Return the rectangles of `layer` meant by a choice.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers may be named.
    layer : Layer
        Which the regions are cut from.
    wanted : str, Shapes layer, list of (y0, y1, x0, x1) or None
        `WHOLE` or None, `VIEW`, a Shapes layer or its name, or rectangles in px.

    Returns
    -------
    list of (y0, y1, x0, x1) or None
        In px; None for the whole image.

    Raises
    ------
    CellSimError
        If there is no such Shapes layer, or nothing of use is drawn in it.
    """
    if wanted is None or (isinstance(wanted, str) and wanted == WHOLE):
        return None
    if isinstance(wanted, str) and wanted == VIEW:
        visible = visible_region(layer)
        return None if visible is None else [visible]
    if isinstance(wanted, str):
        wanted = find_layer(viewer, wanted)
    if not hasattr(wanted, "data_to_world"):
        return [tuple(round(number) for number in region) for region in wanted]
    if wanted not in shapes(viewer):
        raise CellSimError(f"Layer {wanted.name!r} is not a Shapes layer; draw rectangles in a Shapes layer.")
    return drawn_regions(wanted, layer)


def shape_of(layer: Layer) -> tuple[int, ...]:
    """Return the shape of an image layer's data, the finest level of a pyramid."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    return tuple(data.shape[: layer.ndim])
