"""A store of crops: one zarr (version 3) group with one array per trap and a manifest of where each came from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from ..data import TimeLapse

FORMAT, FORMAT_VERSION = "napari-cellsim crops", 1
KEY = "napari_cellsim"  # of the group's attributes


@dataclass(frozen=True, eq=False)
class CropSequence:
    """All crops of one trap.

    Parameters
    ----------
    id : str
        ``position/trap``, unique in the store.
    position, trap_id : str
        Where it is.
    array : str
        Name of the array (T, C, Z, Y, X) in the store.
    origins : ndarray, (T, 2)
        First pixel (y, x) of the crop in the field of view at each time; they follow the drift.
    shape : tuple of int
        Times, channels, planes, height, width.
    score : float or None
        Correlation with the template.
    hash : str
        SHA-256 over the pixels, see `CropStore.verify`.
    """

    id: str
    position: str
    trap_id: str
    array: str
    origins: NDArray[np.int64]
    shape: tuple[int, int, int, int, int]
    score: float | None
    hash: str


class CropStore:
    """A finished store of crops, opened for reading.

    Parameters
    ----------
    path : path
        The ``*.zarr`` folder that `crop_job` wrote.

    Raises
    ------
    CellSimError
        If there is no store, it is unfinished, or of a later version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        if not (self.path / "zarr.json").is_file():
            part = unfinished(self.path)
            raise CellSimError(
                f"The store {self.path.name} is unfinished: run the same crop again, it goes on where it stopped."
                if part.is_dir()
                else f"There is no store of crops {self.path}: check the name, or make it with `napari-cellsim crop`."
            )
        self.facts = _read_facts(self.path)
        self.sequences = tuple(_sequence(record) for record in self.facts["sequences"])
        self._positions = {position["name"]: position for position in self.facts["positions"]}
        self._by_id = {sequence.id: sequence for sequence in self.sequences}

    def __len__(self) -> int:
        return len(self.sequences)

    def __iter__(self) -> Iterator[TimeLapse]:
        return (self.timelapse(sequence.id) for sequence in self.sequences)

    @property
    def pixel_size(self) -> float | None:
        """µm per pixel, where known."""
        size: float | None = self.facts["pixel_size"]
        return size

    @property
    def interval(self) -> float | None:
        """Minutes between frames, where known."""
        interval: float | None = self.facts["interval"]
        return interval

    @property
    def left_out(self) -> list[dict[str, str]]:
        """Traps that are not in the store, and why."""
        found: list[dict[str, str]] = self.facts["left_out"]
        return found

    @cached_property
    def _group(self) -> Any:
        import zarr

        return zarr.open_group(self.path, mode="r")

    def sequence(self, name: str) -> CropSequence:
        """Return the facts of one sequence by its id.

        Raises
        ------
        CellSimError
            If there is none.
        """
        if name not in self._by_id:
            raise CellSimError(
                f"The store {self.path.name} holds no sequence {name!r}: it has {len(self)} others."
            )
        return self._by_id[name]

    def array(self, name: str) -> Any:
        """Return the zarr array (T, C, Z, Y, X) of a sequence."""
        return self._group[self.sequence(name).array]

    def timelapse(self, name: str) -> TimeLapse:
        """Return a sequence as a movie, read lazily, with its origin (at the first time) and trap."""
        import dask.array

        sequence = self.sequence(name)
        array = self.array(name)
        channels = tuple(self._positions[sequence.position]["channel_names"])
        return TimeLapse(
            frames=dask.array.from_array(array, chunks=array.chunks),
            pixel_size=self.pixel_size,
            interval=self.interval,
            channel_names=channels,
            origin=(float(sequence.origins[0, 0]), float(sequence.origins[0, 1])),
            trap_id=sequence.trap_id,
            source=str(self.path),
            z_step=self.facts["z_step"],
            name=sequence.id,
        )

    def manifest(self, name: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield one record per picture: where it came from and where it is.

        Parameters
        ----------
        name : str or None
            Only this sequence.

        Yields
        ------
        dict
            sequence, position, trap_id, time, channel, plane, source (file), y, x (first pixel in the field),
            pixel_size (µm), interval (minutes), hash (of the sequence).
        """
        chosen = self.sequences if name is None else (self.sequence(name),)
        for sequence in chosen:
            files = self._positions[sequence.position]["files"]
            sources = np.array(files, object).reshape(-1)
            times, channels, planes = sequence.shape[:3]
            for number, (t, c, z) in enumerate(np.ndindex(times, channels, planes)):
                yield {
                    "sequence": sequence.id,
                    "position": sequence.position,
                    "trap_id": sequence.trap_id,
                    "time": t,
                    "channel": c,
                    "plane": z,
                    "source": str(sources[number % len(sources)]),
                    "y": int(sequence.origins[t, 0]),
                    "x": int(sequence.origins[t, 1]),
                    "pixel_size": self.pixel_size,
                    "interval": self.interval,
                    "hash": sequence.hash,
                }

    def verify(self, name: str) -> None:
        """Check that the pixels of a sequence are those that were written.

        Raises
        ------
        CellSimError
            If they are not, or cannot be read.
        """
        sequence = self.sequence(name)
        block = self.facts["times_per_block"]
        try:
            array = self.array(name)
            hashes = [
                hash_block(array[first : first + block]) for first in range(0, sequence.shape[0], block)
            ]
        except Exception as error:  # whatever zarr and its decoders raise on damaged files
            raise CellSimError(
                f"The sequence {name} of {self.path.name} cannot be read ({error}): crop the experiment again."
            ) from error
        if join_hashes(hashes) != sequence.hash:
            raise CellSimError(
                f"The pixels of {name} in {self.path.name} are not those that were written: crop the experiment again."
            )


def unfinished(path: Path) -> Path:
    """Return where a store is built before it is renamed to `path`."""
    return path.with_name(path.name + ".part")


def hash_block(pixels: NDArray[Any]) -> str:
    """Return the SHA-256 of pixels in little-endian C order."""
    native = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False))
    return hashlib.sha256(native.data).hexdigest()


def join_hashes(hashes: list[str]) -> str:
    """Return the hash of a sequence from those of its blocks of times."""
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _read_facts(path: Path) -> dict[str, Any]:
    import json

    try:
        content = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CellSimError(
            f"The store {path.name} cannot be read ({error}): crop the experiment again."
        ) from error
    facts = content.get("attributes", {}).get(KEY)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise CellSimError(
            f"{path.name} is a zarr folder, but no store of crops: make one with `napari-cellsim crop`."
        )
    if facts["format_version"] > FORMAT_VERSION:
        raise CellSimError(f"The store {path.name} was written by a later version: update napari-cellsim.")
    return facts


def _sequence(record: dict[str, Any]) -> CropSequence:
    times, channels, planes, height, width = record["shape"]
    return CropSequence(
        id=record["id"],
        position=record["position"],
        trap_id=record["trap_id"],
        array=record["array"],
        origins=np.array(record["origins"], np.int64).reshape(-1, 2),
        shape=(times, channels, planes, height, width),
        score=record["score"],
        hash=record["hash"],
    )
