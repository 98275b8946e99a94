"""What the Evaluate dock computes away from the GUI thread. Nothing here knows Qt, a layer or a viewer."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import CellSimError, Event, JobToken, Progress
from .evaluate_request import ForecastStudyRequest, GeneratorStudyRequest, Source
from .first_import import import_numerics
from .forecast_request import LayerSnapshot
from .model_use import loaded, one_at_a_time, processor_threads

if TYPE_CHECKING:
    from ..data import TimeLapse
    from ..evaluation import GeneratorStudy, MovieStudy
    from ..evaluation.study import Study


def open_sources(sources: tuple[Source, ...], pixel_size: float | None, token: JobToken) -> list[TimeLapse]:
    """Open layers, files, folders and stores of crops as movies.

    Raises
    ------
    CellSimError
        If one cannot be read, or is in colour.
    """
    from ..data import open_timelapse

    movies: list[TimeLapse] = []
    for source in sources:
        token.check()
        if isinstance(source, LayerSnapshot) and source.rgb:
            raise CellSimError(
                f"Layer {source.name!r} is a colour (RGB) picture; convert it to greyscale or split its channels first."
            )
        store = _store(source)
        movies += store if store is not None else [open_timelapse(source)]
    return [movie.with_calibration(pixel_size=pixel_size, interval=None) for movie in movies]


def _store(source: Source) -> list[TimeLapse] | None:
    """Return the sequences of a store of crops; None for anything else."""
    if not isinstance(source, Path) or source.suffix != ".zarr":
        return None
    from ..datasets import CropStore

    try:
        # the store is one source, but each of its traps is a sequence of its own
        return [replace(movie, source=f"{movie.source}/{movie.name}") for movie in CropStore(source)]
    except CellSimError:  # some other zarr, or none: `open_timelapse` says what is wrong with it
        return None


def forecast_study_work(request: ForecastStudyRequest, token: JobToken) -> Generator[Event, None, MovieStudy]:
    """Forecast movies whose future is known, and compare.

    Yields
    ------
    Progress
    """
    yield Progress(0, 0, "Loading PyTorch")
    import_numerics()
    from ..evaluation import evaluate_movies_job

    yield Progress(0, 0, "Reading the movies")
    movies = open_sources(request.movies, request.pixel_size, token)
    labels = [] if request.labels is None else [_labels(request.labels, request.plane)]
    yield Progress(0, 0, "Loading the models")
    models = [loaded(model) for model in request.models]
    judge = request.judge
    with one_at_a_time(token), processor_threads(request.threads):
        return (
            yield from evaluate_movies_job(
                movies,
                models,
                at=request.at,
                steps=request.steps,
                labels=labels,
                judge=judge if judge in ("model", "none") else loaded(judge),
                command=_forecast_command(request, len(movies)),
                channel=request.channel,
                plane=request.plane,
                device=request.device,
                mode=request.mode,
                samples=request.samples,
                seed=request.seed,
                token=token,
            )
        )


def _labels(layer: LayerSnapshot, plane: int) -> np.ndarray:
    """Return true cells (T, Y, X)."""
    from ..data import open_timelapse

    frames = open_timelapse(layer).frames
    return np.asarray(frames[:, 0, min(plane, frames.shape[2] - 1)])


def generator_study_work(
    request: GeneratorStudyRequest, token: JobToken
) -> Generator[Event, None, GeneratorStudy]:
    """Compare what a model generates with real pictures.

    Yields
    ------
    Progress
    """
    yield Progress(0, 0, "Loading PyTorch")
    import_numerics()
    from ..evaluation import evaluate_generator_job
    from ..evaluation.picture_sets import draws_photographs

    yield Progress(0, 0, "Loading the model")
    model = loaded(request.model)
    real: list[Any] = list(request.real)
    judge: dict[str, Any] = {}
    if not draws_photographs(model):
        yield Progress(0, 0, "Reading the real pictures")
        real = open_sources(request.real, request.pixel_size, token)
    if request.classifier is not None:
        judge["encoder"] = loaded(request.classifier)
    with one_at_a_time(token), processor_threads(request.threads):
        return (
            yield from evaluate_generator_job(
                real,
                model,
                n=request.n,
                seed=request.seed,
                truncation=request.truncation,
                channel=request.channel,
                plane=request.plane,
                device=request.device,
                command=_generator_command(request, len(real)),
                token=token,
                **judge,
            )
        )


def _files(sources: tuple[Source, ...], count: int) -> tuple[str, ...] | None:
    """Return file names for a command line; None where one source is a layer or a store of several movies."""
    if count != len(sources) or any(not isinstance(source, Path) for source in sources):
        return None
    return tuple(str(source) for source in sources)


def _words(request: Any, **defaults: Any) -> tuple[str, ...]:
    """Return options that differ from the defaults of the command line."""
    words: list[str] = []
    common = {"channel": 0, "plane": 0, "pixel_size": None, "device": "auto"}
    for name, default in {**defaults, **common}.items():
        value = getattr(request, name)
        if value != default:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return tuple(words)


def _forecast_command(request: ForecastStudyRequest, count: int) -> Any:
    from ..evaluation.commands import Command

    files = _files(request.movies, count)
    if files is None or request.labels is not None:
        return None
    options = _words(request, steps=5, judge="model", mode="mean", samples=1, seed=0)
    return Command(inputs=files, models=tuple(map(str, request.models)), at=request.at, options=options)


def _generator_command(request: GeneratorStudyRequest, count: int) -> Any:
    from ..evaluation.commands import Command

    files = _files(request.real, count)
    if files is None:
        return None
    options = _words(request, n=256, seed=0, truncation=1.0, classifier=None)
    return Command(inputs=files, models=(str(request.model),), options=options)


def page_work(study: Study, _token: JobToken) -> Path:
    """Write the report into a new temporary folder, for the browser."""
    return study.save(Path(tempfile.mkdtemp(prefix="cellsim-report-")) / "report.html")
