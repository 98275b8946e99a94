"""Evaluate generated pictures: distances to real ones, copies, walks, grids, and what the sizes forbid to conclude."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, Event, JobToken, Progress, now, run, versions
from .class_assessment import assess_classes
from .commands import Command
from .convergence import change_of_previews
from .feature_files import Features, of_pictures
from .generator_results import Copies, Distances, GeneratorStudy, Grid, Walks
from .memorising import memorisation, walk_steps
from .picture_sets import (
    Look,
    PictureSet,
    classes_of,
    drawn,
    draws_photographs,
    frames_of,
    joined,
    look_of,
    open_photographs,
)
from .sheets import mosaic, photographs
from .small_samples import frechet_of_halves, inception_score, size_warnings
from .spectrum import FEWEST_PICTURES, PERIODS, grid_artefact

if TYPE_CHECKING:
    from ..models import Model

SMALL = 32
"""Side in px at which copies are sought: at full size, noise hides them."""
SHOWN = 40


def evaluate_generator(real: Sequence[Any], model: Model | None = None, **options: Any) -> GeneratorStudy:
    """Evaluate a generator; parameters as `evaluate_generator_job`."""
    return run(evaluate_generator_job(real, model, **options))


def evaluate_generator_job(
    real: Sequence[Any],
    model: Model | None = None,
    *,
    pictures: Any = None,
    name: str | None = None,
    n: int = 256,
    seed: int = 0,
    truncation: float = 1.0,
    encoder: str | Model = "unet-lite",
    features: tuple[Features, Features] | None = None,
    probabilities: npt.NDArray[Any] | None = None,
    probabilities_from: str | None = None,
    previews: str | Path | None = None,
    channel: int = 0,
    plane: int = 0,
    device: str = "auto",
    command: Command | None = None,
    token: JobToken | None = None,
) -> Generator[Event, None, GeneratorStudy]:
    """Evaluate a generator as a job: yields progress, returns a `GeneratorStudy`.

    Parameters
    ----------
    real : sequence of TimeLapse
        Real pictures, every frame one. For a model they are cut and resampled as guides are. May be empty with
        `features`. Where photographs of specimens are judged: anything that `picture_sets.open_photographs` takes.
    model : Model, optional
        A Cell-GAN, an MSG-GAN or an autoencoder.
    pictures : array (N, Y, X), optional
        Generated pictures of any other generator, as it left them, of the size of the real ones. Of photographs:
        anything that `picture_sets.open_photographs` takes.
    name : str, optional
        What to call the generator of these pictures or features.
    n, seed, truncation
        As `generate`: pictures of the model.
    encoder : str or Model
        Segmentation network whose bottleneck describes pictures of traps; or a classifier of specimens, trained on real
        pictures alone, whose features describe photographs, and which is asked what classes it sees in them.
    features : (Features, Features), optional
        Of real and generated pictures, made elsewhere; instead of the encoder's.
    probabilities : array (N, C), optional
        Class probabilities of an Inception network for generated pictures.
    probabilities_from : str, optional
        The name of that network, and how pictures were brought to it; needed with them.
    previews : path, optional
        Run folder of the generator's training.
    channel, plane : int
        Of the real pictures, where they are no photographs.
    device : str
        See `forecasting.devices`.
    command : Command, optional
        The command line that asks for the same.
    token : JobToken, optional
        To cancel or pause.

    Raises
    ------
    CellSimError
        If something is missing or does not fit.
    """
    token = token or JobToken()
    _check(real, model, pictures, features, probabilities, probabilities_from)
    judge = _judge(encoder, model)
    total = 6
    yield Progress(0, total, "Reading real pictures")
    truth, made = _given(real, pictures, model, judge, (channel, plane), token)
    yield Progress(1, total, "Drawing pictures")
    generator = dict[str, Any](name=name or "pictures given")
    if model is not None:
        from ..generation import generate_job

        made = drawn(model, run(generate_job(model, n, seed, truncation, device=device, token=token)))
        generator = {"name": model.name, "hash": model.hash, "n": n, "seed": seed, "truncation": truncation}
    truth = _alike(truth, made, model)
    yield Progress(2, total, "Describing pictures")
    if features is None:
        if truth is None or made is None or truth.images.shape[1:] != made.images.shape[1:]:
            sizes = ["no size" if one is None else one.size for one in (truth, made)]
            raise CellSimError(
                f"Real pictures of {sizes[0]} and generated ones of {sizes[1]} cannot be compared: bring both to one "
                "size."
            )
        if truth.photographs and judge is None:
            raise CellSimError(
                "The bundled encoder knows traps of cells, not photographs of specimens: give a classifier that was "
                "trained on these specimens, or your own features of both."
            )
        first, second = (
            of_pictures(one.described, truth.pixel_size, judge or encoder, token, device)
            for one in (truth, made)
        )
    else:
        first, second = features
    if first.identity != second.identity:
        raise CellSimError(
            f"Real features are of {first.identity} and generated ones of {second.identity}: take both from one "
            "extractor."
        )
    yield Progress(3, total, "Measuring distances")
    distances = Distances.between(first.values, second.values, seed)
    halves = frechet_of_halves(first.values, seed=seed)
    said = size_warnings(
        len(first.values), len(second.values), first.values.shape[1], distances.frechet, halves
    )
    said += _origins(truth, len(first.values), len(real), model)
    recognised = None
    if judge is not None and made is not None:
        recognised, more = assess_classes(judge, made, truth, device=device, token=token)
        said += more
    yield Progress(4, total, "Looking for copies and grids")
    copies, sheets = _copies(truth, made)
    yield Progress(5, total, "Walking through the latent space")
    walks = None
    if model is not None and (judge is not None or not draws_photographs(model)):
        found = walk_steps(model, seed=seed, encoder=judge or encoder, device=device, token=token)
        walks = Walks(
            walks=found.steps.shape[0],
            steps=found.steps.shape[1],
            length=found.length,
            evenness=found.evenness,
            sharpest=found.sharpest,
            encoder=found.extractor,
        )
    yield Progress(6, total, "Done")
    return GeneratorStudy(
        command=None if command is None else command.text(),
        time=now(),
        versions=versions(),
        warnings=said,
        generator=generator,
        movies=0 if truth is None else truth.files,
        photographs=made is not None and made.photographs,
        extractor=first.extractor,
        preprocessing=first.preprocessing,
        distances=distances,
        reference=_reference(first.values, seed),
        halves=halves,
        inception=None
        if probabilities is None
        else inception_score(probabilities, min(10, len(probabilities))),
        inception_network=probabilities_from,
        recognised=recognised,
        copies=copies,
        walks=walks,
        grid=_grid(truth, made),
        epochs=_epochs(previews),
        sheets=sheets,
    )


def _check(
    real: Sequence[Any],
    model: Any,
    pictures: Any,
    features: Any,
    probabilities: Any,
    source: str | None,
) -> None:
    if sum(given is not None for given in (model, pictures)) > 1:
        raise CellSimError("Give a generating model or pictures that another one made, not both.")
    if features is None and (not real or (model is None and pictures is None)):
        raise CellSimError(
            "To judge generated pictures, give real ones and a generating model or its pictures, or features of both."
        )
    if probabilities is not None and not source:
        raise CellSimError(
            "Class probabilities were given without a name: say which Inception network made them, of pictures brought "
            "to it how; an Inception score without that means nothing."
        )


def _judge(encoder: str | Model, model: Model | None) -> Model | None:
    """Return the encoder if it is a classifier of specimens, which then judges photographs."""
    from ..models import load_model

    chosen = load_model(encoder) if isinstance(encoder, str) else encoder
    if chosen.kind != "classifier":
        return None
    if model is not None and not draws_photographs(model):
        raise CellSimError(
            f"Model {model.name!r} draws traps of cells, of which the classifier {chosen.name!r} knows nothing: leave "
            "the classifier out."
        )
    if model is not None and model.network.config.channels != chosen.network.config.channels:
        kinds = ["grey" if one.network.config.channels == 1 else "colour" for one in (model, chosen)]
        raise CellSimError(
            f"Model {model.name!r} draws {kinds[0]} pictures, but the classifier {chosen.name!r} was trained on "
            f"{kinds[1]} ones: give one that was trained on {kinds[0]} pictures."
        )
    return chosen


def _given(
    real: Sequence[Any],
    pictures: Any,
    model: Model | None,
    judge: Model | None,
    place: tuple[int, int],
    token: JobToken,
) -> tuple[PictureSet | None, PictureSet | None]:
    """Return the real pictures, and the generated ones that were brought."""
    seen = model if model is not None and draws_photographs(model) else judge
    look = None if seen is None else look_of(seen)
    images = pictures.images if isinstance(pictures, PictureSet) else pictures
    if look is None and np.ndim(images) == 4:
        look = Look(images.shape[-1], images.shape[1])
    if look is not None:
        truth = [open_photographs(one, look, token) for one in real]
        made = None if pictures is None else open_photographs(pictures, look, token)
        return joined(truth) if truth else None, made
    if pictures is not None and np.ndim(pictures) != 3:
        raise CellSimError(
            "Generated pictures are an array (N, Y, X), or (N, 3, Y, X) for photographs; a folder of photographs needs "
            "a classifier of these specimens, which says how to read it."
        )
    made = None if pictures is None else PictureSet(pictures[:, None], "the pictures given")
    return frames_of(real, model, *place) if real else None, made


def _alike(truth: PictureSet | None, made: PictureSet | None, model: Model | None) -> PictureSet | None:
    """Return the real pictures of the classes that are generated, where that is known."""
    names: Sequence[str] = classes_of(model) if model is not None else ()
    if made is not None and made.classes is not None:
        names = sorted(set(made.classes))
    return truth if truth is None or not names else truth.of_classes(names)


def _origins(truth: PictureSet | None, count: int, files: int, model: Model | None) -> list[str]:
    """Return what must be said of where the real pictures come from."""
    if truth is None:
        return []
    if not truth.photographs:
        if files >= count:
            return []
        warning = (
            f"The {count} real pictures come from {files} of your files. Frames of one movie resemble each other: they "
            "count for less than their number, copies seem rarer, and recall is of these few cells."
        )
        return [warning]
    said = list(truth.notes)
    learnt = set() if model is None else set(str(model.card.training.get("fingerprints", "")).split())
    known = sum(mark in learnt for mark in truth.marks or ())
    if known:
        said.append(
            f"The generator learnt from {known} of these {len(truth)} real pictures. That is right for finding copies, "
            "but distances to them do not say how near it comes to specimens that it never saw."
        )
    return said


def _copies(truth: PictureSet | None, made: PictureSet | None) -> tuple[Copies | None, dict[str, bytes]]:
    if truth is None or made is None or truth.images.shape[1:] != made.images.shape[1:]:
        return None, {}
    sheets = {
        "generated": _sheet(made, slice(SHOWN)),
        "real": _sheet(truth, np.linspace(0, len(truth) - 1, min(SHOWN, len(truth))).astype(int)),
    }
    if len(truth) < 3:
        return None, sheets
    found = memorisation(_reduced(made.images), _reduced(truth.images))
    order = found.nearest.argsort()[:8]
    both = np.concatenate([made.images[order], truth.images[found.nearest_index[order]]])
    pairs = PictureSet(both, made.name, photographs=made.photographs)
    sheets["nearest"] = _sheet(pairs, slice(None), len(order))
    copies = Copies(
        share=found.copies,
        threshold=found.threshold,
        smallest=float(found.nearest.min()),
        median=float(np.median(found.nearest)),
        nearest=[round(float(v), 5) for v in found.nearest],
        real=[round(float(v), 5) for v in found.real],
    )
    return copies, sheets


def _sheet(pictures: PictureSet, rows: Any, columns: int = 10) -> bytes:
    if pictures.photographs:
        return photographs(pictures.images[rows], columns)
    return mosaic(pictures.images[rows, 0], columns)


def _reduced(pictures: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return pictures (N, C, Y, X) at the size at which copies are sought."""
    from skimage.transform import resize

    side = min(SMALL, *pictures.shape[2:])
    layers = [resize(one.astype(np.float64), (side, side), anti_aliasing=True) for one in _layers(pictures)]
    return np.stack(layers).reshape(*pictures.shape[:2], side, side)


def _layers(pictures: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return every channel of pictures (N, C, Y, X) as a picture, (N · C, Y, X)."""
    return pictures.reshape(-1, *pictures.shape[2:])


def _reference(values: npt.NDArray[Any], seed: int) -> Distances | None:
    if len(values) < 8:
        return None
    order = np.random.default_rng(seed).permutation(len(values))
    half = len(values) // 2
    return Distances.between(values[order[:half]], values[order[half : 2 * half]], seed)


def _grid(truth: PictureSet | None, made: PictureSet | None) -> Grid | None:
    sets = [one.images for one in (made, truth) if one is not None]
    if len(sets) < 2 or any(len(s) < FEWEST_PICTURES or min(s.shape[2:]) < 2 * max(PERIODS) for s in sets):
        return None
    found = grid_artefact(_layers(sets[0]))
    return Grid(
        generated=found.strength,
        period=found.period,
        real=grid_artefact(_layers(sets[1])).strength,
        found=found.found,
    )


def _epochs(previews: str | Path | None) -> dict[str, Any] | None:
    if previews is None:
        return None
    change = change_of_previews(previews)
    return {
        "steps": list(change.names),
        "change": {str(side): [float(v) for v in values] for side, values in change.by_size.items()},
    }
