"""Forecasts as napari layers, and pasted back into the field they were cut from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from ..data.axes import from_tczyx
from ..data.flow_colours import flow_to_rgb
from ..data.placement import Placement
from .forecast import Forecast

LayerData = tuple[Any, dict[str, Any], str]

_MAX_ARROWS = 32  # per side and step: more of them make scrubbing slow and pictures unreadable
_MAX_MAGNIFICATION = 20.0
SAMPLE_AXIS = "sample"
# RGBA from sure to unsure: nothing lies over what is sure, and what is unsure can hardly be seen.
UNCERTAINTY_COLOURS = (
    (0.45, 0.05, 0.45, 0.0), (0.55, 0.1, 0.45, 0.1), (0.8, 0.25, 0.3, 0.4), (0.97, 0.5, 0.1, 0.7), (1.0, 0.9, 0.4, 0.9)
)  # fmt: skip


def layers_of(forecast: Forecast) -> list[LayerData]:
    """Return what `Forecast.to_layers` documents."""
    layers = [_frames_layer(forecast), _flow_layer(forecast), _arrows_layer(forecast)]
    if forecast.kernel_deviation is not None:
        layers.append(
            _overlay(forecast, "kernel deviation", forecast.kernel_deviation[:, None, None], colormap="magma")
        )
    if forecast.uncertainty is not None:
        layers.append(_uncertainty_layer(forecast))
    if forecast.segmentation is not None:
        options = _options(forecast, "segmentation", "segmentation") | {"visible": False, "opacity": 0.4}
        layers.append((_in_layer_axes(forecast, forecast.segmentation[:, None, None]), options, "labels"))
    return layers


def add_layers(forecast: Forecast, viewer: Any) -> list[Any]:
    """Do what `Forecast.add_to` documents; napari itself numbers names that are taken."""
    return [getattr(viewer, f"add_{kind}")(data, **options) for data, options, kind in layers_of(forecast)]


def _frames_layer(forecast: Forecast) -> LayerData:
    """Return the frames; several samples get an axis in front, which napari shows as a slider of its own."""
    options = {"colormap": "gray", "contrast_limits": _limits(forecast.frames)}
    if len(forecast.frames) == 1:
        options |= _options(forecast, "forecast", "frames")
        return _in_layer_axes(forecast, forecast.frames[0][:, :, None]), options, "image"
    options |= _options(forecast, "forecast samples", "frames")
    for key, first in (("scale", 1.0), ("translate", 0.0), ("units", "pixel"), ("axis_labels", SAMPLE_AXIS)):
        options[key] = (first, *options[key])
    samples = [_in_layer_axes(forecast, frames[:, :, None]) for frames in forecast.frames]
    return np.stack(samples), options, "image"


def _uncertainty_layer(forecast: Forecast) -> LayerData:
    """Return the half-width of the interval as a veil over what is not to be trusted, transparent where it is 0.

    The limits are the same for all steps, so that the layer brightens as the forecast grows older.
    """
    assert forecast.uncertainty is not None
    known = forecast.uncertainty[np.isfinite(forecast.uncertainty)]
    # nearly the largest, so that one odd pixel darkens nothing
    brightest = float(np.percentile(known, 99.5)) if known.size else 0.0
    low, high = (float(limit) for limit in np.nanpercentile(forecast.frames, (0.5, 99.5)))
    legend = {"uncertainty": {"brightest": brightest, "share": brightest / max(high - low, 1e-12)}}
    options = _options(forecast, "uncertainty", "uncertainty", legend=legend)
    options |= {
        "colormap": {"colors": np.array(UNCERTAINTY_COLOURS), "name": "uncertainty"},
        "contrast_limits": (0.0, brightest if brightest > 0 else 1.0),
        "blending": "translucent_no_depth",
        "visible": False,
    }
    return _in_layer_axes(forecast, forecast.uncertainty[:, :, None]), options, "image"


def _overlay(forecast: Forecast, what: str, values: NDArray[Any], colormap: str) -> LayerData:
    options = _options(forecast, what, what.replace(" ", "_"))
    options |= {
        "colormap": colormap,
        "contrast_limits": _limits(values),
        "blending": "additive",
        "visible": False,
    }
    return _in_layer_axes(forecast, values), options, "image"


def _flow_layer(forecast: Forecast) -> LayerData:
    longest = _longest(forecast)
    rgb = flow_to_rgb(-forecast.flow, longest)
    options = _options(forecast, "flow", "flow", legend=_legend(forecast, longest))
    # Multiplying leaves the picture as it is where nothing moves, for that is white.
    options |= {"rgb": True, "blending": "multiplicative", "visible": False}
    return _in_layer_axes(forecast, rgb[:, None, None]), options, "image"


def _arrows_layer(forecast: Forecast) -> LayerData:
    """Return arrows of motion on a grid, magnified alike so that the longest spans a grid cell."""
    placement = _placement(forecast)
    steps, _, height, width = forecast.flow.shape
    spacing = max(-(-height // _MAX_ARROWS), -(-width // _MAX_ARROWS), 1)
    grid = np.mgrid[:steps, spacing // 2 : height : spacing, spacing // 2 : width : spacing]
    t, y, x = grid.reshape(3, -1)
    motion = -forecast.flow[t, :, y, x]
    known = np.isfinite(motion).all(axis=1)
    t, y, x, motion = t[known], y[known], x[known], motion[known]
    arrows = np.zeros((len(t), 2, len(placement.axes)), dtype=np.float32)
    for axis, start, length in (("T", t, 0), ("Y", y, motion[:, 1]), ("X", x, motion[:, 0])):
        arrows[:, 0, placement.axes.index(axis)] = start
        arrows[:, 1, placement.axes.index(axis)] = length
    longest = _longest(forecast)
    magnification = float(np.clip(spacing / longest, 1.0, _MAX_MAGNIFICATION)) if longest > 0 else 1.0
    factor, unit = _motion_unit(forecast)
    legend = _legend(forecast, longest) | {"arrow_magnification": magnification}
    options = _options(forecast, "motion arrows", "motion", legend=legend)
    options |= {
        "features": {f"speed ({unit})": np.hypot(motion[:, 0], motion[:, 1]) * factor},
        "vector_style": "arrow",
        "length": magnification,
        "edge_width": max(0.12 * spacing, 0.2),
        "edge_color": "yellow",
    }
    return arrows, options, "vectors"


def _placement(forecast: Forecast) -> Placement:
    placement = forecast.placement
    assert placement is not None  # set in __post_init__
    offsets = {"T": forecast.at + 1, "C": forecast.channel, "Z": forecast.plane}
    return placement.with_time(forecast.interval).shifted(offsets)


def _in_layer_axes(forecast: Forecast, values: NDArray[Any]) -> NDArray[Any]:
    """Bring (T, C, Z, Y, X), or the same with colours behind, into the axes of the movie's layer."""
    moved: NDArray[Any] = from_tczyx(values, _placement(forecast).axes)
    return moved


