"""Cutting all crops of an experiment into one store, in parallel, and going on after an interruption."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, Clock, Event, JobToken, now, versions
from .experiment import Experiment, Position
from .locating import Located
from .store import FORMAT, FORMAT_VERSION, KEY, CropStore, hash_block, join_hashes, unfinished

_BLOCK_BYTES = 64 * 2**20  # pixels held by one worker at a time; each needs about three times as much
_PROGRESS = "done.jsonl"


def crop_job(
    experiment: Experiment,
    out: str | os.PathLike[str],
    located: Sequence[Located],
    *,
    size: int | tuple[int, int] = 256,
    workers: int | None = None,
    token: JobToken | None = None,
) -> Generator[Event, None, CropStore]:
    """Cut the crops of all traps, at all times, channels and focal planes.

    The store is built under the name ``OUT.part`` and gets its own name when it is whole. After an interruption the
    same call goes on where it stopped; for a finished store it returns at once. Pixels are copied as they are.

    Parameters
    ----------
    experiment : Experiment
        Where the pictures are.
    out : path
        The store to make, such as ``crops.zarr``.
    located : sequence of Located
        Traps of each position to be cropped, from `locate_job`.
    size : int or (int, int)
        Height and width of the crops in px.
    workers : int or None
        Threads; None: as many as there are processors, at most 8.
    token : JobToken or None
        Stops or pauses between blocks of times.

    Yields
    ------
    Progress
        One step per block of times of a position.

    Returns
    -------
    CropStore
        Without the traps whose crop leaves the field of view at any time (`CropStore.left_out`).

    Raises
    ------
    CellSimError
        If there is nothing to crop, a picture cannot be read, the disk is full, or `out` holds something else.
    JobCancelled
        If the token was cancelled; what was done is kept for the next call.
    """
    target = Path(out).expanduser().absolute()
    token = token or JobToken()
    shape = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    plan = _Plan.of(experiment, located, shape)
    if target.exists():
        return _finished(target, plan)
    if not target.parent.is_dir():
        raise CellSimError(f"{target.name} cannot be written: there is no folder {target.parent}.")
    part = unfinished(target)
    try:
        done = plan.prepare(part)
        with (part / _PROGRESS).open("a", encoding="utf-8") as log:
            yield from _work(plan, part, done, log, workers, token)
        plan.finish(part, done)
        (part / _PROGRESS).unlink()
        part.replace(target)
    except OSError as error:
        raise CellSimError(
            f"{target.name} cannot be written ({error.strerror or error}): free some space and run the same crop "
            "again, it goes on where it stopped."
        ) from error
    return CropStore(target)


def _finished(target: Path, plan: _Plan) -> CropStore:
    if not (target / "zarr.json").is_file():
        raise CellSimError(f"{target} is there already and is no store of crops: choose another name.")
    store = CropStore(target)
    if store.facts["plan"] != plan.hash:
        raise CellSimError(
            f"The store {target.name} is there already and holds other crops: choose another name."
        )
    return store


def _work(
    plan: _Plan, part: Path, done: dict[str, list[str]], log: Any, workers: int | None, token: JobToken
) -> Generator[Event, None, None]:
    import zarr

    clock = Clock(len(plan.blocks), "cutting crops", len(done))
    yield clock.progress()
    group = zarr.open_group(part, mode="r+")
    count = workers or min(os.cpu_count() or 1, 8)
    with ThreadPoolExecutor(count, thread_name_prefix="crops") as pool:
        waiting: dict[Future[list[str]], str] = {}
        left = _calls(plan, group, done)
        try:
            while True:
                token.check()
                # no more than the workers take, so that movies of finished positions can be let go
                while len(waiting) < count and (call := next(left, None)) is not None:
                    waiting[pool.submit(_cut, *call[1:])] = call[0]
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    key = waiting.pop(future)
                    done[key] = future.result()
                    log.write(json.dumps([key, done[key]]) + "\n")
                    log.flush()
                    yield clock.progress(1)
        finally:
            for future in waiting:
                future.cancel()


def _calls(plan: _Plan, group: Any, done: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    """Yield what is left to do, opening one position after the other."""
    finished = set(done)
    for task in plan.tasks:
        left = [block for block in task.blocks(plan.times_per_block) if task.key(block) not in finished]
        if not left:
            continue
        pictures = task.position.grid()
        source = pictures if pictures is not None else task.position.timelapse().frames
        arrays = [group[name] for name in task.arrays]
        for block in left:
            yield task.key(block), source, arrays, task.origins, block, plan.size


def _cut(
    source: Any, arrays: list[Any], origins: NDArray[np.int64], block: range, size: tuple[int, int]
) -> list[str]:
    """Write one block of times of all traps of a position; returns the hash of each trap's part."""
    height, width = size
    channels, planes = source.shape[1:3]
    crops = np.empty((len(arrays), len(block), channels, planes, height, width), source.dtype)
    for i, c, z in np.ndindex(len(block), channels, planes):
        picture = np.asarray(source[block[i], c, z])
        for n, (y, x) in enumerate(origins[:, block[i]]):
            crops[n, i, c, z] = picture[y : y + height, x : x + width]
    hashes = []
    for array, own in zip(arrays, crops, strict=True):
        array[block.start : block.stop] = own
        hashes.append(hash_block(own))
    return hashes


