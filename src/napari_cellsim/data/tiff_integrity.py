"""Whether a TIFF file is whole: readers skip what lies beyond a truncated end, so this looks before they do."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..base import CellSimError

# bytes per value of the TIFF field types 1 … 13 and BigTIFF's 16 … 18
_TYPE_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_INTEGERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_DATA_OFFSETS = {273: 279, 324: 325}  # strip or tile offsets -> their byte counts


class _Layout(NamedTuple):
    """Sizes in which classic TIFF and BigTIFF differ."""

    order: str  # struct's "<" or ">"
    offset: str  # struct code of a file offset
    entries: str  # struct code of the number of entries of a directory


def check_complete(path: Path) -> None:
    """Raise if a TIFF file ends before its directories, descriptions or pixels do.

    Parameters
    ----------
    path : pathlib.Path
        An existing file.

    Raises
    ------
    CellSimError
        If the file is empty, not a TIFF, or truncated.
    """
    size = path.stat().st_size
    if size == 0:
        raise CellSimError(
            f"The file {path.name} is empty (zero bytes): copy it again from where it was recorded."
        )
    with path.open("rb") as file:
        layout, first = _header(file, path)
        try:
            whole = _walk(file, layout, first, size)
        except (struct.error, KeyError, OverflowError):
            whole = False
    if not whole:
        raise CellSimError(
            f"The file {path.name} is damaged or incomplete: it ends before its last picture does. "
            "Copy it again from where it was recorded."
        )


def _header(file: BinaryIO, path: Path) -> tuple[_Layout, int]:
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is not None and len(head) >= 8:
        version = struct.unpack(order + "H", head[2:4])[0]
        if version == 42:
            return _Layout(order, "I", "H"), struct.unpack(order + "I", head[4:8])[0]
        if version == 43 and len(head) == 16:
            return _Layout(order, "Q", "Q"), struct.unpack(order + "Q", head[8:16])[0]
    raise CellSimError(
        f"The file {path.name} is not a TIFF picture, whatever its name says: save the movie as TIFF and open that."
    )


def _walk(file: BinaryIO, layout: _Layout, offset: int, size: int) -> bool:
    """Follow the chain of directories; False as soon as something lies beyond the end of the file."""
    order, code, count_code = layout
    width = struct.calcsize(code)
    count_width = struct.calcsize(order + count_code)
    entry_width = 4 + 2 * width
    seen: set[int] = set()
    if offset == 0:
        return False
    while offset:
        if offset in seen or offset >= size:
            return False
        seen.add(offset)
        file.seek(offset)
        (entries,) = struct.unpack(order + count_code, file.read(count_width))
        block = file.read(entries * entry_width)
        (offset,) = struct.unpack(order + code, file.read(width))
        located: dict[int, list[int]] = {}
        for start in range(0, entries * entry_width, entry_width):
            tag, kind, count = struct.unpack(order + "HH" + code, block[start : start + 4 + width])
            value = block[start + 4 + width : start + entry_width]
            length = _TYPE_BYTES.get(kind, 0) * count
            if length > width:
                (at,) = struct.unpack(order + code, value)
                if at + length > size:
                    return False
                if tag in _DATA_OFFSETS or tag in _DATA_OFFSETS.values():
                    file.seek(at)
                    value = file.read(length)
            if tag in _DATA_OFFSETS or tag in _DATA_OFFSETS.values():
                located[tag] = list(struct.unpack(f"{order}{count}{_INTEGERS[kind]}", value[:length]))
        for starts, counts in _DATA_OFFSETS.items():
            for at, length in zip(located.get(starts, ()), located.get(counts, ()), strict=False):
                if at + length > size:
                    return False
    return True
