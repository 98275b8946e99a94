"""Reading TIFF files: plain multi-page, ImageJ and OME."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile

from ..base import CellSimError
from .source import EAGER_BYTES, Calibration, Source, square_pixel
from .tiff_integrity import check_complete
from .units import micrometres, minutes

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8")
RESULT_NAMESPACE = "napari-cellsim"  # marks our own results among OME annotations
# ImageJ copies "inch" and "cm" from print resolution, so they say nothing about the microscope.
_PRINT_UNITS = ("inch", "inches", "in", "cm")


def movie_name(path: Path) -> str:
    """Return a file's or folder's name without ``.ome.tif``, ``.tif``, ``.ome.zarr`` and the like."""
    name = path.name
    for suffix in (*TIFF_SUFFIXES, ".zarr"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return name[:-4] if name.lower().endswith(".ome") else name


@contextmanager
def opened_tiff(path: Path, **flags: Any) -> Iterator[tifffile.TiffFile]:
    """Open a file whose end is where it should be, turning whatever tifffile raises into one sentence."""
    try:
        check_complete(path)
        with tifffile.TiffFile(path, **flags) as tif:
            yield tif
    except FileNotFoundError:
        raise CellSimError(f"There is no file {path}: check the name and the folder.") from None
    except PermissionError:
        raise CellSimError(
            f"You are not allowed to read {path}: ask for permission or copy the file."
        ) from None
    except CellSimError:
        raise
    except Exception as error:  # a damaged file makes tifffile and its decoders raise almost anything
        raise CellSimError(
            f"The file {path.name} cannot be read as TIFF ({error}): save it again as TIFF."
        ) from error


class TiffHeader(NamedTuple):
    """What a TIFF file says about its movie before any pixel is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str | None
    calibration: Calibration


@contextmanager
def _chosen_series(path: Path, series: int | None) -> Iterator[tuple[tifffile.TiffFile, int]]:
    """Open a file and give it with the index of its movie, checked for being grey and all there."""
    with opened_tiff(path) as tif:
        # One write call of tifffile per picture makes one series per picture: together they are the pages of one movie.
        separate = len(tif.series) > 1 and all(s.kind == "shaped" and s.ndim == 2 for s in tif.series)
        if not separate:
            yield tif, _choose_series(tif, path, series)
            return
    with opened_tiff(path, is_shaped=False) as tif:
        yield tif, _choose_series(tif, path, series)


def read_tiff_header(path: Path, series: int | None = None) -> TiffHeader:
    """Look at a TIFF file without reading pixels; arguments and errors as in `read_tiff`."""
    with _chosen_series(path, series) as (tif, index):
        return _header(tif, index)


def read_tiff(path: Path, series: int | None = None) -> Source:
    """Read a TIFF file: at once if it is small, lazily (dask) if it is large.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    series : int or None
        Which picture series of a file with several; None takes the first where it is the only one of its kind.

    Returns
    -------
    Source
        With axes where the file states them (OME, ImageJ hyperstack, tifffile), and its calibration.

    Raises
    ------
    CellSimError
        If the file is missing, forbidden, empty, truncated, no TIFF, in colour, of mixed sizes, or ambiguous.
    """
    with _chosen_series(path, series) as (tif, index):
        header = _header(tif, index)
        chosen = tif.series[index]
        if chosen.size * chosen.dtype.itemsize <= EAGER_BYTES:
            array = chosen.asarray()
        else:
            chosen.pages[0].asarray()  # shows now, not later, that a compression cannot be read
            array = _lazy(path, chosen.kind, index)
    return Source(
        array=array,
        axes=header.axes,
        name=movie_name(path),
        what=f"The file {path.name}",
        calibration=header.calibration,
        path=str(path),
    )


def _header(tif: tifffile.TiffFile, index: int) -> TiffHeader:
    series = tif.series[index]
    return TiffHeader(tuple(series.shape), series.dtype, _stated_axes(tif, series), _calibration(tif, index))


def _lazy(path: Path, kind: str, index: int) -> Any:
    """Return a dask array that reads one page at a time; the file stays open as long as the array lives."""
    import dask.array
    import zarr

    tif = tifffile.TiffFile(path) if kind != "generic" else tifffile.TiffFile(path, is_shaped=False)
    stored = zarr.open(tif.series[index].aszarr(level=0), mode="r")
    return dask.array.from_array(stored, chunks=stored.chunks)


