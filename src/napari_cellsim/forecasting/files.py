"""Saving forecasts and opening them again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ..base import CellSimError
from ..data.placement import Placement
from ..data.tiff import TIFF_SUFFIXES, opened_tiff
from ..data.writing import Series, read_metadata, write_series
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
    target = Path(path).expanduser()
    if target.suffix.lower() not in TIFF_SUFFIXES:
        raise CellSimError(
            f"A forecast is saved as TIFF, not as {target.name}: give a name such as forecast.ome.tif."
        )
    series: list[Series] = []
    shapes: dict[str, list[int]] = {}
    for key, (name, axes) in _SERIES.items():
        array = getattr(forecast, key)
        if array is None:
            continue
        shapes[key] = list(array.shape)
        data = np.ascontiguousarray(array)
        if key == "frames":
            # OME has no axis for samples; tifffile's Q ("other") is one, and one sample needs none.
            data, axes = (data[0], axes) if len(data) == 1 else (data, "Q" + axes)
        series.append(
            Series(
                name=f"{forecast.name} {name}",
                data=data,
                axes=axes,
                pixel_size=forecast.pixel_size,
                interval=forecast.interval,
                channel_names=("x", "y") if key == "flow" else (),
            )
        )
    assert forecast.placement is not None  # set in __post_init__
    block: dict[str, Any] = {"kind": _KIND, "format_version": _VERSION, "arrays": shapes}
    block |= {key: getattr(forecast, key) for key in _PLAIN}
    block["placement"] = forecast.placement.as_dict()
    return write_series(target, series, block)


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
    source = Path(path).expanduser()
    if source.is_dir():
        raise CellSimError(f"{source} is a folder: choose the file of one saved result (*.ome.tif).")
    with opened_tiff(source) as tif:
        block = read_metadata(tif.ome_metadata) if tif.is_ome and tif.ome_metadata else None
        if block is None or block.get("kind") != _KIND:
            raise CellSimError(
                f"The file {source.name} is not a saved CellSim result: open it as a movie with open_timelapse."
            )
        if block["format_version"] > _VERSION:
            raise CellSimError(
                f"The result {source.name} comes from a later CellSim: update napari-cellsim to open it."
            )
        shapes: dict[str, list[int]] = block["arrays"]
        if len(shapes) != len(tif.series) or any(
            math.prod(shape) != one.size for shape, one in zip(shapes.values(), tif.series, strict=True)
        ):
            raise CellSimError(
                f"The result {source.name} was altered by another program: use the original file."
            )
        arrays = {
            key: one.asarray().reshape(shape)
            for (key, shape), one in zip(shapes.items(), tif.series, strict=True)
        }
    plain: dict[str, Any] = {key: block[key] for key in _PLAIN}
    plain["origin"] = tuple(plain["origin"])
    return Forecast(**arrays, **plain, placement=Placement(**block["placement"]))
