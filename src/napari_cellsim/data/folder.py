"""Movies that are spread over many TIFF files, one picture each."""

from __future__ import annotations

import glob
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ..base import CellSimError
from .source import EAGER_BYTES, Calibration, Source
from .tiff import TIFF_SUFFIXES, TiffHeader, movie_name, read_tiff, read_tiff_header
from .trap_files import TrapFile, arrange, choose_trap, parse_trap_files


def natural_key(path: Path) -> tuple[Any, ...]:
    """Return a key that sorts numbers in names by value: ``t2.tif`` before ``t10.tif``."""
    pieces = re.split(r"(\d+)", str(path).lower())
    # split() puts text at even and digits at odd places, so equal places hold equal types
    return tuple(int(piece) if i % 2 else piece for i, piece in enumerate(pieces)), str(path)


def read_folder(folder: Path, trap: int | str | None = None) -> Source:
    """Read the TIFF files that lie directly in a folder, as `read_files` does.

    Raises
    ------
    CellSimError
        If there is none, naming subfolders that have some; and as in `read_files`.
    """
    try:
        files = _tiffs_in(folder)
        if not files:
            inner = sorted((d for d in folder.iterdir() if d.is_dir() and _tiffs_in(d)), key=natural_key)
            if inner:
                names = ", ".join(d.name for d in inner[:6]) + (" …" if len(inner) > 6 else "")
                raise CellSimError(
                    f"The folder {folder.name} holds no TIFF pictures itself: open one of {names}."
                )
            raise CellSimError(
                f"The folder {folder} holds no TIFF pictures: choose the folder with the frames."
            )
    except PermissionError:
        raise CellSimError(f"You are not allowed to read {folder}: ask for permission or copy it.") from None
    return read_files(files, trap, folder)


def _tiffs_in(folder: Path) -> list[Path]:
    return [
        f for f in folder.iterdir() if f.suffix.lower() in TIFF_SUFFIXES and f.name[0] != "." and f.is_file()
    ]


def read_glob(pattern: Path, trap: int | str | None = None) -> Source:
    """Read the files that match a pattern such as ``frames/t*.tif``, as `read_files` does."""
    files = [Path(name) for name in glob.glob(str(pattern), recursive=True)]
    if not files:
        raise CellSimError(f"No file matches {pattern}: check the folder and the pattern.")
    return read_files(files, trap)


def read_files(files: Sequence[Path], trap: int | str | None = None, folder: Path | None = None) -> Source:
    """Stack single pictures along time in natural order, or arrange trap pictures by their names.

    Parameters
    ----------
    files : sequence of pathlib.Path
        TIFF files with one picture (or one set of channels or planes) each, in any order; one alone may be a movie.
    trap : int, str or None
        Which trap, where the names are those of trap pictures.
    folder : pathlib.Path or None
        The folder, if all its files are given; then the frames of a trap must follow each other without a gap.

    Returns
    -------
    Source
        Read at once if small, else lazily (dask).

    Raises
    ------
    CellSimError
        If a file cannot be read, sizes or types differ, a file is a movie itself, or a trap has to be chosen.
    """
    ordered = sorted(files, key=natural_key)
    traps = parse_trap_files(ordered)
    if traps:
        return _read_trap(choose_trap(traps, trap), folder)
    if trap is not None:
        raise CellSimError(
            f"A trap was chosen, but {ordered[0].name} is not named as a picture of a trap (…-BF0_000_trap_012.tif): "
            "open it without trap."
        )
    if len(ordered) == 1:
        return read_tiff(ordered[0])
    headers = _alike_headers(ordered)
    header = headers[0]
    movies = header.axes is None and len(header.shape) > 2
    if movies or "T" in (header.axes or ""):
        names = ", ".join(f.name for f in ordered[:3]) + (" …" if len(ordered) > 3 else "")
        raise CellSimError(
            f"Each of {names} is a movie itself, of the shape {header.shape}: open one of them."
        )
    place = folder or ordered[0].parent
    return Source(
        array=_stack(ordered, header),
        axes="T" + (header.axes or "YX"),
        name=movie_name(place),
        what=f"The folder {place.name}",
        calibration=_agreed(headers),
        path=str(place),
    )


def _read_trap(files: list[TrapFile], folder: Path | None) -> Source:
    grid = arrange(files, unbroken=folder is not None)
    headers = _alike_headers(grid.paths)
    if len(headers[0].shape) != 2:
        raise CellSimError(
            f"{grid.paths[0].name} has the shape {headers[0].shape}, but a picture of a trap is a single plane: "
            "choose single pictures."
        )
    place = grid.paths[0].parent
    frames = _stack(grid.paths, headers[0]).reshape((*grid.shape, *headers[0].shape))
    kept = [i for i, n in enumerate(grid.shape) if n > 1 or i == 0] + [3, 4]
    return Source(
        array=frames.reshape(tuple(frames.shape[i] for i in kept)),
        axes="".join("TCZYX"[i] for i in kept),
        name=f"{place.name} {files[0].trap_id}",
        what=f"The folder {place.name}",
        calibration=Calibration(_agreed(headers).pixel_size, channel_names=grid.channels),
        path=str(place),
        trap_id=files[0].trap_id,
    )


def _alike_headers(files: Sequence[Path]) -> list[TiffHeader]:
    headers = [read_tiff_header(file) for file in files]
    for file, header in zip(files, headers, strict=True):
        if (header.shape, header.dtype) != (headers[0].shape, headers[0].dtype):
            sizes = [f"{'×'.join(map(str, h.shape))} {h.dtype}" for h in (headers[0], header)]
            raise CellSimError(
                f"The pictures differ: {files[0].name} is {sizes[0]} but {file.name} is {sizes[1]}; "
                "open only pictures of one movie."
            )
    return headers


def _agreed(headers: Sequence[TiffHeader]) -> Calibration:
    """Return the calibration on which all files agree."""

    def common(key: str) -> Any:
        values = {getattr(header.calibration, key) for header in headers}
        return values.pop() if len(values) == 1 else None

    return Calibration(
        common("pixel_size"), common("interval"), common("z_step"), common("channel_names") or ()
    )


def _stack(files: Sequence[Path], header: TiffHeader) -> Any:
    """Return the pictures (N, …), read at once if small, else one file at a time when it is needed."""
    if math.prod(header.shape) * header.dtype.itemsize * len(files) <= EAGER_BYTES:
        return np.stack([read_tiff(file).array for file in files])
    import dask
    import dask.array

    read_tiff(files[0])  # shows now, not later, that a compression cannot be read
    read = dask.delayed(tifffile.imread)
    pictures = [dask.array.from_delayed(read(file), header.shape, header.dtype) for file in files]
    return dask.array.stack(pictures)
