"""Opening movies, wherever they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base import CellSimError
from .source import Source, to_timelapse
from .tiff import read_tiff
from .timelapse import TimeLapse


def open_timelapse(
    source: Any,
    *,
    axes: str | None = None,
    pixel_size: float | None = None,
    interval: float | None = None,
    trap: int | str | None = None,
    series: int | None = None,
) -> TimeLapse:
    """Open a time-lapse movie.

    Parameters
    ----------
    source : path, glob pattern, list of paths, napari layer or array
        A TIFF file (plain, ImageJ, OME); a folder, glob pattern or list of single TIFFs, taken in natural order
        (``t2`` before ``t10``); a position folder of trap pictures (``…-BF0_000_trap_012.tif``); a zarr array or
        OME-Zarr; a napari Image or Labels layer, whose calibration is read again from its file where napari dropped it;
        a numpy or dask array.
    axes : str or None
        One letter per dimension, such as ``"TZYX"``. None: as the source states, else 2-D is YX, 3-D TYX, 4-D TZYX and
        5-D TCZYX.
    pixel_size : float or None
        µm per pixel; None: as the source states, never guessed.
    interval : float or None
        Minutes between frames; None: as the source states, never guessed.
    trap : int, str or None
        Which trap of a position folder, such as 12 or ``"trap_012"``.
    series : int or None
        Which series of a TIFF file with several movies, from 0.

    Returns
    -------
    TimeLapse
        Frames (T, C, Z, Y, X) in the dtype of the source; read lazily where they are large.

    Raises
    ------
    CellSimError
        If there is no movie, or a damaged, ambiguous or coloured one; the sentence says what to do.
    """
    found = _read(source, axes, trap, series)
    return to_timelapse(found, axes, pixel_size, interval)


def _read(source: Any, axes: str | None, trap: int | str | None, series: int | None) -> Source:
    if isinstance(source, TimeLapse):
        raise CellSimError(f"{source.name} is open already: use it as it is, or its with_calibration().")
    if isinstance(source, (str, os.PathLike)):
        return _read_path(os.fspath(source), trap, series)
    if hasattr(source, "data") and hasattr(source, "scale"):
        from .layer import read_layer

        return read_layer(source, axes)
    if (
        isinstance(source, Sequence)
        and source
        and all(isinstance(item, (str, os.PathLike)) for item in source)
    ):
        from .folder import read_files

        return read_files([Path(item).expanduser() for item in source], trap)
    if hasattr(source, "shape") and hasattr(source, "dtype") and hasattr(source, "transpose"):
        return Source(array=source, axes=None, name="movie", what="The array")
    if hasattr(source, "shape") and hasattr(source, "dtype"):
        from .zarr_store import read_array

        return read_array(source, "movie", "The array", None)
    raise CellSimError(
        f"A {type(source).__name__} is no time-lapse: give a file, folder, list of files, napari layer or array."
    )


def _read_path(text: str, trap: int | str | None, series: int | None) -> Source:
    path = Path(text).expanduser()
    if os.path.isdir(path):  # unlike Path.is_dir, False where the folder above may not be entered
        from .folder import read_folder
        from .zarr_store import is_zarr, read_zarr

        return read_zarr(path) if is_zarr(path) else read_folder(path, trap)
    if any(sign in text for sign in "*?[") and not os.path.exists(path):
        from .folder import read_glob

        return read_glob(path, trap)
    return read_tiff(path, series)
