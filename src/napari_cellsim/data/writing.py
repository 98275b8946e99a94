"""Writing files: whole or not at all."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from .tiff import RESULT_NAMESPACE

_OME_TYPES = ("bool", "int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")
_CLASSIC_TIFF_BYTES = 4_000_000_000  # a little less than its 32-bit offsets reach


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` when the block ends without an error.

    Whatever is written under the temporary name disappears if the block raises; a file that was at `path` stays then.

    Parameters
    ----------
    path : str or pathlib.Path
        Where the file shall be in the end.

    Yields
    ------
    pathlib.Path
        An unused name in the same folder with the same suffixes.

    Raises
    ------
    CellSimError
        If the folder does not exist or `path` is a folder.
    OSError
        If the file cannot be written or renamed.
    """
    target = Path(path).expanduser()
    if not target.parent.is_dir():
        raise CellSimError(f"{target.name} cannot be written: there is no folder {target.parent}.")
    if target.is_dir():
        raise CellSimError(f"{target} is a folder: give the name of a file.")
    suffix = "".join(target.suffixes[-2:])
    temporary = target.parent / f".{target.name[:40]}.{uuid.uuid4().hex[:8]}.part{suffix}"
    try:
        yield temporary
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Series:
    """One named picture series of an OME-TIFF.

    Parameters
    ----------
    name : str
        Name of the series.
    data : numpy.ndarray
        Values; one of OME's types (8-, 16-, 32-bit integers, bool, float32, float64).
    axes : str
        One OME axis letter per dimension, such as ``"TCYX"``.
    pixel_size, z_step : float or None
        µm per pixel and per plane.
    interval : float or None
        Minutes between frames.
    channel_names : tuple of str
        Names of the channels, or empty.
    """

    name: str
    data: NDArray[Any]
    axes: str
    pixel_size: float | None = None
    interval: float | None = None
    z_step: float | None = None
    channel_names: tuple[str, ...] = ()

    def ome_metadata(self) -> dict[str, Any]:
        """Return what tifffile puts into the OME-XML of this series."""
        entries: dict[str, Any] = {"axes": self.axes, "Name": _xml_text(self.name)}
        lengths = (("X", self.pixel_size), ("Y", self.pixel_size), ("Z", self.z_step))
        for axis, length in lengths:
            if length is not None:
                entries |= {f"PhysicalSize{axis}": length, f"PhysicalSize{axis}Unit": "µm"}
        if self.interval is not None:
            entries |= {"TimeIncrement": self.interval, "TimeIncrementUnit": "min"}
        if self.channel_names:
            entries["Channel"] = {"Name": [_xml_text(name) for name in self.channel_names]}
        return entries


def write_series(path: str | Path, series: Sequence[Series], metadata: dict[str, Any]) -> Path:
    """Write one OME-TIFF with several named series and a JSON block, all or nothing, uncompressed.

    Parameters
    ----------
    path : str or pathlib.Path
        Where to write, best ``*.ome.tif``; a file that is there is replaced.
    series : sequence of Series
        The first is what programs show that open only one.
    metadata : dict
        Put as JSON into an OME comment annotation; numpy numbers and paths are turned into plain ones.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    CellSimError
        If there is nothing to write, a type is none of OME's, or the folder is missing or cannot be written to.
    """
    import tifffile

    if not series:
        raise CellSimError("There is nothing to write: give at least one series.")
    for one in series:
        if one.data.dtype.name not in _OME_TYPES or not one.data.size:
            raise CellSimError(
                f"The series {one.name} ({one.data.dtype}, shape {one.data.shape}) cannot be written as OME-TIFF: "
                f"it needs at least one value of {', '.join(_OME_TYPES)}."
            )
    target = Path(path).expanduser()
    annotation = {"Namespace": RESULT_NAMESPACE, "Value": json.dumps(metadata, default=_plain)}
    large = sum(one.data.nbytes for one in series) > _CLASSIC_TIFF_BYTES
    try:
        with (
            atomic_path(target) as temporary,
            tifffile.TiffWriter(temporary, ome=True, bigtiff=large) as writer,
        ):
            for index, one in enumerate(series):
                extra = {"CommentAnnotation": annotation} if index == 0 else {}
                writer.write(one.data, photometric="minisblack", metadata=one.ome_metadata() | extra)
    except OSError as error:
        raise CellSimError(
            f"{target} cannot be written ({error.strerror or error}): choose another folder or free some space."
        ) from error
    return target


def read_metadata(xml: str) -> dict[str, Any] | None:
    """Return the JSON block that `write_series` put into an OME-XML text, or None if there is none."""
    import xml.etree.ElementTree as ElementTree

    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return None
    for annotation in root.iter():
        if annotation.get("Namespace") == RESULT_NAMESPACE:
            try:
                block = json.loads(annotation.findtext("{*}Value") or "")
            except ValueError:
                return None
            return block if isinstance(block, dict) else None
    return None


def _xml_text(text: str) -> str:
    """Replace control characters, which XML cannot hold even escaped, by spaces."""
    return "".join(character if character.isprintable() else " " for character in text)


def _plain(value: object) -> object:
    """Make JSON of what provenance commonly holds."""
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (Path, set, frozenset)):
        return str(value) if isinstance(value, Path) else sorted(value)
    raise CellSimError(
        f"Metadata holds a {type(value).__name__}, which JSON cannot: turn it into numbers and text."
    )
