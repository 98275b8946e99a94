"""What the Blind test tab computes away from the GUI thread. Nothing here knows Qt, a layer or a viewer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import CellSimError, Event, JobToken, Progress
from .evaluate_request import BlindRequest
from .evaluate_work import open_sources
from .first_import import import_numerics
from .model_use import loaded, one_at_a_time, processor_threads

if TYPE_CHECKING:
    from ..evaluation import Assessment, AssessmentResult
    from ..evaluation.picture_sets import PictureSet
    from ..models import Model


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
    from ..evaluation.blind_sets import alike
    from ..evaluation.class_files import TrueClasses, read_classes

    yield Progress(0, 0, "Loading the models")
    models = [loaded(model) for model in request.models]
    yield Progress(0, 0, "Reading the real pictures")
    real, photographs = _real(request, models, token)
    token.check()
    made, truth = request.generated, TrueClasses(None, None)
    if request.truth is not None:
        truth = read_classes(request.truth, len(real), None if made is None else len(made))
    with one_at_a_time(token), processor_threads(request.threads):
        generated = yield from _generated(request, models, photographs, token)
    if truth.names:
        real, generated = real.called(truth.real), generated.called(truth.generated)
    elif photographs:
        real, generated = alike(real, generated, request.each, request.seed)
    if len(real) < request.each:
        raise CellSimError(
            f"There are {len(real)} real pictures, fewer than the {request.each} asked for: add some, or make a "
            "smaller test."
        )
    yield Progress(0, 0, "Mixing the pictures")
    known = tuple(sorted({*(real.classes or ()), *(generated.classes or ())}))
    asked = request.classes or (known if len(known) > 1 or truth.names else ())
    test = Assessment.create(
        request.folder,
        real.shown,
        generated.shown,
        each=request.each,
        seed=request.seed,
        classes=asked,
        real_classes=real.classes if asked else None,
        generated_classes=generated.classes if asked else None,
        sources={"real": real.name, "models": [{"name": m.name, "hash": m.hash} for m in models]},
    )
    return Standing(test, "", ())


def _real(request: BlindRequest, models: list[Model], token: JobToken) -> tuple[PictureSet, bool]:
    """Return the real pictures as the generated ones are, and whether they are photographs of specimens."""
    from ..evaluation.picture_sets import (
        Look,
        draws_photographs,
        frames_of,
        joined,
        look_of,
        open_photographs,
    )
    from ..generation.matching import Target

    made = request.generated
    if any(map(draws_photographs, models)) or (made is not None and made.colour):
        look = look_of(models[0]) if models else Look(made.images.shape[-1], made.images.shape[2])
        return joined([open_photographs(source, look, token) for source in request.real]), True
    movies = open_sources(request.real, request.pixel_size, token)
    target: Any = models[0] if made is None else Target(made.images.shape[-1], 1, 1, made.pixel_size)
    return frames_of(movies, target, 0, 0), False


def _generated(
    request: BlindRequest, models: list[Model], photographs: bool, token: JobToken
) -> Generator[Event, None, PictureSet]:
    """Return the pictures that were brought; or as many of each model as the test needs, as equally as can be."""
    from ..evaluation.blind_sets import shares_of
    from ..evaluation.picture_sets import drawn, joined, of_generated
    from ..generation import generate_job

    if request.generated is not None:
        return of_generated(request.generated, models[0] if models else None, photographs=photographs)
    parts = []
    for number, (model, count) in enumerate(zip(models, shares_of(request.each, len(models)), strict=True)):
        pictures = yield from generate_job(
            model, count, request.seed + number, 1.0, device=request.device, token=token
        )
        parts.append(drawn(model, pictures))
    return joined(parts)


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
