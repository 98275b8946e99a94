"""Evaluate generated pictures: distances to real ones, copies, walks, grids, and what the sizes forbid to conclude."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, Event, JobToken, Progress, now, run, versions
from ..data import TimeLapse
from .commands import Command
from .convergence import change_of_previews
from .feature_files import Features, of_pictures
from .generator_results import Copies, Distances, GeneratorStudy, Grid, Walks
from .memorising import memorisation, walk_steps
from .sheets import mosaic, pairs
from .small_samples import frechet_of_halves, inception_score, size_warnings
from .spectrum import FEWEST_PICTURES, PERIODS, grid_artefact

if TYPE_CHECKING:
    from ..models import Model

SMALL = 32
"""Side in px at which copies are sought: at full size, noise hides them."""

Pictures = npt.NDArray[np.float32]


def evaluate_generator(
    real: Sequence[TimeLapse], model: Model | None = None, **options: Any
) -> GeneratorStudy:
    """Evaluate a generator; parameters as `evaluate_generator_job`."""
    return run(evaluate_generator_job(real, model, **options))


def evaluate_generator_job(
    real: Sequence[TimeLapse],
    model: Model | None = None,
    *,
    pictures: Pictures | None = None,
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
        `features`.
    model : Model, optional
        A Cell-GAN or an autoencoder.
    pictures : array (N, Y, X), optional
        Generated pictures of any other generator, as it left them, of the size of the real ones.
    name : str, optional
        What to call the generator of these pictures or features.
    n, seed, truncation
        As `generate`: pictures of the model.
    encoder : str or Model
        Segmentation network whose bottleneck describes pictures.
    features : (Features, Features), optional
        Of real and generated pictures, made elsewhere; instead of the encoder's.
    probabilities : array (N, C), optional
        Class probabilities of an Inception network for generated pictures.
    probabilities_from : str, optional
        The name of that network, and how pictures were brought to it; needed with them.
    previews : path, optional
        Run folder of the generator's training.
    channel, plane : int
        Of the real pictures.
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
    total = 6
    yield Progress(0, total, "Reading real pictures")
    truth, size = _real(real, model, channel, plane) if real else (None, None)
    yield Progress(1, total, "Drawing pictures")
    made, generator = pictures, dict[str, Any](name=name or "pictures given")
    if model is not None:
        from ..generation import generate_job

        result = run(generate_job(model, n, seed, truncation, device=device, token=token))
        made = result.images[:, -1, 0]
        generator = {"name": model.name, "hash": model.hash, "n": n, "seed": seed, "truncation": truncation}
    yield Progress(2, total, "Describing pictures")
    if features is None:
        if truth is None or made is None or truth.shape[1:] != made.shape[1:]:
            raise CellSimError(
                f"Real pictures of {_size(truth)} and generated ones of {_size(made)} cannot be compared: bring both "
                "to one size."
            )
        features = (of_pictures(truth, size, encoder, token), of_pictures(made, size, encoder, token))
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
    if 0 < len(real) < len(first.values):
        said.append(
            f"The {len(first.values)} real pictures come from {len(real)} of your files. Frames of one movie resemble "
            "each other: they count for less than their number, copies seem rarer, and recall is of these few cells."
        )
    yield Progress(4, total, "Looking for copies and grids")
    copies, sheets = _copies(truth, made)
    yield Progress(5, total, "Walking through the latent space")
    walks = None
    if model is not None:
        found = walk_steps(model, seed=seed, encoder=encoder, device=device, token=token)
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
        movies=len(real),
        extractor=first.extractor,
        preprocessing=first.preprocessing,
        distances=distances,
        reference=_reference(first.values, seed),
        halves=halves,
        inception=None
        if probabilities is None
        else inception_score(probabilities, min(10, len(probabilities))),
        inception_network=probabilities_from,
        copies=copies,
        walks=walks,
        grid=_grid(truth, made),
        epochs=_epochs(previews),
        sheets=sheets,
    )


def _check(
    real: Sequence[TimeLapse],
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


def _real(
    real: Sequence[TimeLapse], model: Model | None, channel: int, plane: int
) -> tuple[Pictures, float | None]:
    """Return all real pictures (N, Y, X), as the model would see them, and their pixel size."""
    if model is None:
        stacks = [movie.array(channel=channel, plane=plane) for movie in real]
        size = real[0].pixel_size
    else:
        from ..generation import match_guides

        guides = [match_guides(movie, model, channel=channel, plane=plane) for movie in real]
        stacks, size = [g.images[:, -1, 0] for g in guides], guides[0].pixel_size
    if len({stack.shape[1:] for stack in stacks}) > 1:
        raise CellSimError(
            "The real pictures differ in size: crop them to one, or give a model to bring them to its own."
        )
    return np.concatenate(stacks), size


def _copies(truth: Pictures | None, made: Pictures | None) -> tuple[Copies | None, dict[str, bytes]]:
    if truth is None or made is None or truth.shape[1:] != made.shape[1:]:
        return None, {}
    found = memorisation(_reduced(made), _reduced(truth)) if len(truth) > 2 else None
    sheets = {
        "generated": mosaic(made[:40]),
        "real": mosaic(truth[np.linspace(0, len(truth) - 1, min(40, len(truth))).astype(int)]),
    }
    if found is None:
        return None, sheets
    order = found.nearest.argsort()[:8]
    sheets["nearest"] = pairs(made[order], truth[found.nearest_index[order]])
    copies = Copies(
        share=found.copies,
        threshold=found.threshold,
        smallest=float(found.nearest.min()),
        median=float(np.median(found.nearest)),
        nearest=[round(float(v), 5) for v in found.nearest],
        real=[round(float(v), 5) for v in found.real],
    )
    return copies, sheets


def _reduced(pictures: Pictures) -> Pictures:
    from skimage.transform import resize

    side = min(SMALL, *pictures.shape[1:])
    return np.stack([resize(p.astype(np.float64), (side, side), anti_aliasing=True) for p in pictures])


def _reference(values: npt.NDArray[Any], seed: int) -> Distances | None:
    if len(values) < 8:
        return None
    order = np.random.default_rng(seed).permutation(len(values))
    half = len(values) // 2
    return Distances.between(values[order[:half]], values[order[half : 2 * half]], seed)


def _grid(truth: Pictures | None, made: Pictures | None) -> Grid | None:
    sets = [s for s in (made, truth) if s is not None]
    if len(sets) < 2 or any(len(s) < FEWEST_PICTURES or min(s.shape[1:]) < 2 * max(PERIODS) for s in sets):
        return None
    found = grid_artefact(sets[0])
    return Grid(
        generated=found.strength, period=found.period, real=grid_artefact(sets[1]).strength, found=found.found
    )


def _epochs(previews: str | Path | None) -> dict[str, Any] | None:
    if previews is None:
        return None
    change = change_of_previews(previews)
    return {
        "steps": list(change.names),
        "change": {str(side): [float(v) for v in values] for side, values in change.by_size.items()},
    }


def _size(pictures: Pictures | None) -> str:
    return "no size" if pictures is None else f"{pictures.shape[1]} x {pictures.shape[2]} px"
