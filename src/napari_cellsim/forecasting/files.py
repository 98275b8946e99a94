"""Saving forecasts and opening them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.placement import Placement
from ..data.results import read_result, write_result
from ..data.writing import Series
from .forecast import Forecast

_KIND = "forecast"
_VERSION = 1
# field of Forecast -> name of its series and axes in the file
_SERIES = {
    "frames": ("forecast (predicted)", "TCYX"),
    "flow": ("flow, backward, px (predicted)", "TCYX"),
    "segmentation": ("segmentation (predicted)", "TYX"),
    "uncertainty": ("uncertainty (predicted)", "TCYX"),
    "kernels_v": ("vertical kernels (predicted)", "TCYX"),
    "kernels_h": ("horizontal kernels (predicted)", "TCYX"),
    "kernel_deviation": ("kernel deviation (predicted)", "TYX"),
}
_PLAIN = (
    "at",
    "channel",
    "plane",
    "n_channels",
    "n_planes",
    "pixel_size",
    "interval",
    "origin",
    "trap_id",
    "name",
    "provenance",
)


def save_forecast(forecast: Forecast, path: str | Path) -> Path:
    """Write a forecast as `Forecast.save` documents."""
    arrays: dict[str, Any] = {}
    series: dict[str, Series] = {}
    for key, (name, axes) in _SERIES.items():
        array = getattr(forecast, key)
        if array is None:
            continue
        data = np.ascontiguousarray(array)
        if key == "frames":
            # OME has no axis for samples; tifffile's Q ("other") is one, and one sample needs none.
            data, axes = (data[0], axes) if len(data) == 1 else (data, "Q" + axes)
        arrays[key] = array
        series[key] = Series(
            name=f"{forecast.name} {name}",
            data=data,
            axes=axes,
            pixel_size=forecast.pixel_size,
            interval=forecast.interval,
            channel_names=("x", "y") if key == "flow" else (),
        )
    assert forecast.placement is not None  # set in __post_init__
    facts = {key: getattr(forecast, key) for key in _PLAIN} | {"placement": forecast.placement.as_dict()}
    return write_result(path, _KIND, _VERSION, arrays, series, facts)


def open_result(path: str | Path) -> Forecast:
    """Open a saved forecast, every array bit for bit.

    Parameters
    ----------
    path : str or pathlib.Path
        A file written by `Forecast.save`.

    Returns
    -------
    Forecast
        Equal to the one saved; tuples inside its provenance come back as lists.

    Raises
    ------
    CellSimError
        If the file is missing, damaged, no result of CellSim, or of a later version.
    """
    arrays, block = read_result(path, _KIND, _VERSION)
    plain: dict[str, Any] = {key: block[key] for key in _PLAIN}
    plain["origin"] = tuple(plain["origin"])
    return Forecast(**arrays, **plain, placement=Placement(**block["placement"]))
