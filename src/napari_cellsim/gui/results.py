"""Bring results into the viewer without touching what is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from napari.layers import Layer

from .painting import PaintingPause
from .viewer_state import METADATA_KEY

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

LayerData = tuple[Any, dict[str, Any], str]

_FORECAST_KEY = "napari_cellsim_forecast"  # the Forecast itself, alive as long as one of its layers
# name of a layer's part in `Forecast.to_layers` -> the dock's overlay that it belongs to
_OVERLAY = {
    "flow": "flow",
    "motion": "arrows",
    "kernel_deviation": "kernels",
    "segmentation": "segmentation",
    "uncertainty": "uncertainty",
}
OVERLAYS = set(_OVERLAY.values())


def add_layers(viewer: Any, layers: list[LayerData], widget: QWidget) -> Iterator[Layer | None]:
    """Add layer data tuples on top, lowest first, in small steps; napari gives a taken name a number.

    Parameters
    ----------
    viewer : napari.Viewer
        Where they go.
    layers : list of LayerData
        Layer data tuples.
    widget : QWidget
        Any widget of the viewer's window.

    Yields
    ------
    Layer or None
        Each layer right after it was added; None where the event loop should take a turn, too.
    """
    for layer in layers:
        created = Layer.create(*layer)
        yield None
        pause = PaintingPause(widget)
        try:
            yield viewer.add_layer(created)
        finally:
            pause.end()
        yield None


def select(
    layers: list[LayerData],
    forecast: Any,
    overlays: set[str],
    display: dict[str, Any],
    lit: tuple[str, ...] = (),
) -> list[LayerData]:
    """Pick the frames and the wanted overlays; the frames are displayed like the movie.

    Parameters
    ----------
    layers : list of LayerData
        From `Forecast.to_layers`.
    forecast : Forecast
        What they show; each layer keeps it, so that napari's Save menu can save it whole.
    overlays : set of str
        Of `OVERLAYS`.
    display : dict
        Display settings of the movie's layer, such as contrast limits.
    lit : tuple of str
        Overlays to be visible at once, whatever the forecast says.
    """
    chosen = []
    for data, meta, kind in layers:
        block = meta["metadata"][METADATA_KEY]
        part = block["what"]
        meta = {**meta, "metadata": {**meta["metadata"], _FORECAST_KEY: forecast}}
        if part == "frames":
            meta |= display
        elif (overlay := _OVERLAY.get(part, "")) not in overlays:
            continue
        elif overlay in lit:
            meta["visible"] = True
        chosen.append((data, meta, kind))
    return chosen


def show_overlay(
    viewer: Any, layers: list[LayerData], forecast: Any, overlay: str, widget: QWidget, *, visible: bool
) -> None:
    """Show or hide one overlay of a forecast that is on display; it is added if it is wanted and not there.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the forecast is.
    layers : list of LayerData
        All layers of the forecast, from `Forecast.to_layers`.
    forecast : Forecast
        What they show.
    overlay : str
        One of `OVERLAYS`.
    widget : QWidget
        Any widget of the viewer's window.
    visible : bool
        Whether to show it.
    """
    mine = [layer for layer in viewer.layers if layer.metadata.get(_FORECAST_KEY) is forecast]
    there = [layer for layer in mine if _OVERLAY.get(layer.metadata[METADATA_KEY]["what"]) == overlay]
    for layer in there:
        layer.visible = visible
    if visible and mine and not there:  # without any of its layers the user has done away with the forecast
        part = [one for one in layers if _OVERLAY.get(one[1]["metadata"][METADATA_KEY]["what"]) == overlay]
        for _ in add_layers(viewer, select(part, forecast, {overlay}, {}, lit=(overlay,)), widget):
            pass


def legend_of(layers: list[LayerData]) -> dict[str, Any] | None:
    """Return what explains the overlays among the layers, for `MotionLegend` and `UncertaintyLegend`."""
    legends = [meta["metadata"][METADATA_KEY].get("legend", {}) for _, meta, _ in layers]
    merged = {key: value for legend in legends for key, value in legend.items()}
    return merged or None


def forecast_of(layer: LayerData) -> Any:
    """Return the Forecast that a layer data tuple belongs to, or None."""
    return layer[1].get("metadata", {}).get(_FORECAST_KEY)
