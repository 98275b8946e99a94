"""Reading position, time, channel and focal plane off the names of single pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..base import CellSimError
from ..data.trap_files import parse_trap_file

_GROUPS = ("p", "t", "c", "z")
# One letter or word, then a number: img_t003_c1_z02, pos1_time0007, channel0_plane2. Each is looked for alone.
_WORDS = {
    "p": "p|pos|position|xy|fov|field|site|series|s",
    "t": "t|tp|time|timepoint|frame",
    "c": "c|ch|channel|w|wavelength",
    "z": "z|plane|slice|focus|stack",
}
_TOKENS = {
    key: re.compile(rf"(?:^|[^A-Za-z])(?:{words})[_-]?(\d+)", re.IGNORECASE) for key, words in _WORDS.items()
}


@dataclass(frozen=True)
class PictureName:
    """What a file's name says about its picture.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    position : str
        Position on the chip.
    time, channel, plane : str
        As they stand in the name; numbers are ordered by value.
    trap_id : str or None
        Where the picture is a crop already.
    """

    path: Path
    position: str
    time: str
    channel: str = ""
    plane: str = ""
    trap_id: str | None = None


def order(values: Iterable[str]) -> list[str]:
    """Return the different values, numbers in them ordered by value."""

    def key(text: str) -> tuple[tuple[int | str, ...], str]:
        # text stands at even and digits at odd places, so that equal places hold equal types
        pieces = re.split(r"(\d+)", text.lower())
        return tuple(int(piece) if i % 2 else piece for i, piece in enumerate(pieces)), text

    return sorted(set(values), key=key)


def by_pattern(root: Path, files: Iterable[Path], pattern: str) -> list[PictureName]:
    r"""Read names by a regular expression with named groups t, c, z, p; files that it does not match are left out.

    Parameters
    ----------
    root : pathlib.Path
        The pattern is sought in the path below it, written with ``/``.
    files : iterable of pathlib.Path
        All pictures.
    pattern : str
        For example ``(?P<p>pos\d+)/t(?P<t>\d+)_(?P<c>\w+)_z(?P<z>\d+)``.

    Raises
    ------
    CellSimError
        If it is no regular expression, has no group t or an unknown one, or matches no file.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise CellSimError(f"The pattern {pattern!r} is no regular expression: {error}.") from error
    unknown = sorted(set(compiled.groupindex) - set(_GROUPS))
    if "t" not in compiled.groupindex or unknown:
        wrong = f"has the unknown group {unknown[0]}" if unknown else "has no group for the time"
        raise CellSimError(
            f"The pattern {pattern!r} {wrong}: name groups t, c, z and p, such as (?P<p>pos\\d+)_t(?P<t>\\d+)."
        )
    found = []
    for file in files:
        match = compiled.search(file.relative_to(root).as_posix())
        if match:
            said = {key: value or "" for key, value in match.groupdict().items()}
            position = said.get("p") or root.name
            found.append(PictureName(file, position, said["t"], said.get("c", ""), said.get("z", "")))
    if not found:
        raise CellSimError(
            f"The pattern {pattern!r} matches none of the pictures in {root}: check an example."
        )
    return found


def by_trap(position: str, files: list[Path]) -> list[PictureName] | None:
    """Read names such as ``img_000000017_01-BF0_000_trap_012.tif``, or None unless all are such.

    Each trap becomes a position of its own, because its pictures are crops already.
    """
    found = []
    for file in files:
        said = parse_trap_file(file)
        if said is None:
            return None
        found.append(
            PictureName(
                file,
                f"{position}/{said.trap_id}",
                str(said.time),
                said.channel,
                str(said.plane),
                said.trap_id,
            )
        )
    return found


def by_tokens(position: str, files: list[Path]) -> list[PictureName] | None:
    """Read names with the usual letters before numbers, such as ``t003_c1_z02``, or None if they are not so."""
    found = []
    for file in files:
        said = {}
        for key, token in _TOKENS.items():
            match = token.search(file.stem)
            said[key] = match[1] if match else ""
        if not said["t"]:
            return None
        place = f"{position}/{said['p']}" if said["p"] else position
        found.append(PictureName(file, place, said["t"], said["c"], said["z"]))
    if len({(n.position, n.time, n.channel, n.plane) for n in found}) < len(found):
        return None  # then the numbers mean something else
    return found


def by_order(position: str, files: list[Path], plane: str = "") -> list[PictureName]:
    """Take files in the natural order of their names as times."""
    ranked = {name: i for i, name in enumerate(order(f.name for f in files))}
    return [PictureName(file, position, str(ranked[file.name]), "", plane) for file in files]
