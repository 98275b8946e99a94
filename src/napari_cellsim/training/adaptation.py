"""Adapt a forecasting model to one movie, on the frames of it that exist already.

The earlier frames teach, the last ones choose how long to learn; then learning begins anew on all of them, for just as
long. Whatever comes after `at` is never read. Nothing here imports torch before a job runs.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import CellSimError, Event, JobToken, hash_array, now, run, versions
from ..data import TimeLapse, check_frames
from ..forecasting.prediction import open_inputs

if TYPE_CHECKING:
    from ..models import Model

MOST_FRAMES = 100
"""Frames before `at` that are looked at; cells of hours ago say little about those of now."""
_MOST_VALUES = 2**28  # of all frames together: a gigabyte
_SMALLEST = 16  # px on the model's grid
_NOT_IN_NAMES = re.compile(r"[^\w.+ -]")


@dataclass(frozen=True)
class Adapted:
    """What came of adapting a model to a movie.

    Attributes
    ----------
    model : Model
        The adapted model, or the given one itself if adapting did not help.
    helped : bool
        Whether it did.
    before, after : float
        Squared error on the held-out last frames before `at` as a share of the best baseline's, mean over the
        horizons there: of the given model, and the best that was reached. The held-out frames have also chosen the
        number of steps, so `after` is a little too good.
    message : str
        One sentence for people.
    """

    model: Model
    helped: bool
    before: float
    after: float
    message: str


@dataclass(frozen=True)
class Past:
    """What may be learned from, checked.

    Attributes
    ----------
    movie : TimeLapse
        With the pixel size that counts.
    model : Model
        The model to adapt.
    frames : list of int
        Indices in the movie.
    images : ndarray
        (T, Y, X) float32 in the movie's units on the model's grid.
    hash : str
        Of the movie's own frames.
    channel, plane : int
        Where in the movie.
    """

    movie: TimeLapse
    model: Model
    frames: list[int]
    images: np.ndarray
    hash: str
    channel: int
    plane: int

    @property
    def history(self) -> int:
        """Frames that the model sees."""
        return int(self.model.network.config.frames)

    @property
    def held_out(self) -> int:
        """Number of last frames that choose: a quarter, of short pasts up to a third."""
        count = len(self.frames)
        return min(max(count // 4, min(6, count // 3)), count - self.history - 1)


def adapt(
    movie: TimeLapse | str | Path | np.ndarray | Any,
    model: Model | str = "sdcnet-default",
    *,
    at: int | None = None,
    minutes: float = 3.0,
    **options: Any,
) -> Adapted:
    """Fine-tune a forecasting model on the frames of a movie up to frame `at`.

    Parameters
    ----------
    movie : TimeLapse or anything that `open_timelapse` reads
        Frames after `at` are never read. Of the earlier ones the last 100 are used, of large fields fewer.
    model : Model or str
        An SDC-Net++ model, or a bundled name or file. It is left as it is.
    at : int, optional
        Index of the last frame to learn from; the movie's last frame if not given.
    minutes : float
        Time to spend.
    **options
        As for `adapt_job`.

    Returns
    -------
    Adapted

    Raises
    ------
    CellSimError
        With one sentence, if something about the input is wrong.
    """
    return run(adapt_job(movie, model, at=at, minutes=minutes, **options))


def adapt_job(
    movie: TimeLapse | str | Path | np.ndarray | Any,
    model: Model | str = "sdcnet-default",
    *,
    at: int | None = None,
    minutes: float = 3.0,
    steps: int = 0,
    channel: int = 0,
    plane: int = 0,
    pixel_size: float | None = None,
    device: str = "auto",
    seed: int = 0,
    token: JobToken | None = None,
) -> Generator[Event, None, Adapted]:
    """Adapt as a job: yields progress, returns what `adapt` returns.

    Parameters
    ----------
    movie, model, at, minutes
        See `adapt`.
    steps : int
        Instead of a time: optimiser steps after which the choice is made. The result is then the same every time.
        0 for `minutes`.
    channel, plane : int
        Which channel and focal plane of the movie.
    pixel_size : float, optional
        µm; overrides the movie's own.
    device : str
        See `forecasting.devices`.
    seed : int
        Seed of the choice of crops.
    token : JobToken, optional
        To cancel or pause; nothing is left behind.

    Yields
    ------
    Progress
        In percent of the budget.

    Notes
    -----
    The past must have two frames more than the model reads. Its last quarter is held out (of short pasts up to a
    third). The model learns from what is before that and is measured on the held-out frames now and then. The number
    of steps with the least error there is repeated from the given weights, with all frames. If the error fell by less
    than 1 %, the model stays as it is. Partner networks are not trained.

    How far the adapted model can be trusted is known then, and enters its mean forecasts: at each horizon they are
    drawn towards the blurred last frame, by the share (`ModelCard.shrinkage`) with the least error on the held-out
    frames.
    """
    if steps < 0 or (not steps and not minutes > 0):
        raise CellSimError(
            f"Adapting for {minutes:g} minutes or {steps} steps is not possible; give a number greater than 0."
        )
    token = token or JobToken()
    past = read_past(movie, model, at, channel, plane, pixel_size)
    from .adaptation_course import Course

    with tempfile.TemporaryDirectory(prefix="cellsim-adapt-", ignore_cleanup_errors=True) as folder:
        course = Course(
            past, Path(folder), minutes=minutes, steps=steps, device=device, seed=seed, token=token
        )
        network = yield from course.run()
    first, last = past.frames[-past.held_out], past.frames[-1]
    where = f"frames {first} to {last}" if first < last else f"frame {last}"
    before, after = course.before, course.after
    if network is None:
        message = (
            f"The model stays as it is: on {where} its squared error is {before:.2f} of the best baseline's, and "
            f"adapting brought it to no less than {after:.2f}."
        )
        return Adapted(past.model, False, before, after, message)
    after = course.shrunk
    message = f"On {where} the squared error fell from {before:.2f} to {after:.2f} of the best baseline's" + (
        "." if after < 1 else ", so a baseline is still the better guess."
    )
    adapted = _adapted(past, network, course.record)
    adapted.card.shrinkage = course.shrinkage
    return Adapted(adapted, True, before, after, message)


def read_past(
    movie: Any, model: Model | str | Path, at: int | None, channel: int, plane: int, pixel_size: float | None
) -> Past:
    """Read the frames to learn from and bring them to the model's grid.

    Raises
    ------
    CellSimError
        If they, or the model, cannot be used.
    """
    movie, model, at = open_inputs(movie, model, at, pixel_size)
    least = model.network.config.frames + 2
    if at + 1 < least:
        raise CellSimError(
            f"{movie.name!r} has {at + 1} frame{'s' * (at > 0)} up to frame {at}, too few to adapt to: at least "
            f"{least} are needed."
        )
    zoom = model.card.zoom(movie.pixel_size)
    area = movie.height * movie.width * max(1.0, zoom) ** 2  # of a frame here or on the model's grid
    most = max(least, min(MOST_FRAMES, int(_MOST_VALUES / area)))
    frames = list(range(max(0, at + 1 - most), at + 1))
    own = movie.array(frames, channel=channel, plane=plane)
    check_frames(own, movie.name)
    return Past(movie, model, frames, _on_grid(own, zoom, movie.name), hash_array(own), channel, plane)


def _on_grid(frames: np.ndarray, zoom: float, name: str) -> np.ndarray:
    """Resample frames (T, Y, X) as a forecast does."""
    import torch

    from ..forecasting.grids import Grids

    grids = Grids.match(frames.shape[1], frames.shape[2], zoom)
    if min(grids.model_height, grids.model_width) < _SMALLEST:
        raise CellSimError(
            f"{name!r} has only {grids.model_height} x {grids.model_width} px at the model's pixel size; adapting "
            f"needs at least {_SMALLEST} x {_SMALLEST}."
        )
    if grids.equal:
        return frames
    return np.stack([grids.images_to_model(torch.from_numpy(f[None, None]))[0, 0].numpy() for f in frames])


def _adapted(past: Past, network: Any, record: dict[str, Any]) -> Model:
    """Return the model with the new network, and on its card where that comes from."""
    from ..models import Model

    movie, given = past.movie, past.model
    first, last = past.frames[0], past.frames[-1]
    provenance = {
        "of": {"name": given.name, "hash": given.hash},
        "movie": {
            "name": movie.name,
            "source": movie.source,
            "channel": past.channel,
            "plane": past.plane,
            "frames": [first, last],
            "pixel_size": movie.pixel_size,
            "hash": past.hash,
        },
        **record,
        "versions": versions(),
        "time": now(),
    }
    what = f"frames {first} to {last} of {movie.name}"
    card = given.card.model_copy(
        deep=True,
        update={
            "description": f"{given.card.description} Adapted to {what}.".strip(),
            "trained_on": "; then ".join(filter(None, (given.card.trained_on, what))),
            # The rest was measured with other weights.
            "metrics": {"held_out_mse_ratio": record["after"], "held_out_mse_ratio_before": record["before"]},
            "interval": movie.interval or given.card.interval,
            "training": {**given.card.training, "adaptation": provenance},
        },
    )
    name = f"{given.name} adapted to {_NOT_IN_NAMES.sub('_', movie.name)}"
    # The partners lie where those of the given model do.
    return Model(name, given.kind, {**given.networks, given.kind: network}, card, given.source)
