"""What the Dataset dock does away from the GUI thread: open, find, follow, cut. Nothing here knows Qt or a viewer."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base import CellSimError, Event, JobToken, Progress
from ..datasets import (
    CropOrder,
    CropStore,
    Experiment,
    Located,
    Position,
    Traps,
    TrapTemplate,
    crop_job,
    find_traps_job,
    open_experiment,
    track_traps_job,
)
from ..datasets.locating import frame_reader
from ..datasets.orders import order_path
from ..datasets.pictures import ChannelPictures
from ..datasets.store import unfinished
from ..datasets.tracking import Track
from .dataset_hits import LOWEST
from .opening import LayerData, movie_layers

_STEPS = 1000  # into which each of several stages is divided
_SEEN = (0.2, 99.8)  # percentiles of the first picture that are shown black and white


@dataclass(frozen=True)
class PositionFacts:
    """What the dock says about a position.

    Attributes
    ----------
    name : str
        Its name.
    n_times, n_planes, height, width : int
        Size.
    channels : tuple of str
        Names of the channels.
    itemsize : int
        Bytes per pixel.
    pixel_size, interval : float or None
        µm and minutes.
    crops : bool
        Whether its pictures are crops of one trap already.
    notes : tuple of str
        What was left out.
    """

    name: str
    n_times: int
    n_planes: int
    height: int
    width: int
    channels: tuple[str, ...]
    itemsize: int
    pixel_size: float | None
    interval: float | None
    crops: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """An experiment and the layers of one of its positions."""

    experiment: Experiment
    facts: PositionFacts
    layers: list[LayerData]


@dataclass(frozen=True)
class Looking:
    """How traps are sought.

    Attributes
    ----------
    template : TrapGeometry or (y0, y1, x0, x1)
        The shape of a trap, or a rectangle around one in the reference frame of the position that is shown.
    shown : str
        Name of that position.
    channel, plane, reference : int
        Which picture.
    rotation : float
        Largest rotation, degrees.
    """

    template: Any
    shown: str
    channel: int = 0
    plane: int = 0
    reference: int = 0
    rotation: float = 5.0


@dataclass(frozen=True)
class Cropping:
    """What is to be cropped.

    Attributes
    ----------
    experiment : Experiment
        Where the pictures are.
    pattern : str or None
        By which its file names were read.
    traps : mapping of str to (Traps, int)
        By position, with the frame in which they were found.
    channel, plane : int
        In which pictures the drift is followed.
    size : (int, int)
        Height and width, px.
    out : Path
        The store.
    """

    experiment: Experiment
    pattern: str | None
    traps: Mapping[str, tuple[Traps, int]]
    channel: int
    plane: int
    size: tuple[int, int]
    out: Path


def open_work(
    path: Path, pattern: str | None, pixel_size: float | None, interval: float | None, token: JobToken
) -> Generator[Event, None, Shown]:
    """Open an experiment and its first position."""
    yield Progress(0, 0, f"Listing the pictures of {path.name}")
    experiment = open_experiment(path, pattern=pattern, pixel_size=pixel_size, interval=interval)
    token.check()
    return (yield from show_work(experiment, experiment.positions[0].name, token))


def show_work(experiment: Experiment, name: str, token: JobToken) -> Generator[Event, None, Shown]:
    """Make the layers of a position, reading one picture per channel."""
    yield Progress(0, 0, f"Opening {name}")
    position = experiment.position(name)
    movie = position.timelapse()
    token.check()
    grid = position.grid()
    layers = []
    for channel, (data, meta, kind) in enumerate(movie_layers(movie)):
        picture = np.asarray(movie.frames[0, channel, movie.n_planes // 2] if grid is None else
                             grid[0, channel, movie.n_planes // 2])  # fmt: skip
        low, high = (float(v) for v in np.percentile(picture[np.isfinite(picture)], _SEEN))
        meta["contrast_limits"] = (low, high if high > low else low + 1)
        meta["visible"] = channel == 0
        layers.append((data if grid is None else ChannelPictures(grid, channel), meta, kind))
    facts = PositionFacts(
        name,
        movie.n_times,
        movie.n_planes,
        movie.height,
        movie.width,
        movie.channel_names,
        movie.dtype.itemsize,
        movie.pixel_size,
        movie.interval,
        position.trap_id is not None,
        tuple(position.notes),
    )
    return Shown(experiment, facts, layers)


def find_work(
    experiment: Experiment, names: list[str], looking: Looking, token: JobToken
) -> Generator[Event, None, dict[str, Traps]]:
    """Find the traps of some positions with a low threshold."""
    template = looking.template
    if isinstance(template, tuple):
        read, _ = frame_reader(experiment.position(looking.shown), looking.channel, looking.plane)
        yield Progress(0, 0, "Reading the picture")
        template = TrapTemplate.from_region(read(looking.reference), template)
    found = {}
    for number, name in enumerate(names):
        token.check()
        job = _find(experiment.position(name), template, looking, token)
        found[name] = yield from staged(job, number, len(names), name)
    return found


def _find(
    position: Position, template: Any, looking: Looking, token: JobToken
) -> Generator[Event, None, Traps]:
    movie = position.timelapse()
    if position.trap_id is not None:
        size = (movie.height, movie.width)
        return Traps.from_centres([[(n - 1) / 2 for n in size]], size)
    read, times = frame_reader(position, looking.channel, looking.plane)
    frame = read(min(looking.reference, times - 1))
    return (
        yield from find_traps_job(
            frame, template, movie.pixel_size, rotation=looking.rotation, threshold=LOWEST, token=token
        )
    )


def staged(
    job: Generator[Event, None, Any], number: int, count: int, name: str
) -> Generator[Event, None, Any]:
    """Show a job as one of several stages of equal length; returns its result."""
    with closing(job):
        while True:
            try:
                event = next(job)
            except StopIteration as stop:
                return stop.value
            if isinstance(event, Progress) and count > 1:
                share = event.done / event.total if event.total > 0 else 0.0
                done = round((number + share) * _STEPS)
                event = Progress(done, count * _STEPS, f"{name} ({number + 1} of {count}): {event.message}")
            yield event


def crop_work(wanted: Cropping, token: JobToken) -> Generator[Event, None, CropStore]:
    """Follow the drift of every position, and cut; go on with an interrupted store of the same crops."""
    check_destination(wanted.out)
    _check_size(wanted)
    begun = order_path(wanted.out).is_file() and (wanted.out.exists() or unfinished(wanted.out).is_dir())
    before = CropOrder.open(wanted.out) if begun else None
    if before is not None and not _same(before, wanted):
        raise CellSimError(
            f"The store {wanted.out.name} is there already and holds other crops: choose another name."
            if wanted.out.exists()
            else f"{wanted.out.name} was begun with other crops: press Continue to finish those, or choose another "
            "name."
        )
    located: tuple[Located, ...]
    if before is None:
        followed = []
        for number, (name, (traps, reference)) in enumerate(wanted.traps.items()):
            job = _follow(wanted, name, traps, reference, token)
            followed.append((yield from staged(job, number, len(wanted.traps), name)))
        located = tuple(followed)
    else:
        located = before.located
    first = wanted.experiment.position(located[0].position).calibration
    order = CropOrder(
        wanted.experiment.path.absolute(),
        wanted.pattern,
        first.pixel_size,
        first.interval,
        wanted.size,
        located,
    )
    return (yield from _cut(wanted.experiment, order, wanted.out, token))


def continue_work(out: Path, token: JobToken) -> Generator[Event, None, CropStore]:
    """Finish an interrupted store, whatever the dock shows."""
    order = CropOrder.open(out)
    yield Progress(0, 0, f"Listing the pictures of {order.experiment.name}")
    experiment = open_experiment(
        order.experiment, pattern=order.pattern, pixel_size=order.pixel_size, interval=order.interval
    )
    return (yield from _cut(experiment, order, out, token))


def _cut(
    experiment: Experiment, order: CropOrder, out: Path, token: JobToken
) -> Generator[Event, None, CropStore]:
    """Cut, and leave the order beside the store once it is sure that the store is of this order."""
    job = crop_job(experiment, out, order.located, size=order.size, token=token)
    with closing(job):
        try:
            event = next(job)
            order.save(out)
            while True:
                yield event
                event = next(job)
        except StopIteration as stop:
            store: CropStore = stop.value
    return store


def check_destination(out: Path) -> None:
    """Refuse a destination that cannot become a store, before anything long begins.

    Raises
    ------
    CellSimError
        If something else is there, or there is no such folder.
    """
    if not out.parent.is_dir():
        raise CellSimError(f"{out.name} cannot be written: there is no folder {out.parent}.")
    if out.exists() and not (out / "zarr.json").is_file():
        raise CellSimError(f"{out} is there already and is no store of crops: choose another name.")
    if unfinished(out).is_file():
        raise CellSimError(f"{unfinished(out)} is in the way: delete it or choose another name.")


def _check_size(wanted: Cropping) -> None:
    height, width = wanted.size
    for name in wanted.traps:
        shape = wanted.experiment.position(name).shape
        if shape is not None and (height > shape[0] or width > shape[1]):
            raise CellSimError(
                f"Crops of {height} x {width} px are larger than the pictures of {name}, {shape[0]} x {shape[1]} px: "
                "choose smaller crops."
            )


def _same(order: CropOrder, wanted: Cropping) -> bool:
    if order.size != wanted.size or order.experiment != wanted.experiment.path.absolute():
        return False
    if [place.position for place in order.located] != list(wanted.traps):
        return False
    return all(
        np.array_equal(place.traps.centres, traps.centres) and place.track.reference == reference
        for place, (traps, reference) in zip(order.located, wanted.traps.values(), strict=True)
    )


def _follow(
    wanted: Cropping, name: str, traps: Traps, reference: int, token: JobToken
) -> Generator[Event, None, Located]:
    position = wanted.experiment.position(name)
    if position.trap_id is not None:
        return Located(name, traps, Track.still(position.timelapse().n_times))
    read, times = frame_reader(position, wanted.channel, wanted.plane)
    track = yield from track_traps_job(read, times, traps, reference=min(reference, times - 1), token=token)
    return Located(name, traps, track)
