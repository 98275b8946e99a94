"""Forecast a time-lapse: check the input, roll the model out, bring everything back to the user's grid."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ..base import CellSimError, Clock, Event, JobToken, hash_array, now, run, versions
from ..data import Scale, TimeLapse, check_frames, fit_scale, open_timelapse
from ..data.regions import Region, clip_region
from .forecast import Forecast
from .uncertainty import half_width

if TYPE_CHECKING:
    from ..models import Model
    from .rolling import Collected
    from .sources import FlowSource, SegmentationSource


Mode = Literal["mean", "sample"]
"""The average of all futures, which has the smallest expected error, or single possible ones."""

# Pixels of surroundings that a region is given on each side, so that its border is not guessed.
CONTEXT = 32
# Largest tile edge in pixels of the model's grid; halved after an out-of-memory error, down to the smallest.
TILE, SMALLEST_TILE = 512, 256


@dataclass(frozen=True)
class FrameReady(Event):
    """A predicted frame, sent as soon as it exists.

    Attributes
    ----------
    step : int
        0 for the first frame after the last one seen.
    region : int
        Index of the region, 0 for the whole image.
    frame : ndarray
        (Y, X) float32 in the movie's units and on its grid.
    sample : int
        Index of the possible future, 0 for the first or only one.
    """

    step: int
    region: int
    frame: np.ndarray
    sample: int = 0


@dataclass(frozen=True)
class _Request:
    """Everything `forecast_job` was asked for, checked."""

    movie: TimeLapse
    model: Model
    steps: int
    at: int
    channel: int
    plane: int
    history: list[int]
    scale: Scale
    zoom: float
    flow: FlowSource
    segmentation: SegmentationSource
    keep_kernels: bool
    device: str
    warnings: list[str]
    mode: Mode
    samples: int
    seed: int

    @property
    def network(self) -> Any:
        """The network that the mode asks for."""
        return self.model.network if self.mode == "mean" else self.model.networks["sampler"]


def predict(
    movie: TimeLapse | str | Path | np.ndarray | Any,
    model: Model | str = "sdcnet-default",
    steps: int = 5,
    at: int | None = None,
    **options: Any,
) -> Forecast | list[Forecast]:
    """Forecast the frames that follow frame `at`.

    Parameters
    ----------
    movie : TimeLapse or anything that `open_timelapse` reads
        The past; frames after `at` are never looked at.
    model : Model or str
        An SDC-Net++ model, or a bundled name or file.
    steps : int
        Number of frames to predict, at least 1.
    at : int, optional
        Index of the last frame the forecast may see; the movie's last frame if not given.
    **options
        As for `forecast_job`.

    Returns
    -------
    Forecast or list of Forecast
        A list, one entry per region, if `regions` was given.

    Raises
    ------
    CellSimError
        With one sentence, if something about the input is wrong.
    """
    return run(forecast_job(movie, model, steps=steps, at=at, **options))


def forecast_job(
    movie: TimeLapse | str | Path | np.ndarray | Any,
    model: Model | str = "sdcnet-default",
    *,
    steps: int = 5,
    at: int | None = None,
    flow: FlowSource = "model",
    segmentation: SegmentationSource = "model",
    channel: int = 0,
    plane: int = 0,
    regions: Sequence[Region] | None = None,
    device: str = "auto",
    keep_kernels: bool = False,
    pixel_size: float | None = None,
    mode: Mode = "mean",
    samples: int = 1,
    seed: int = 0,
    token: JobToken | None = None,
) -> Generator[Event, None, Forecast | list[Forecast]]:
    """Forecast as a job: yields progress and frames, returns what `predict` returns.

    Parameters
    ----------
    movie, model, steps, at
        See `predict`.
    flow : "model", "classical", Model or ndarray
        Backward flow between past frames: the model's partner PWC-Net, iterative Lucas-Kanade of scikit-image,
        another PWC-Net, or an array (T, 2, Y, X) in px of the movie (after which the predicted flow stands in).
    segmentation : "model", "none", Model or ndarray
        Class maps of past frames: the model's partner U-Net, nothing, another U-Net, instance labels (T, Y, X) or
        (Y, X) (0 background, -1 trap, positive cells), or class probabilities (T, 4, Y, X).
    channel, plane : int
        Which channel and focal plane of the movie.
    regions : sequence of (y0, y1, x0, x1), optional
        Rectangles in px, each forecast by itself in its place; the whole image if not given.
    device : str
        See `devices`.
    keep_kernels : bool
        Keep the adaptive kernels in the result (2 K numbers per pixel and step).
    pixel_size : float, optional
        µm; overrides the movie's own.
    mode : {"mean", "sample"}
        One answer with the smallest expected error, which is blurred where the future is open, and its uncertainty if
        the model knows it; or sharp guesses, each of one possible future, from models that have a sampler.
    samples : int
        Number of guesses, with the mode "sample".
    seed : int
        Of the first guess; the next ones count on from it.
    token : JobToken, optional
        To cancel or pause.

    Yields
    ------
    Progress or FrameReady

    Notes
    -----
    Networks see the field in overlapping tiles of at most 512 px, so that memory grows only with the maps that are
    kept: about 1 GB for 2048² px on the model's grid. Out of memory, tiles are halved once before giving up.
    """
    token = token or JobToken()
    request = _check(
        movie, model, steps, at, flow, segmentation, channel, plane, device, keep_kernels, pixel_size, mode, samples,
        seed,
    )  # fmt: skip
    boxes = [clip_region(r, request.movie) for r in regions] if regions is not None else [None]
    if not boxes:
        raise CellSimError("No region is given; draw at least one rectangle or forecast the whole image.")
    clock, results = Clock(steps * samples * len(boxes), "Frame"), []
    yield clock.progress()
    for index, box in enumerate(boxes):
        results.append((yield from _forecast_region(request, box, index, clock, token)))
    return results if regions is not None else results[0]


def _check(
    movie: Any, model: Any, steps: int, at: int | None, flow: Any, segmentation: Any, channel: int, plane: int,
    device: str, keep_kernels: bool, pixel_size: float | None, mode: Mode, samples: int, seed: int,
) -> _Request:  # fmt: skip
    from .sources import frames_only

    movie, model, at = open_inputs(movie, model, at, pixel_size)
    if steps < 1:
        raise CellSimError(f"The number of steps is {steps}; it must be at least 1.")
    _check_mode(model, mode, samples, seed)
    history = list(range(max(0, at + 1 - model.network.config.frames), at + 1))
    frames = movie.array(history, channel=channel, plane=plane)
    check_frames(frames, movie.name)
    warnings = calibration_warnings(movie, model)
    if frames_only(model) and not (isinstance(flow, str) and flow == "model"):
        warnings.append(
            f"Model {model.name!r} looks at frames alone; the flow that was asked for is not used."
        )
    return _Request(
        movie, model, steps, at, channel, plane, history, fit_scale(frames), model.card.zoom(movie.pixel_size), flow,
        segmentation, keep_kernels, device, warnings, mode, samples, seed,
    )  # fmt: skip


def open_inputs(
    movie: Any, model: Any, at: int | None, pixel_size: float | None
) -> tuple[TimeLapse, Model, int]:
    """Return movie, model and the index of the last frame that may be seen, as `predict` takes them, opened.

    Raises
    ------
    CellSimError
        If one of them cannot be read, the model does not forecast, or there is no such frame or pixel size.
    """
    from ..models import load_model

    if not isinstance(movie, TimeLapse):
        movie = open_timelapse(movie)
    if pixel_size is not None:
        movie = movie.with_calibration(pixel_size=pixel_size)
    if isinstance(model, str | Path):
        model = load_model(model)
    if model.kind != "sdcnet":
        raise CellSimError(
            f"Model {model.name!r} is a {model.kind}, which cannot forecast; choose an SDC-Net++ model."
        )
    at = movie.n_times - 1 if at is None else at
    if not 0 <= at < movie.n_times:
        raise CellSimError(
            f"The last frame to use is {at}, but {movie.name!r} has frames 0 to {movie.n_times - 1}; choose one of "
            "them."
        )
    return movie, model, at


def _check_mode(model: Model, mode: Mode, samples: int, seed: int) -> None:
    if mode not in get_args(Mode):
        raise CellSimError(f"The mode {mode!r} is unknown; it is 'mean' or 'sample'.")
    if samples < 1 or seed < 0:
        raise CellSimError(
            f"There are to be {samples} samples from seed {seed}; the first must be at least 1, the other at least 0."
        )
    if mode == "mean" and samples > 1:
        raise CellSimError("There is only one mean forecast; choose mode='sample' for several samples.")
    if mode == "sample" and "sampler" not in model.networks:
        raise CellSimError(
            f"Model {model.name!r} makes mean forecasts only; choose mode='mean', or a model that has a sampler."
        )


def calibration_warnings(movie: TimeLapse, model: Model) -> list[str]:
    """Say in plain sentences how the movie's calibration differs from what the model was trained on."""
    size, card, said = movie.pixel_size, model.card, []
    if card.pixel_size:
        if size is None:
            said.append(
                f"The pixel size of {movie.name!r} is unknown; {card.pixel_size:g} µm is assumed, as the model was "
                "trained on."
            )
        elif not 0.4 <= size / card.pixel_size <= 2.6:
            said.append(
                f"The pixel size is {size:g} µm, far from the model's {card.pixel_size:g} µm; expect less accuracy."
            )
    if card.interval:
        if movie.interval is None:
            said.append(
                f"The frame interval of {movie.name!r} is unknown; the model was trained on {card.interval:g} minutes."
            )
        elif not 0.5 <= movie.interval / card.interval <= 2.0:
            said.append(
                f"The frame interval is {movie.interval:g} min, unlike the model's {card.interval:g} min; growth and "
                "motion per frame differ."
            )
    return said


