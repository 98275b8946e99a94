"""What the Generate dock computes away from the GUI thread. Nothing here knows Qt, a layer or a viewer."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..base import CellSimError, Event, JobToken, Progress
from .first_import import import_numerics
from .forecast_request import LayerSnapshot
from .generate_request import (
    Computing,
    GenerateRequest,
    GuideRequest,
    MixRequest,
    ScalesRequest,
    WalkRequest,
)
from .model_use import loaded, one_at_a_time, processor_threads
from .opening import MODEL_SUFFIX

if TYPE_CHECKING:
    from ..generation import Generated

Making = Generator[Event, None, "Generated"]
Made = TypeVar("Made")


@dataclass(frozen=True)
class GuideReady(Event):
    """The first guide as the model sees it, (T, C, Y, X) in its own intensity units."""

    image: np.ndarray


@dataclass(frozen=True)
class Found:
    """What was found in files.

    Attributes
    ----------
    pictures : list of Generated
        Saved generated pictures.
    models : list of Path
        Model files, to be put on the list.
    """

    pictures: list[Any] = field(default_factory=list)
    models: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Scales:
    """One picture and all its scales, side by side.

    Attributes
    ----------
    picture : Generated
        The picture.
    sheet : ndarray
        (H, W) or, in colour, (H, W, 3), see `generation.scale_sheet`.
    """

    picture: Any
    sheet: np.ndarray


def device_names(_token: JobToken) -> list[str]:
    """Return the devices of this machine."""
    from ..models.hardware import devices

    return devices()


def pixel_size_of(source: LayerSnapshot) -> float | None:
    """Return the pixel size, µm, that a layer or its file states."""
    from ..data import open_timelapse

    return None if source.rgb else open_timelapse(source).pixel_size


def generate_work(request: GenerateRequest, token: JobToken) -> Making:
    """Make new pictures."""
    from ..generation import generate_job

    def start(model: Any, options: dict[str, Any]) -> Making:
        return generate_job(model, request.n, request.seed, request.truncation, request.noise, **options)

    return _with_model(request.computing, token, start)


def guide_work(request: GuideRequest, token: JobToken) -> Making:
    """Find the model's nearest pictures to guides.

    Yields
    ------
    Progress, GuideReady, PicturesReady or RefinementReady
    """
    from ..data import open_timelapse
    from ..generation import encode_job, match_guides
    from ..generation.encoding import check_guidable

    yield Progress(0, 0, "Reading the guide")
    movie = open_timelapse(request.source)
    index = dict(zip(movie.axes, request.index, strict=False))
    where = {"at": index.get("T", 0), "channel": index.get("C", 0), "plane": index.get("Z", 0)}
    where |= {"regions": request.regions, "pixel_size": request.pixel_size}

    def start(model: Any, options: dict[str, Any]) -> Making:
        check_guidable(model)
        # shown before there is any result, which may take long
        yield GuideReady(match_guides(movie, model, **where).images[0])
        refinement = {"space": request.space, "refine_steps": request.refine_steps}
        return (yield from encode_job(model, movie, **where, **refinement, **options))

    return (yield from _with_model(request.computing, token, start))


def refine_work(computing: Computing, pictures: Generated, steps: int, space: str, token: JobToken) -> Making:
    """Bring look-alikes nearer to their guides."""
    from ..generation import project_job

    def start(model: Any, options: dict[str, Any]) -> Making:
        return project_job(model, pictures, steps=steps, space=space, **options)

    return _with_model(computing, token, start)


def walk_work(request: WalkRequest, token: JobToken) -> Making:
    """Go from picture to picture."""
    from ..generation import interpolate_job

    def start(model: Any, options: dict[str, Any]) -> Making:
        how = {"steps": request.steps, "space": request.space, "loop": request.loop}
        return interpolate_job(model, request.pictures, **how, **options)

    return _with_model(request.computing, token, start)


def mix_work(request: MixRequest, token: JobToken) -> Making:
    """Mix styles."""
    from ..generation import mix_job

    def start(model: Any, options: dict[str, Any]) -> Making:
        return mix_job(model, request.sources, request.destinations, request.layer, **options)

    return _with_model(request.computing, token, start)


def scales_work(request: ScalesRequest, token: JobToken) -> Generator[Event, None, Scales]:
    """Draw one picture at every scale."""
    from ..generation import scale_sheet, scales

    def start(model: Any, options: dict[str, Any]) -> Generator[Event, None, Scales]:
        yield Progress(0, 0, "Drawing all scales")
        return Scales(request.picture, scale_sheet(scales(model, request.picture, **options)))

    return _with_model(request.computing, token, start)


class EditSession:
    """One picture, ready to be changed along principal directions again and again.

    Parameters
    ----------
    computing : Computing
        Model and device.
    picture : Generated
        One picture.
    count : int
        Number of directions.
    token : JobToken
        To cancel.
    """

    def __init__(self, computing: Computing, picture: Generated, count: int, token: JobToken) -> None:
        from ..generation import Editor

        self._computing, self._picture = computing, picture
        model = loaded(computing.model)
        with one_at_a_time(token), processor_threads(computing.threads):
            directions = _directions(model, count, computing.device)
            self._editor = Editor(model, picture, directions=directions, device=computing.device)
        self.variances = tuple(float(share) for share in directions.explained)

    def fits(self, computing: Computing, picture: Generated) -> bool:
        """Whether it is about this picture of this model."""
        return computing == self._computing and picture is self._picture

    def edit(self, weights: Sequence[float], token: JobToken) -> Generated:
        """Return the picture moved by weights in standard deviations."""
        with one_at_a_time(token), processor_threads(self._computing.threads):
            return self._editor.generated(weights)


@lru_cache(maxsize=2)
def _directions(model: Any, count: int, device: str) -> Any:
    """Find the principal directions of a model once: it takes a second, and a new picture needs no others."""
    from ..generation import directions

    return directions(model, count, device=device)


def open_paths(paths: list[Path], token: JobToken) -> Found:
    """Open saved generated pictures and name the model files.

    Raises
    ------
    CellSimError
        If a file is neither.
    """
    from ..generation import open_result

    models = [path for path in paths if path.suffix == MODEL_SUFFIX]
    pictures = []
    for path in paths:
        if path not in models:
            token.check()
            pictures.append(open_result(path))
    return Found(pictures, models)


def join(pictures: Sequence[Generated], at_least: int, what: str) -> Generated:
    """Return pictures that come from one model as one `Generated`.

    Raises
    ------
    CellSimError
        If there are fewer than `at_least`, or they do not belong together.
    """
    if len(pictures) < at_least:
        number = {1: "one picture", 2: "two pictures"}[at_least]
        raise CellSimError(
            f"{what} needs at least {number}; choose pictures with Add current or Add all in the Explore tab."
        )
    first = pictures[0]
    makers = [one.provenance.get("model", {}) for one in pictures]
    if any(maker.get("hash") != makers[0].get("hash") for maker in makers):
        names = ", ".join(sorted({str(maker.get("name")) for maker in makers}))
        raise CellSimError(f"{what} needs pictures of one model, but these come from several: {names}.")
    length = max(one.latents.shape[1] for one in pictures)
    whole: dict[str, Any] = {
        key: np.concatenate([getattr(one, key) for one in pictures])
        for key in ("images", "noise_seeds", "intensity")
    }
    whole["latents"] = np.concatenate(
        [np.repeat(one.latents, length // one.latents.shape[1], axis=1) for one in pictures]
    )
    with_z = all(one.z is not None for one in pictures)
    whole["z"] = np.concatenate([one.z for one in pictures]) if with_z else None
    return replace(first, **whole, guides=None, records=(), grid=None)


def _with_model(
    computing: Computing,
    token: JobToken,
    start: Callable[[Any, dict[str, Any]], Generator[Event, None, Made]],
) -> Generator[Event, None, Made]:
    """Load the model, wait for other jobs, and run the job that `start(model, options)` returns."""
    yield Progress(0, 0, "Loading the model")
    import_numerics()
    model = loaded(computing.model)
    with one_at_a_time(token), processor_threads(computing.threads):
        return (yield from start(model, {"device": computing.device, "token": token}))
