"""What the Evaluate dock computes away from the GUI thread. Nothing here knows Qt, a layer or a viewer."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import CellSimError, Event, JobToken, Progress
from .evaluate_request import BlindRequest, ForecastStudyRequest, GeneratorStudyRequest, Source
from .first_import import import_numerics
from .forecast_request import LayerSnapshot
from .model_use import loaded, one_at_a_time, processor_threads

if TYPE_CHECKING:
    from ..data import TimeLapse
    from ..evaluation import Assessment, AssessmentResult, GeneratorStudy, MovieStudy
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

    yield Progress(0, 0, "Reading the real pictures")
    real = open_sources(request.real, request.pixel_size, token)
    yield Progress(0, 0, "Loading the model")
    model = loaded(request.model)
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
    options = _words(request, n=256, seed=0, truncation=1.0)
    return Command(inputs=files, models=(str(request.model),), options=options)


def page_work(study: Study, _token: JobToken) -> Path:
    """Write the report into a new temporary folder, for the browser."""
    return study.save(Path(tempfile.mkdtemp(prefix="cellsim-report-")) / "report.html")


# ---- blind tests ----


@dataclass(frozen=True)
class Standing:
    """A blind test, and how far one assessor is.

    Attributes
    ----------
    test : Assessment
        The test.
    assessor : str
        Who; empty for nobody yet.
    done : tuple of int
        Numbers of the pictures that the assessor has judged.
    """

    test: Assessment
    assessor: str
    done: tuple[int, ...]


def blind_work(request: BlindRequest, token: JobToken) -> Generator[Event, None, Standing]:
    """Mix real and generated pictures into the folder of a blind test.

    Yields
    ------
    Progress
    """
    if _holds_test(request.folder):
        raise CellSimError(
            f"{request.folder} holds a blind test already: press Begin to go on with it, or name another folder."
        )
    yield Progress(0, 0, "Loading PyTorch")
    import_numerics()
    from ..evaluation import Assessment
    from ..evaluation.class_files import TrueClasses, read_classes
    from ..generation import Generated, generate_job, match_guides
    from ..generation.matching import Target

    yield Progress(0, 0, "Reading the real pictures")
    movies = open_sources(request.real, request.pixel_size, token)
    made = request.generated
    if isinstance(made, Generated):
        target: Any = Target(made.images.shape[-1], 1, 1, made.pixel_size)
        source = made.provenance.get("model", {})
    else:
        yield Progress(0, 0, "Loading the model")
        target = loaded(made)
        source = {"name": target.name, "hash": target.hash}
    real = np.concatenate([match_guides(movie, target).images[:, -1, 0] for movie in movies])
    token.check()
    if len(real) < request.each:
        raise CellSimError(
            f"There are {len(real)} real pictures, fewer than the {request.each} asked for: add some, or make a "
            "smaller test."
        )
    known = len(made.images) if isinstance(made, Generated) else None
    truth = (
        TrueClasses(None, None) if request.truth is None else read_classes(request.truth, len(real), known)
    )
    if not isinstance(made, Generated):
        with one_at_a_time(token), processor_threads(request.threads):
            made = yield from generate_job(
                target, request.each, request.seed, 1.0, device=request.device, token=token
            )
    yield Progress(0, 0, "Mixing the pictures")
    test = Assessment.create(
        request.folder,
        real,
        made.images[:, -1, 0],
        each=request.each,
        seed=request.seed,
        classes=request.classes or truth.names,
        real_classes=truth.real,
        generated_classes=truth.generated,
        sources={"real": [movie.name for movie in movies], "model": source},
    )
    return Standing(test, "", ())


def standing_work(folder: Path, assessor: str, _token: JobToken) -> Standing:
    """Open a blind test for an assessor.

    Raises
    ------
    CellSimError
        If there is none in the folder, or the assessor has no name.
    """
    test = _open_test(folder)
    pending = set(test.pending(assessor))
    name = " ".join(assessor.split())
    return Standing(test, name, tuple(n for n in range(len(test)) if n not in pending))


def results_work(folder: Path, assessor: str, _token: JobToken) -> AssessmentResult:
    """Compare the answers with the key, unless the assessor is in the middle of the test.

    Raises
    ------
    CellSimError
        If results would come too early, or there is no key or no answer.
    """
    test = _open_test(folder)
    if assessor.strip():
        done = len(test) - len(test.pending(assessor))
        if 0 < done < len(test):
            raise CellSimError(
                f"{assessor.strip()} has judged {done} of {len(test)} pictures: results are shown after the last one, "
                "so that they do not influence the rest."
            )
    return test.results()


def _holds_test(folder: Path) -> bool:
    from ..evaluation.assessment import PICTURES

    return (folder / PICTURES).exists()


def _open_test(folder: Path) -> Assessment:
    from ..evaluation import Assessment

    if not _holds_test(folder):
        raise CellSimError(
            f"There is no blind test in {folder}: make it first, or choose the folder of another one."
        )
    return Assessment(folder)