def _options(forecast: Forecast, what: str, key: str, **facts: Any) -> dict[str, Any]:
    placement = _placement(forecast)
    block = {
        "kind": "forecast",
        "what": key,
        "movie": forecast.name,
        "at": forecast.at,
        "channel": forecast.channel,
        "plane": forecast.plane,
        "pixel_size": forecast.pixel_size,
        "interval": forecast.interval,
        "origin": forecast.origin,
        "trap_id": forecast.trap_id,
        "provenance": forecast.provenance,
        **facts,
    }
    return {
        # napari's layer list cuts long names in the middle, so what a layer shows comes before whose it is
        "name": f"{what} (predicted) {forecast.name}",
        "scale": placement.scale,
        "translate": placement.translate,
        "units": placement.units,
        "axis_labels": placement.axis_labels,
        "metadata": {"napari_cellsim": block},
    }


def _limits(values: NDArray[Any]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return low, high if high > low else low + 1.0


def _longest(forecast: Forecast) -> float:
    """Return the motion drawn in full colour, px per frame: nearly the longest, so that one odd pixel fades nothing."""
    magnitude = np.hypot(forecast.flow[:, 0], forecast.flow[:, 1])
    magnitude = magnitude[np.isfinite(magnitude)]
    if not magnitude.size:
        return 0.0
    return float(np.percentile(magnitude, 99.5)) or float(magnitude.max())


def _motion_unit(forecast: Forecast) -> tuple[float, str]:
    if forecast.pixel_size is None:
        return 1.0, "px per frame"
    return forecast.pixel_size, "µm per frame"


def _legend(forecast: Forecast, longest: float) -> dict[str, Any]:
    factor, unit = _motion_unit(forecast)
    return {"full_colour": longest * factor, "unit": unit}


def paste(field_shape: tuple[int, int], forecasts: Sequence[Forecast]) -> Forecast:
    """Put the forecasts of several regions back into the field they were cut from.

    Where regions overlap, the later forecast wins. Where there is none, frames and uncertainty are NaN, flow and kernel
    deviation are 0 and the segmentation is 0 (background).

    Parameters
    ----------
    field_shape : tuple of int
        (Y, X) of the field.
    forecasts : sequence of Forecast
        Forecasts of one movie that follow the same frame and have the same number of steps.

    Returns
    -------
    Forecast
        One forecast on the grid of the field, without kernels; overlays that not all regions have are left out.

    Raises
    ------
    CellSimError
        If there is none, they do not belong together, or one leaves the field.
    """
    if not forecasts:
        raise CellSimError("There is no forecast to paste: give at least one.")
    first = forecasts[0]
    alike = ("at", "channel", "plane", "n_channels", "n_planes", "pixel_size", "interval")
    for other in forecasts[1:]:
        odd = [key for key in alike if getattr(other, key) != getattr(first, key)]
        if other.frames.shape[:3] != first.frames.shape[:3]:
            odd.append("number of steps")
        if odd:
            raise CellSimError(
                f"The forecasts of {first.name} and {other.name} differ in {', '.join(odd)}, so they cannot be pasted "
                "into one field: forecast them from the same frame with the same settings."
            )
    empty = {"frames": np.nan, "flow": 0, "kernel_deviation": 0, "segmentation": 0, "uncertainty": np.nan}
    pasted: dict[str, Any] = {}
    for key, value in empty.items():
        parts = [getattr(forecast, key) for forecast in forecasts]
        if any(part is None for part in parts):
            pasted[key] = None
            continue
        whole = np.full((*parts[0].shape[:-2], *field_shape), value, dtype=parts[0].dtype)
        for forecast, part in zip(forecasts, parts, strict=True):
            whole[(..., *_window(forecast, field_shape))] = part
        pasted[key] = whole
    placement = first.placement
    assert placement is not None  # set in __post_init__
    return replace(
        first,
        **pasted,
        kernels_v=None,
        kernels_h=None,
        origin=(0.0, 0.0),
        trap_id=None,
        placement=placement.shifted({"Y": -first.origin[0], "X": -first.origin[1]}),
        provenance={
            "pasted": [{"origin": list(f.origin), "trap_id": f.trap_id, **f.provenance} for f in forecasts]
        },
    )


def _window(forecast: Forecast, field_shape: tuple[int, int]) -> tuple[slice, slice]:
    height, width = forecast.frames.shape[-2:]
    y, x = (round(offset) for offset in forecast.origin)
    if not (0 <= y <= field_shape[0] - height and 0 <= x <= field_shape[1] - width):
        raise CellSimError(
            f"The forecast of {forecast.name} ({height} × {width} px at row {y}, column {x}) leaves the field of "
            f"{field_shape[0]} × {field_shape[1]} px: check the field's shape."
        )
    return slice(y, y + height), slice(x, x + width)