def _forecast_region(
    request: _Request, box: Region | None, index: int, clock: Clock, token: JobToken
) -> Generator[Event, None, Forecast]:
    from ..models.hardware import choose_device, free_memory, is_out_of_memory
    from .rolling import collect, steps_of
    from .sources import frames_only

    device = choose_device(request.device)
    movie = request.movie
    y0, y1, x0, x1 = box or (0, movie.height, 0, movie.width)
    top, left = max(0, y0 - CONTEXT), max(0, x0 - CONTEXT)
    window = (slice(top, min(movie.height, y1 + CONTEXT)), slice(left, min(movie.width, x1 + CONTEXT)))
    frames = movie.array(request.history, channel=request.channel, plane=request.plane)
    inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    tile = TILE
    first: list[Collected] = []
    futures: list[list[np.ndarray]] = []
    for sample in range(request.samples):
        if sample and frames_only(request.model):  # cells are shown of the first sample alone
            request = replace(request, segmentation="none")
        done: list[Collected] = []
        while len(done) < request.steps:
            steps: Iterator[Any] = steps_of(
                request, frames, window, device, tile, request.seed + sample, token
            )
            try:
                for _ in range(len(done)):
                    next(steps)
                while len(done) < request.steps:
                    done.append(collect(next(steps), request, inner))
                    yield FrameReady(len(done) - 1, index, done[-1].frame, sample)
                    yield clock.progress(1)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if tile <= SMALLEST_TILE:
                    raise CellSimError(
                        f"The memory of {device} is not enough for this forecast even in tiles of {tile} px; choose "
                        "a smaller region, another device or a smaller model."
                    ) from error
                tile //= 2
                free_memory(device)
        first = first or done  # of the other samples' maps nothing is kept
        futures.append([step.frame for step in done])
    return _assemble(request, (y0, y1, x0, x1), first, futures, frames, str(device), tile)


