"""Reviewing and splitting a store away from the GUI thread. Nothing here knows Qt, a layer or a viewer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base import CellSimError, Event, JobToken, Progress
from ..datasets import (
    PRESETS,
    CropStore,
    Curation,
    Decision,
    MeasureTable,
    Split,
    Window,
    make_split,
    measure_job,
)
from ..datasets.measures import measures_path
from ..datasets.splits import PARTS, split_path
from .first_import import import_numerics
from .model_use import loaded, one_at_a_time, processor_threads
from .opening import LayerData, movie_layers

Summary = dict[str, float]


@dataclass(frozen=True)
class Review:
    """A store as the Review tab shows it.

    Attributes
    ----------
    store : CropStore
        The crops.
    curation : Curation
        Its windows and decisions.
    table : MeasureTable or None
        Where it has been measured.
    summaries : dict of str to dict
        Measures of each window, by its id.
    split : SplitFacts or None
        Where it has been split.
    problem : str
        What could not be read beside the store.
    """

    store: CropStore
    curation: Curation
    table: MeasureTable | None
    summaries: dict[str, Summary]
    split: SplitFacts | None
    problem: str = ""


@dataclass(frozen=True)
class SplitFacts:
    """What is said of a split.

    Attributes
    ----------
    windows, traps, frames : dict of str to int
        How many there are in each part.
    path : Path
        Its file.
    """

    windows: dict[str, int]
    traps: dict[str, int]
    frames: dict[str, int]
    path: Path

    @classmethod
    def of(cls, split: Split, path: Path) -> SplitFacts:
        """Count."""
        return cls(
            {part: len(split.parts[part]) for part in PARTS},
            {part: len({w.sequence for w in split.parts[part]}) for part in PARTS},
            {part: sum(w.stop - w.start for w in split.parts[part]) for part in PARTS},
            path,
        )


def is_store(path: Path) -> bool:
    """Return whether a folder looks like a store of crops."""
    return path.is_dir() and path.suffix == ".zarr" and (path / "zarr.json").is_file()


def load_work(path: Path, token: JobToken) -> Generator[Event, None, Review]:
    """Open a store with all that lies beside it."""
    yield Progress(0, 0, f"Opening {path.name}")
    store = CropStore(path)
    token.check()
    curation = Curation.resumed(store)
    problems = []
    table = split = None
    try:
        if measures_path(store).exists():
            table = MeasureTable.open(measures_path(store))
    except CellSimError as error:
        problems.append(str(error))
    try:
        if split_path(store).exists():
            split = SplitFacts.of(Split.open(store), split_path(store))
    except CellSimError as error:
        problems.append(str(error))
    return Review(store, curation, table, summarise(curation, table), split, " ".join(problems))


def summarise(curation: Curation, table: MeasureTable | None) -> dict[str, Summary]:
    """Return the measures of all windows that have been measured."""
    if table is None:
        return {}
    return {w.id: table.summary(w) for w in curation.windows if w.sequence in table.sequences}


def windows_work(review: Review, length: int | None, token: JobToken) -> Review:
    """Cut the sequences into windows of another length; earlier decisions are forgotten."""
    curation = Curation(review.store, length, anew=True)
    token.check()
    return Review(review.store, curation, review.table, summarise(curation, review.table), review.split)


@dataclass(frozen=True)
class Measuring:
    """How a store is measured: model (name or file), channel, plane, device, processor threads."""

    model: str | Path
    channel: int = 0
    plane: int | None = None
    device: str = "auto"
    threads: int = 0


def measure_work(review: Review, how: Measuring, token: JobToken) -> Generator[Event, None, Review]:
    """Measure all sequences."""
    yield Progress(0, 0, "Loading PyTorch")
    import_numerics()
    yield Progress(0, 0, "Loading the model")
    model = loaded(how.model)
    with one_at_a_time(token), processor_threads(how.threads):
        table = yield from measure_job(
            review.store, model, channel=how.channel, plane=how.plane, device=how.device, token=token
        )
    yield Progress(1, 1, "Summing up", 0.0)
    return Review(review.store, review.curation, table, summarise(review.curation, table), review.split)


def judge_work(review: Review, preset: str) -> dict[str, Decision]:
    """Return what the rules of a preset decide."""
    if review.table is None:
        raise CellSimError(f"“{preset}” looks at the measures, and there are none yet: press Measure first.")
    return review.curation.judged(preset, review.table)


def split_work(
    review: Review, fractions: tuple[float, float, float], group: Any, seed: int, token: JobToken
) -> SplitFacts:
    """Deal out the kept windows, check for leaks, and write the split beside the store."""
    kept = review.curation.kept()
    if not kept:
        raise CellSimError("No window is kept, so there is nothing to split: keep some in the Review tab.")
    split = make_split(review.store, kept, fractions, group=group, seed=seed)
    token.check()
    try:
        path = split.save(review.store)
    except OSError as error:
        raise CellSimError(
            f"The split cannot be written beside {review.store.path.name} ({error.strerror or error}): free some "
            "space or mend the permissions."
        ) from error
    return SplitFacts.of(split, path)


def window_layers(store: CropStore, window: Window) -> list[LayerData]:
    """Return the layers of a window, at its place in the field and in time; the frames are read lazily."""
    movie = store.timelapse(window.sequence)
    origin = store.sequence(window.sequence).origins[window.start]  # crops follow the drift
    middle = np.asarray(movie.frames[window.start, :, movie.n_planes // 2])
    layers = []
    for channel, (data, meta, kind) in enumerate(movie_layers(movie)):
        low, high = (float(v) for v in np.percentile(middle[channel], (0.2, 99.8)))
        meta["contrast_limits"] = (low, high if high > low else low + 1)
        meta["name"] = f"{meta['name']} frames {window.start}–{window.stop - 1}"
        meta["visible"] = channel == 0
        scale, place = meta["scale"], list(meta["translate"])
        place[0] = scale[0] * window.start
        place[-2:] = [float(at) * step for at, step in zip(origin, scale[-2:], strict=True)]
        meta["translate"] = tuple(place)
        layers.append((data[window.start : window.stop], meta, kind))
    return layers


def strip(store: CropStore, window: Window, channel: int, plane: int | None, side: int) -> np.ndarray:
    """Return the first, middle and last frame of a window, (3, side, side) or less, 8-bit grey."""
    array = store.array(window.sequence)
    channel = min(channel, array.shape[1] - 1)
    plane = array.shape[2] // 2 if plane is None else min(plane, array.shape[2] - 1)
    times = (window.start, (window.start + window.stop - 1) // 2, window.stop - 1)
    frames = np.stack([array[t, channel, plane] for t in times]).astype(np.float32)
    factor = max(1, max(frames.shape[1:]) // side)
    height, width = (n // factor for n in frames.shape[1:])
    small = frames[:, : height * factor, : width * factor]
    small = small.reshape(3, height, factor, width, factor).mean((2, 4))
    low, high = np.percentile(small, (0.5, 99.5))
    grey = np.clip((small - low) / max(float(high - low), 1e-6) * 255, 0, 255)
    return np.nan_to_num(grey).astype(np.uint8)


def preset_names() -> tuple[str, ...]:
    """Return the names of the two versions of the thesis."""
    return tuple(PRESETS)