def _choose_series(tif: tifffile.TiffFile, path: Path, series: int | None) -> int:
    found = tif.series
    what = f"The file {path.name}"
    if not found:
        raise CellSimError(f"{what} holds no pictures.")
    if series is not None and not 0 <= series < len(found):
        raise CellSimError(f"{what} has no series {series}: it has {len(found)}, numbered from 0.")
    if found[0].kind in ("generic", "uniform") and len(found) > 1:
        sizes = sorted({"×".join(map(str, s.shape[-2:])) for s in found})
        raise CellSimError(
            f"{what} holds pictures of different sizes or types ({', '.join(sizes)} px), but the frames of a movie are "
            "all alike: save the movie alone."
        )
    rivals = [s for s in found[1:] if s.shape == found[0].shape and s.dtype == found[0].dtype]
    if series is None and rivals and not (tif.is_ome and RESULT_NAMESPACE in (tif.ome_metadata or "")):
        listing = ", ".join(f"{i} {s.name!r} of {'×'.join(map(str, s.shape))}" for i, s in enumerate(found))
        raise CellSimError(
            f"{what} holds several movies (series {listing}): choose one, for example "
            "open_timelapse(path, series=0)."
        )
    chosen = found[series or 0]
    beyond_end = chosen.dataoffset is not None and chosen.dataoffset + chosen.nbytes > path.stat().st_size
    if beyond_end or any(page is None for page in chosen.pages):
        raise CellSimError(f"{what} is incomplete: it announces more pictures than it holds. Copy it again.")
    return series or 0


def _stated_axes(tif: tifffile.TiffFile, series: Any) -> str | None:
    """Return the axes that the file states; None where tifffile only numbered the pages."""
    axes = str(series.axes)
    if series.kind == "ome" or "S" in axes:
        return axes
    if "I" in axes or "Q" in axes:
        return None
    if series.kind == "imagej" and not (tif.imagej_metadata or {}).get("hyperstack") and len(axes) == 3:
        return None  # a plain ImageJ stack: its slider has no meaning, though tifffile calls it Z
    return axes


def _calibration(tif: tifffile.TiffFile, index: int) -> Calibration:
    if tif.is_ome:
        return _ome_calibration(tif.ome_metadata or "", index, len(tif.series))
    if tif.is_imagej:
        return _imagej_calibration(tif)
    return Calibration()


def _imagej_calibration(tif: tifffile.TiffFile) -> Calibration:
    stated = tif.imagej_metadata or {}
    unit = str(stated.get("unit", "pixel"))
    if unit.strip().lower() in _PRINT_UNITS:
        unit = "pixel"
    tags = tif.pages[0].tags
    sides: list[float | None] = []
    for key, own_unit in (("XResolution", "unit"), ("YResolution", "yunit")):
        numerator, denominator = tags[key].value if key in tags else (0, 1)
        side_unit = str(stated.get(own_unit, unit)) if own_unit == "yunit" else unit
        sides.append(micrometres(denominator / numerator, side_unit) if numerator else None)
    labels = stated.get("Labels")
    channels = int(stated.get("channels", 1))
    names = tuple(str(label) for label in labels) if labels and len(labels) == channels else ()
    return Calibration(
        pixel_size=square_pixel(*sides),
        interval=minutes(stated.get("finterval"), str(stated.get("tunit", "sec"))),
        z_step=micrometres(stated.get("spacing"), str(stated.get("zunit", unit))),
        channel_names=names,
    )


def _ome_calibration(xml: str, index: int, n_series: int) -> Calibration:
    try:
        images = ElementTree.fromstring(xml).findall("{*}Image")
    except ElementTree.ParseError:
        return Calibration()
    if len(images) != n_series or index >= len(images):
        return Calibration()
    pixels = images[index].find("{*}Pixels")
    if pixels is None:
        return Calibration()

    # The OME schema's default units are µm and s.
    def length(key: str) -> float | None:
        return micrometres(pixels.get(key), pixels.get(key + "Unit", "µm"))

    names = [channel.get("Name", "") for channel in pixels.findall("{*}Channel")]
    return Calibration(
        pixel_size=square_pixel(length("PhysicalSizeX"), length("PhysicalSizeY")),
        interval=minutes(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")),
        z_step=length("PhysicalSizeZ"),
        channel_names=tuple(names) if all(names) else (),
    )