@dataclass(frozen=True)
class _Task:
    """One position: its pictures, and where its crops come from and go to."""

    position: Position
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    channel_names: tuple[str, ...]
    origins: NDArray[np.int64]
    traps: tuple[str, ...]
    centres: NDArray[np.float64]
    scores: NDArray[np.float64]

    @property
    def arrays(self) -> list[str]:
        name = _plain(self.position.name)
        return [name] if self.position.trap_id else [f"{name}/{trap}" for trap in self.traps]

    def blocks(self, length: int) -> list[range]:
        times = self.shape[0]
        return [range(first, min(first + length, times)) for first in range(0, times, length)]

    def key(self, block: range) -> str:
        return f"{self.position.name}@{block.start}"


@dataclass(frozen=True)
class _Plan:
    """Everything that determines the content of a store."""

    experiment: Experiment
    tasks: tuple[_Task, ...]
    left_out: list[dict[str, str]]
    size: tuple[int, int]
    times_per_block: int
    calibration: dict[str, float | None]

    @classmethod
    def of(cls, experiment: Experiment, located: Sequence[Located], size: tuple[int, int]) -> _Plan:
        if min(size) < 1:
            raise CellSimError(f"The size of the crops is {size[0]} x {size[1]} px: give positive numbers.")
        tasks, left_out = [], []
        calibration: dict[str, float | None] = {}
        for place in located:
            position = experiment.position(place.position)
            movie = position.timelapse()
            calibration = calibration or {
                "pixel_size": movie.pixel_size,
                "interval": movie.interval,
                "z_step": movie.z_step,
            }
            if len(place.track.shifts) != movie.n_times:
                raise CellSimError(
                    f"{position.name} has {movie.n_times} frames, but its drift was followed for "
                    f"{len(place.track.shifts)}: find its traps again."
                )
            origins = place.origins(size)
            field = np.array([movie.height, movie.width])
            fits: list[bool] = [bool(((o >= 0) & (o + size <= field)).all()) for o in origins]
            whole = np.array(fits, bool)
            names = [position.trap_id or f"trap_{n:03d}" for n in range(len(origins))]
            left_out += [
                {"position": position.name, "trap_id": name, "why": "its crop leaves the field of view"}
                for name, inside in zip(names, fits, strict=True)
                if not inside
            ]
            if whole.any():
                tasks.append(
                    _Task(
                        position,
                        movie.frames.shape[:3],
                        movie.dtype,
                        movie.channel_names,
                        origins[whole],
                        tuple(name for name, inside in zip(names, fits, strict=True) if inside),
                        place.traps.centres[whole],
                        place.traps.scores[whole],
                    )
                )
        if not tasks:
            raise CellSimError(
                f"There is nothing to crop: no trap has {size[0]} x {size[1]} px of the field of view around it; find "
                "traps with a lower threshold or choose smaller crops."
            )
        per_time = max(
            len(t.traps) * t.shape[1] * t.shape[2] * size[0] * size[1] * t.dtype.itemsize for t in tasks
        )
        length = max(1, min(_BLOCK_BYTES // per_time, max(t.shape[0] for t in tasks)))
        return cls(experiment, tuple(tasks), left_out, size, length, calibration)

    @property
    def blocks(self) -> list[str]:
        return [task.key(block) for task in self.tasks for block in task.blocks(self.times_per_block)]

    @property
    def hash(self) -> str:
        digest = hashlib.sha256(json.dumps([self.size, self.times_per_block]).encode())
        for task in self.tasks:
            facts = [task.position.name, task.shape, str(task.dtype), task.traps, self._files(task.position)]
            digest.update(json.dumps(facts).encode())
            digest.update(task.origins.tobytes())
        return digest.hexdigest()

    def _files(self, position: Position) -> list[str]:
        """Return the sources of a position's pictures in the order T, C, Z, or the one file of a movie."""
        grid = position.grid()
        paths = [position.source(0, 0, 0)] if grid is None else list(grid.files.ravel())
        return [Path(os.path.relpath(path, self.experiment.path.absolute())).as_posix() for path in paths]

    def prepare(self, part: Path) -> dict[str, list[str]]:
        """Create the unfinished store, or return which blocks of it are done and their hashes."""
        if part.is_dir() and (part / _PROGRESS).is_file():
            lines = (part / _PROGRESS).read_text(encoding="utf-8").splitlines()
            if not lines or lines[0] != self.hash:
                raise CellSimError(
                    f"The unfinished store {part.name} is of other crops: delete it or choose another name."
                )
            return dict(filter(None, map(_parsed, lines[1:])))
        if part.exists():  # stopped before the first block
            shutil.rmtree(part)
        self._create(part)
        (part / _PROGRESS).write_text(self.hash + "\n", encoding="utf-8")
        return {}

    def _create(self, part: Path) -> None:
        import zarr
        from zarr.codecs import BloscCodec

        group = zarr.create_group(part, zarr_format=3)
        for task in self.tasks:
            length = min(self.times_per_block, task.shape[0])
            for name in task.arrays:
                group.create_array(
                    name,
                    shape=(*task.shape, *self.size),
                    chunks=(1, 1, 1, *self.size),
                    shards=(length, *task.shape[1:], *self.size),
                    dtype=task.dtype,
                    compressors=BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle"),
                    dimension_names=["t", "c", "z", "y", "x"],
                )

    def finish(self, part: Path, done: dict[str, list[str]]) -> None:
        """Write the manifest."""
        import zarr

        positions, sequences = [], []
        for task in self.tasks:
            name = task.position.name
            positions.append(
                {"name": name, "channel_names": task.channel_names, "files": self._files(task.position)}
            )
            hashes = [done[task.key(block)] for block in task.blocks(self.times_per_block)]
            for n, trap in enumerate(task.traps):
                score = float(task.scores[n])
                sequences.append(
                    {
                        "id": name if task.position.trap_id else f"{name}/{trap}",
                        "position": name,
                        "trap_id": trap,
                        "array": task.arrays[n],
                        "centre": task.centres[n].tolist(),
                        "score": None if np.isnan(score) else score,
                        "origins": task.origins[n].tolist(),
                        "shape": [*task.shape, *self.size],
                        "hash": join_hashes([block[n] for block in hashes]),
                    }
                )
        facts = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "created": now(),
            "versions": versions(),
            "plan": self.hash,
            "experiment": str(self.experiment.path.absolute()),
            "layout": self.experiment.layout,
            "times_per_block": self.times_per_block,
            **self.calibration,
            "positions": positions,
            "sequences": sequences,
            "left_out": self.left_out,
        }
        zarr.open_group(part, mode="r+").attrs.update({KEY: facts})


def _parsed(line: str) -> tuple[str, list[str]] | None:
    """Read one line of the log; a line that was cut off by a crash says nothing."""
    try:
        key, hashes = json.loads(line)
    except ValueError:
        return None
    return key, hashes


def _plain(name: str) -> str:
    """Turn a position's name into one that every file system takes; different names stay different."""
    return "/".join(quote(part, safe=" +,") for part in name.split("/") if part)
