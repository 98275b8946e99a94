"""Folders of trap pictures: one folder per position, one TIFF per time, channel, focal plane and trap.

Names are like ``img_000000017_01-BF0_000_trap_012.tif``: time stamp 17, channel BF0 (or GFP, RFP), plane 0, trap 12.
This is the layout of the trapped-yeast data of the Multi-StyleGAN paper (Reich et al., MICCAI 2021).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..base import CellSimError

_CHANNELS = ("BF0", "GFP", "RFP")
_NAME = re.compile(r"^(?P<head>.*)-(?P<channel>BF0|GFP|RFP)(?P<tail>[_\d].*)$")
_TRAP = re.compile(r"trap_?(\d+)")


@dataclass(frozen=True)
class TrapFile:
    """One picture of one trap.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    time, plane : int
        Time stamp and focal plane.
    channel : str
        ``BF0``, ``GFP`` or ``RFP``.
    trap_id : str
        Such as ``trap_012``.
    """

    path: Path
    time: int
    channel: str
    plane: int
    trap_id: str


@dataclass(frozen=True)
class TrapGrid:
    """The files of one trap in the order T, C, Z, with the shape of that grid."""

    paths: list[Path]
    shape: tuple[int, int, int]
    channels: tuple[str, ...]


def parse_trap_file(path: Path) -> TrapFile | None:
    """Read time, channel, plane and trap off a file's name; None if it is not that of a trap picture."""
    name = _NAME.match(path.stem)
    trap = _TRAP.search(name["tail"]) if name else None
    if name is None or trap is None:
        return None
    # The time stamp is the fifth part from the end of the name, or the longest number before the channel.
    tokens = path.stem.split("_")
    numbers = [token for token in name["head"].split("_") if token.isdigit()]
    if len(tokens) >= 5 and tokens[-5].isdigit():
        time = tokens[-5]
    elif numbers:
        time = max(numbers, key=len)
    else:
        return None
    plane = re.search(r"_(\d{3})(?=_)", name["tail"][: trap.start()])
    return TrapFile(path, int(time), name["channel"], int(plane[1]) if plane else 0, trap[0])


def parse_trap_files(files: Sequence[Path]) -> list[TrapFile]:
    """Parse all names; an empty list if none is that of a trap picture.

    Raises
    ------
    CellSimError
        If only some are.
    """
    parsed = [parse_trap_file(file) for file in files]
    found = [file for file in parsed if file is not None]
    if found and len(found) < len(files):
        odd = files[parsed.index(None)].name
        raise CellSimError(
            f"{len(found)} files are named as pictures of traps, but {odd} is not: move it away, "
            "or choose files by a pattern such as '*-BF0_*trap*.tif'."
        )
    return found


def choose_trap(files: Sequence[TrapFile], trap: int | str | None) -> list[TrapFile]:
    """Return the files of one trap: the one chosen (12 and ``"trap_012"`` are the same), or the only one.

    Raises
    ------
    CellSimError
        If there are several and none is chosen, or the chosen one is absent; the sentence lists them.
    """
    ids = sorted({file.trap_id for file in files}, key=_number)
    if trap is None and len(ids) == 1:
        trap = ids[0]
    listing = ", ".join(ids[:12]) + (f" … ({len(ids)} in all)" if len(ids) > 12 else "")
    if trap is None:
        raise CellSimError(
            f'The pictures show several traps: choose one of {listing}, for example trap="{ids[0]}".'
        )
    chosen = [file for file in files if _number(file.trap_id) == _number(str(trap))]
    if not chosen:
        raise CellSimError(f"There is no trap {trap} among the pictures: choose one of {listing}.")
    return chosen


def _number(trap_id: str) -> int:
    digits = re.sub(r"\D", "", trap_id)
    return int(digits) if digits else -1


def arrange(files: Sequence[TrapFile], unbroken: bool) -> TrapGrid:
    """Order the files of one trap by time, channel and plane.

    A channel taken in one plane only (fluorescence beside a brightfield focus series) is repeated in every plane.

    Parameters
    ----------
    files : sequence of TrapFile
        Files of one trap.
    unbroken : bool
        Whether time stamps must be evenly spaced.

    Raises
    ------
    CellSimError
        If two files claim the same place, a picture is missing, or time jumps.
    """
    places: dict[tuple[int, str, int], Path] = {}
    for file in files:
        key = (file.time, file.channel, file.plane)
        if key in places:
            raise CellSimError(
                f"{places[key].name} and {file.path.name} are the same time, channel and plane of {file.trap_id}: "
                "open one position at a time."
            )
        places[key] = file.path
    times = sorted({file.time for file in files})
    channels = tuple(c for c in _CHANNELS if any(file.channel == c for file in files))
    planes = {c: sorted({file.plane for file in files if file.channel == c}) for c in channels}
    depth = max(len(own) for own in planes.values())
    focus_series = next(own for own in planes.values() if len(own) == depth)
    if unbroken:
        _check_unbroken(times, files[0].trap_id)
    paths: list[Path] = []
    for time in times:
        for channel in channels:
            own = planes[channel] * depth if len(planes[channel]) == 1 else focus_series
            for plane in own[:depth]:
                if (time, channel, plane) not in places:
                    raise CellSimError(
                        f"{files[0].trap_id} has no picture for time {time}, channel {channel}, plane {plane:03d}: "
                        f"choose complete files by a pattern such as '*-{channels[0]}_*{files[0].trap_id}*.tif'."
                    )
                paths.append(places[time, channel, plane])
    return TrapGrid(paths, (len(times), len(channels), depth), channels)


def _check_unbroken(times: Sequence[int], trap_id: str) -> None:
    steps = [after - before for before, after in pairwise(times)]
    for i, step in enumerate(steps):
        if step != min(steps):
            raise CellSimError(
                f"The frames of {trap_id} jump from time {times[i]} to {times[i + 1]}, while others are {min(steps)} "
                "apart: open an unbroken stretch as a list of files."
            )
