"""Reading napari layers without importing napari."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..base import CellSimError
from .axes import ORDER, check_axes, colour_error, guess_axes
from .placement import Placement
from .source import Calibration, Source, square_pixel
from .tiff import TIFF_SUFFIXES, read_tiff_header
from .units import micrometres, minutes

_NOT_PICTURES = ("Points", "Shapes", "Surface", "Tracks", "Vectors")
_LETTERS = {
    "time": "T",
    "frame": "T",
    "channel": "C",
    "plane": "Z",
    "depth": "Z",
    **{letter.lower(): letter for letter in ORDER},
}


class _FileFacts(NamedTuple):
    shape: tuple[int, ...]
    axes: str | None
    calibration: Calibration


def read_layer(layer: Any, axes: str | None = None) -> Source:
    """Read a napari Image or Labels layer, or anything with the same attributes.

    What the layer shows outranks its file: units that are real lengths and times count first. Where they are pixels,
    as after napari's own reader, calibration and axes are read again from ``layer.source.path``: the pixel size if
    the file's pictures are as large as the layer's, the interval if it has as many frames, the axes if its shape is
    the same.

    Parameters
    ----------
    layer : napari.layers.Layer
        Needs ``data`` and ``scale``; ``name``, ``source``, ``translate``, ``units``, ``axis_labels``, ``rgb`` and
        ``multiscale`` are used where there are.
    axes : str or None
        Axis letters that the caller states.

    Returns
    -------
    Source
        With the layer's placement.

    Raises
    ------
    CellSimError
        If it is no Image or Labels layer, in colour, or its axes do not fit.
    """
    name = str(getattr(layer, "name", "layer"))
    what = f"The layer '{name}'"
    if type(layer).__name__ in _NOT_PICTURES:
        raise CellSimError(f"{what} is a {type(layer).__name__} layer, not a movie: choose an Image layer.")
    if getattr(layer, "rgb", False):
        raise colour_error(what)
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    shape = tuple(int(n) for n in data.shape)
    path = getattr(getattr(layer, "source", None), "path", None)
    facts = _file_facts(path)
    labels = _attribute(layer, "axis_labels", [str(i - len(shape)) for i in range(len(shape))])
    stated = axes or _axes_of_labels(labels)
    if stated is None and facts is not None and facts.shape == shape:
        stated = facts.axes
    letters = check_axes(stated, shape, what) if stated else guess_axes(shape, what)
    placement = Placement(
        axes=letters,
        scale=tuple(float(value) for value in layer.scale),
        translate=tuple(float(value) for value in _attribute(layer, "translate", [0.0] * len(shape))),
        units=tuple(str(unit) for unit in _attribute(layer, "units", ["pixel"] * len(shape))),
        axis_labels=tuple(str(label) for label in labels),
    )
    return Source(
        array=data if hasattr(data, "transpose") else _as_dask(data),
        axes=letters,
        name=name,
        what=what,
        calibration=_merge(_layer_calibration(placement), facts, letters, shape),
        path=None if path is None else str(path),
        layer=placement,
    )


def _attribute(layer: Any, key: str, default: list[Any]) -> list[Any]:
    value = getattr(layer, key, None)
    return default if value is None else list(value)


def _as_dask(data: Any) -> Any:
    if not hasattr(data, "chunks"):
        return np.asarray(data)
    import dask.array

    return dask.array.from_array(data, chunks=data.chunks)


def _axes_of_labels(labels: list[Any]) -> str | None:
    """Return the axis letters if every label is one or names one, else None (napari's own labels are '-2', '-1')."""
    letters = [_LETTERS.get(str(label).strip().lower(), "?") for label in labels]
    usable = "?" not in letters and len(set(letters)) == len(letters) and {"Y", "X"} <= set(letters)
    return "".join(letters) if usable else None


def _layer_calibration(placement: Placement) -> Calibration:
    """Return what real units say; pixels say nothing."""
    known = {a: (s, u) for a, s, u in zip(placement.axes, placement.scale, placement.units, strict=True)}
    nothing = (None, "pixel")
    return Calibration(
        pixel_size=square_pixel(
            micrometres(*known.get("X", nothing)),
            micrometres(*known.get("Y", nothing)),
        ),
        interval=minutes(*known.get("T", nothing)),
        z_step=micrometres(*known.get("Z", nothing)),
    )


def _file_facts(path: object) -> _FileFacts | None:
    """Look at the file of a layer; None if it is no readable TIFF, for the layer's pixels are good without it."""
    if path is None or not str(path).lower().endswith(TIFF_SUFFIXES):
        return None
    try:
        header = read_tiff_header(Path(str(path)))
    except CellSimError:
        return None
    return _FileFacts(header.shape, header.axes, header.calibration)


def _merge(own: Calibration, facts: _FileFacts | None, axes: str, shape: tuple[int, ...]) -> Calibration:
    if facts is None:
        return own
    in_file = dict(zip(facts.axes or guess_axes(facts.shape, "The file"), facts.shape, strict=True))
    in_layer = dict(zip(axes, shape, strict=True))
    same_pictures = all(in_file.get(axis) == in_layer[axis] for axis in "YX")
    same_frames = in_file.get("T", 0) == in_layer.get("T")
    same_channels = in_file.get("C", 1) == in_layer.get("C", 1)
    stated = facts.calibration
    return Calibration(
        pixel_size=own.pixel_size or (stated.pixel_size if same_pictures else None),
        interval=own.interval or (stated.interval if same_pictures and same_frames else None),
        z_step=own.z_step or (stated.z_step if same_pictures else None),
        channel_names=stated.channel_names if same_pictures and same_channels else (),
    )
