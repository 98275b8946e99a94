"""Adapting a model to the movie of the Forecast dock, away from the GUI thread; nothing here knows Qt or a layer.

An adaptation runs in a thread, unlike a training, which has a process of its own. It works on the movie that napari
holds in memory, which a process would first have to be sent; it ends within minutes; it can be cancelled between two
small steps; and torch lets go of the interpreter inside its kernels, so that napari answers meanwhile
(measured by ``benchmarks/gui_heartbeat.py``). Unlike a forecast it does not keep others waiting: it has networks of its
own.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import CellSimError, Event, JobToken, Progress
from .first_import import import_numerics
from .forecast_request import ForecastRequest
from .forecast_work import open_movie
from .model_use import processor_threads

if TYPE_CHECKING:
    from ..models import Model
    from ..training import Adapted

_NOT_IN_FILES = re.compile(r"[^\w.+() -]")


@dataclass(frozen=True)
class Adaptation:
    """What came of it.

    Attributes
    ----------
    adapted : Adapted
        The model and the sentence about it.
    path : Path or None
        File of the adapted model, which lasts as long as napari; None if adapting did not help.
    movie : str
        Name of the movie's layer.
    at : int
        Last frame that was learned from.
    """

    adapted: Adapted
    path: Path | None
    movie: str
    at: int


def adapt_work(
    request: ForecastRequest, minutes: float, steps: int, taken: set[str], token: JobToken
) -> Generator[Event, None, Adaptation]:
    """Read the movie, load the model, adapt it, and put it where the docks find it.

    Parameters
    ----------
    request : ForecastRequest
        Of a forecast with that model from the last frame to learn from.
    minutes : float
        Time to spend.
    steps : int
        Instead, if not 0: optimiser steps after which the choice is made.
    taken : set of str
        Names that the adapted model must not have.
    token : JobToken
        To cancel.

    Yields
    ------
    Progress
    """
    yield Progress(0, 0, "Loading PyTorch")
    import_numerics()
    from ..models import load_model
    from ..training.adaptation import adapt_job

    yield Progress(0, 0, "Reading the movie")
    movie = open_movie(request.movie, request.axes)
    movie = movie.with_calibration(pixel_size=request.pixel_size, interval=request.interval)
    model = load_model(request.model)
    with processor_threads(request.threads):
        adapted = yield from adapt_job(
            movie,
            model,
            at=request.at,
            minutes=minutes,
            steps=steps,
            channel=request.channel,
            plane=request.plane,
            device=request.device,
            token=token,
        )
    path = None
    if adapted.helped:
        adapted = replace(adapted, model=_named(adapted.model, taken))
        path = _keep(adapted.model)
    return Adaptation(adapted, path, request.movie.name, request.at)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="cellsim-adapted-", ignore_cleanup_errors=True)


def _named(model: Model, taken: set[str]) -> Model:
    """Return the model under a name that no other one has."""
    name, number = model.name, 2
    while name in taken:
        name, number = f"{model.name} ({number})", number + 1
    return replace(model, name=name)


def _keep(model: Model) -> Path:
    """Save a model and the partners that would not be found from there."""
    from ..models import list_models, resolve_partner

    folder = Path(_folder().name)
    path = folder / f"{_NOT_IN_FILES.sub('_', model.name)}.safetensors"
    model.save(path)
    known = {entry.path.resolve() for entry in list_models()}
    for role in model.card.partners:
        try:
            source: Any = resolve_partner(model, role).source
        except CellSimError:  # then it was adapted without
            continue
        if source is not None and source.resolve() not in known:
            shutil.copy2(source, folder / source.name)
    return path
