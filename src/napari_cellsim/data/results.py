"""Saved results: an OME-TIFF of named series with a JSON block that says what they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from .tiff import TIFF_SUFFIXES, opened_tiff
from .writing import Series, read_metadata, write_series

_WORDS = {"forecast": "a forecast", "generated": "generated pictures"}


def write_result(
    path: str | Path, kind: str, version: int, arrays: Mapping[str, NDArray[Any]], series: Mapping[str, Series],
    facts: Mapping[str, Any],
) -> Path:  # fmt: skip
    """Write a result that `read_result` restores.

    Parameters
    ----------
    path : str or pathlib.Path
        Where to write, best ``*.ome.tif``.
    kind : {"forecast", "generated"}
        What it is.
    version : int
        Version of this kind's layout.
    arrays : mapping
        Arrays by name, in the shape they shall come back in.
    series : mapping
        How each array stands in the file, under the same names; the first is what other programs show.
    facts : mapping
        Everything else, as `write_series` takes it.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    CellSimError
        If the name is not that of a TIFF file, and as in `write_series`.
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in TIFF_SUFFIXES:
        words = _WORDS[kind]
        raise CellSimError(
            f"{words.capitalize()} {'is' if words.startswith('a ') else 'are'} saved as TIFF, not as {target.name}: "
            f"give a name such as {kind}.ome.tif."
        )
    shapes = {key: list(array.shape) for key, array in arrays.items()}
    block = {"kind": kind, "format_version": version, "arrays": shapes, **facts}
    return write_series(target, [series[key] for key in arrays], block)


def result_kind(path: str | Path) -> str | None:
    """Return "forecast" or "generated" if a file is such a saved result, else None.

    Raises
    ------
    CellSimError
        If the file is missing or damaged.
    """
    source = Path(path).expanduser()
    if source.is_dir() or source.suffix.lower() not in TIFF_SUFFIXES:
        return None
    with opened_tiff(source) as tif:
        kind = (_block_of(tif) or {}).get("kind")
    return str(kind) if kind in _WORDS else None


def read_result(path: str | Path, kind: str, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays and the facts of a saved result.

    Parameters
    ----------
    path : str or pathlib.Path
        A file of `write_result`.
    kind : {"forecast", "generated"}
        What it should be.
    version : int
        Highest version of the layout that the caller understands.

    Raises
    ------
    CellSimError
        If the file is missing, damaged, no such result, or of a later version.
    """
    source = Path(path).expanduser()
    if source.is_dir():
        raise CellSimError(f"{source} is a folder: choose the file of one saved result (*.ome.tif).")
    with opened_tiff(source) as tif:
        block = _block_of(tif)
        if block is None or block.get("kind") not in _WORDS:
            raise CellSimError(
                f"The file {source.name} is not a saved CellSim result: open it as a movie with open_timelapse."
            )
        if block["kind"] != kind:
            raise CellSimError(
                f"The file {source.name} holds {_WORDS[block['kind']]}, not {_WORDS[kind]}: open it with "
                "napari_cellsim.open_result, which opens both."
            )
        if block["format_version"] > version:
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
            key: np.asarray(one.asarray()).reshape(shape)
            for (key, shape), one in zip(shapes.items(), tif.series, strict=True)
        }
    return arrays, block


def _block_of(tif: Any) -> dict[str, Any] | None:
    return read_metadata(tif.ome_metadata) if tif.is_ome and tif.ome_metadata else None
