"""Reading zarr arrays and OME-Zarr-like groups, version 2 and 3."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from ..base import CellSimError
from .axes import ORDER
from .source import EAGER_BYTES, Calibration, Source, square_pixel
from .tiff import movie_name
from .units import micrometres, minutes

_MARKS = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a zarr array or group, or is named as one."""
    # os.path.exists is False for what may not be seen, where Path.exists raises
    return folder.suffix == ".zarr" or any(os.path.exists(folder / mark) for mark in _MARKS)


def read_zarr(folder: Path) -> Source:
    """Read a zarr array, or the finest level of the first picture of a group.

    Axes come from OME-Zarr metadata, from ``dimension_names`` (version 3) or from xarray's ``_ARRAY_DIMENSIONS``.

    Raises
    ------
    CellSimError
        If it cannot be read or the group holds several arrays without saying which is the picture.
    """
    import zarr

    what = f"The zarr folder {folder.name}"
    try:
        node = zarr.open(folder, mode="r")
        if isinstance(node, zarr.Array):
            return _source(node, _dimension_names(node), Calibration(), what, folder)
        multiscales = dict(node.attrs).get("ome", dict(node.attrs)).get("multiscales")
        if multiscales:
            array = node[multiscales[0]["datasets"][0]["path"]]
            names, calibration = _ome_facts(multiscales[0], array.ndim)
            return _source(array, names or _dimension_names(array), calibration, what, folder)
        arrays = sorted(name for name, _ in node.arrays())
        if len(arrays) != 1:
            holds = f"the arrays {', '.join(arrays[:8])}" if arrays else "no array"
            raise CellSimError(
                f"{what} holds {holds}: open one array, such as open_timelapse('{folder}/NAME')."
            )
        array = node[arrays[0]]
        return _source(array, _dimension_names(array), Calibration(), what, folder)
    except PermissionError:
        raise CellSimError(f"You are not allowed to read {folder}: ask for permission or copy it.") from None
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise CellSimError(f"{what} cannot be read as zarr ({error}): write it again.") from error


def _source(array: Any, names: str | None, calibration: Calibration, what: str, folder: Path) -> Source:
    return Source(_load(array), names, movie_name(folder), what, calibration, path=str(folder))


def read_array(array: Any, name: str, what: str, path: str | None) -> Source:
    """Read an open zarr array, or anything else that slices like one."""
    return Source(_load(array), _dimension_names(array), name, what, path=path)


def _load(array: Any) -> Any:
    if math.prod(array.shape) * array.dtype.itemsize <= EAGER_BYTES:
        return array[...]
    import dask.array

    return dask.array.from_array(array, chunks=getattr(array, "chunks", "auto"))


def _letters(names: list[Any]) -> str | None:
    """Turn names such as ``t``, ``time``, ``Channel`` into letters; None unless all are known and different."""
    letters = "".join(str(name or "?")[0].upper() for name in names)
    return letters if set(letters) <= set(ORDER) and len(set(letters)) == len(letters) else None


def _dimension_names(array: Any) -> str | None:
    names = getattr(getattr(array, "metadata", None), "dimension_names", None)
    names = names or dict(getattr(array, "attrs", {})).get("_ARRAY_DIMENSIONS")
    return _letters(list(names)) if names else None


def _ome_facts(multiscale: dict[str, Any], ndim: int) -> tuple[str | None, Calibration]:
    """Read axes and calibration of OME-Zarr 0.1 to 0.5; the older ones only name axes, or have TCZYX."""
    entries = [{"name": a} if isinstance(a, str) else a for a in multiscale.get("axes", list(ORDER[-ndim:]))]
    if len(entries) != ndim:
        return None, Calibration()
    scale = [1.0] * ndim
    for transform in (
        *multiscale["datasets"][0].get("coordinateTransformations", ()),
        *multiscale.get("coordinateTransformations", ()),
    ):
        if transform.get("type") == "scale" and len(transform.get("scale", ())) == ndim:
            scale = [a * float(b) for a, b in zip(scale, transform["scale"], strict=True)]
    letters = _letters([entry.get("name") for entry in entries])
    known = {
        axis: (step, str(entry.get("unit", "pixel")))
        for axis, step, entry in zip(letters or "", scale, entries, strict=bool(letters))
    }
    nothing = (None, "pixel")
    return letters, Calibration(
        pixel_size=square_pixel(micrometres(*known.get("X", nothing)), micrometres(*known.get("Y", nothing))),
        interval=minutes(*known.get("T", nothing)),
        z_step=micrometres(*known.get("Z", nothing)),
    )