def _assemble(
    request: _Request, box: Region, done: list[Collected], futures: list[list[np.ndarray]], frames: np.ndarray,
    device: str, tile: int,
) -> Forecast:  # fmt: skip
    y0, y1, x0, x1 = box
    movie = request.movie.crop(y0, y1, x0, x1)
    stack = {
        name: None if getattr(done[0], name) is None else np.stack([getattr(d, name) for d in done])
        for name in ("flow", "kernel_v", "kernel_h", "kernel_deviation", "segmentation", "scale")
    }
    model, scale = request.model, stack["scale"]
    provenance = {
        "kind": "predicted",
        "model": {"name": model.name, "hash": model.hash},
        "flow": done[0].flow_source,
        "segmentation": done[0].segmentation_source,
        "config": {
            "steps": request.steps,
            "at": request.at,
            "channel": request.channel,
            "plane": request.plane,
            "region": [y0, y1, x0, x1],
            "pixel_size": movie.pixel_size,
            "zoom": request.zoom,
            "tile": tile,
            "mode": request.mode,
            "samples": request.samples,
            "seed": request.seed,
            "intensity": {"offset": request.scale.offset, "gain": request.scale.gain},
        },
        "input": {"source": movie.source, "frames": request.history, "hash": hash_array(frames)},
        "warnings": [*request.warnings, *model.warnings],
        "device": device,
        "versions": versions(),
        "time": now(),
    }
    assert stack["flow"] is not None
    return Forecast(
        frames=np.array(futures)[:, :, None],
        flow=stack["flow"],
        kernels_v=stack["kernel_v"],
        kernels_h=stack["kernel_h"],
        kernel_deviation=stack["kernel_deviation"],
        segmentation=stack["segmentation"],
        uncertainty=None if scale is None else half_width(scale, model.card.calibration)[:, None],
        at=request.at,
        channel=request.channel,
        plane=request.plane,
        n_channels=movie.n_channels,
        n_planes=movie.n_planes,
        pixel_size=movie.pixel_size,
        interval=movie.interval,
        origin=movie.origin,
        placement=movie.placement,
        trap_id=movie.trap_id,
        name=movie.name,
        provenance=provenance,
    )
