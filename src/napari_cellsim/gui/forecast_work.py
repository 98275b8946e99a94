"""What the Forecast dock computes away from the GUI thread. Nothing here knows Qt, a layer or a viewer."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import CellSimError, Event, JobToken, Progress
from .first_import import import_numerics
from .forecast_request import ForecastRequest, LayerSnapshot
from .model_use import loaded, one_at_a_time, processor_threads

if TYPE_CHECKING:
    from ..evaluation import ErrorCurve


@dataclass(frozen=True)
class Kernels:
    """Which kernels compute the operators.

    Attributes
    ----------
    line : str
        In one short line.
    why : str
        One line per device, with the reason.
    """

    line: str
    why: str


@dataclass(frozen=True)
class ForecastOutcome:
    """What comes back from a forecast.

    Attributes
    ----------
    forecast : Forecast
        The result; several regions are pasted into one field.
    parts : list of Forecast
        The regions, or the one result.
    layers : list of (data, dict, str)
        Layer data tuples, lowest first.
    curve : ErrorCurve or None
        Where the movie has frames after the last one used.
    kernels : Kernels or None
        Which kernels computed it; None for a forecast that was opened.
    """

    forecast: Any
    parts: list[Any]
    layers: list[tuple[Any, dict[str, Any], str]]
    curve: ErrorCurve | None
    kernels: Kernels | None


@dataclass(frozen=True)
class MovieFacts:
    """What the dock says about a layer before anything runs.

    Attributes
    ----------
    axes : str
        Axis letters.
    n_times, n_channels, n_planes, height, width : int
        Size.
    pixel_size, interval : float or None
        µm and minutes, where the file or the layer states them.
    """

    axes: str
    n_times: int
    n_channels: int
    n_planes: int
    height: int
    width: int
    pixel_size: float | None
    interval: float | None


def open_movie(snapshot: LayerSnapshot, axes: str | None) -> Any:
    """Open a layer as a TimeLapse with a time axis.

    Raises
    ------
    CellSimError
        If it is in colour, has one picture only, or cannot be a movie.
    """
    from ..data import open_timelapse

    name = snapshot.name
    if snapshot.rgb:
        raise CellSimError(
            f"Layer {name!r} is a colour (RGB) picture, but a forecast needs one grey value per pixel; convert it to "
            "greyscale or split its channels first."
        )
    if snapshot.ndim < 3:
        raise CellSimError(
            f"Layer {name!r} is a single picture without a time axis; choose a movie (T, Y, X), or stack your "
            "single-frame layers with the button in the Forecast dock."
        )
    movie = open_timelapse(snapshot, axes=axes)
    if not movie.axes.startswith("T"):
        raise CellSimError(
            f"Layer {name!r} has the axes {movie.axes}, but time must come first; open its file with the Forecast "
            "dock's Open button, which puts them in order."
        )
    if movie.n_times < 2:
        raise CellSimError(
            f"Layer {name!r} has one frame only; a forecast needs at least two frames in time."
        )
    return movie


def read_facts(movie: LayerSnapshot, axes: str | None) -> MovieFacts:
    """Look at a layer, and at the header of its file, without reading the frames."""
    opened = open_movie(movie, axes)
    return MovieFacts(
        opened.axes,
        opened.n_times,
        opened.n_channels,
        opened.n_planes,
        opened.height,
        opened.width,
        opened.pixel_size,
        opened.interval,
    )


def describe_kernels() -> Kernels:
    """Look up which compiled kernels are in use on the devices of this machine."""
    from .._cuda import report

    names = {"c++": "C++ (compiled)", "cuda": "CUDA (compiled)", "torch": "plain torch"}
    found = report()
    there = [
        status for status in found if status.device != "cuda"
    ]  # "cuda" without a number: there is no such GPU
    line = ", ".join(f"{status.device} {names[status.backend]}" for status in there)
    return Kernels(f"Kernels: {line}.", "\n".join(str(status) for status in found))


def forecast_work(request: ForecastRequest, token: JobToken) -> Generator[Event, None, ForecastOutcome]:
    """Read, load, forecast, compare and make layers; see `ForecastRequest` and `ForecastOutcome`.

    Yields
    ------
    Progress or FrameReady
    """
    yield Progress(0, 0, "Loading PyTorch")
    import_numerics()
    from ..evaluation import error_curve
    from ..forecasting import forecast_job, paste

    yield Progress(0, 0, "Reading the movie")
    movie = open_movie(request.movie, request.axes)
    movie = movie.with_calibration(pixel_size=request.pixel_size, interval=request.interval)
    segmentation = request.segmentation
    if not isinstance(segmentation, str):
        segmentation = _labels_for(segmentation, movie, request)
    yield Progress(0, 0, "Loading the model")
    model = loaded(request.model)
    flow = request.flow
    if flow not in ("model", "classical"):
        flow = loaded(flow)
    with one_at_a_time(token), processor_threads(request.threads):
        result = yield from forecast_job(
            movie,
            model,
            steps=request.steps,
            at=request.at,
            flow=flow,
            segmentation=segmentation,
            channel=request.channel,
            plane=request.plane,
            regions=request.regions,
            device=request.device,
            mode=request.mode,
            samples=request.samples,
            seed=request.seed,
            token=token,
        )
    yield Progress(request.steps, request.steps, "Making the layers", 0.0)
    parts = result if isinstance(result, list) else [result]
    forecast = parts[0] if len(parts) == 1 else paste((movie.height, movie.width), parts)
    return ForecastOutcome(
        forecast=forecast,
        parts=parts,
        layers=forecast.to_layers(),
        curve=error_curve(movie, parts),
        kernels=describe_kernels(),
    )


@dataclass(frozen=True)
class Preview:
    """What is known of a forecast before it runs.

    Attributes
    ----------
    seconds : float
        Expected time.
    memory_bytes : int
        Expected memory.
    warnings : list of str
        How the movie differs from what the model was trained on.
    devices : list of str
        Devices of this machine.
    kernels : Kernels
        Which kernels will compute it.
    """

    seconds: float
    memory_bytes: int
    warnings: list[str]
    devices: list[str]
    kernels: Kernels


def preview(request: ForecastRequest, token: JobToken) -> Preview:
    """Estimate a forecast."""
    import_numerics()
    from ..forecasting import calibration_warnings, devices, estimate

    movie = open_movie(request.movie, request.axes)
    movie = movie.with_calibration(pixel_size=request.pixel_size, interval=request.interval)
    model = loaded(request.model)
    with one_at_a_time(token), processor_threads(request.threads):
        cost = estimate(movie, model, request.steps, request.regions, request.device)
    return Preview(
        cost.seconds * request.samples,
        cost.memory_bytes,
        calibration_warnings(movie, model),
        devices(),
        describe_kernels(),
    )


def _labels_for(data: Any, movie: Any, request: ForecastRequest) -> np.ndarray:
    """Bring the data of a Labels layer to (Y, X) or (T, Y, X)."""
    labels = np.asarray(data)
    if labels.ndim == len(movie.axes) and labels.ndim > 3:
        for axis in reversed(range(labels.ndim)):
            letter = movie.axes[axis]
            if letter in "CZ":
                wanted = request.channel if letter == "C" else request.plane
                labels = labels.take(min(wanted, labels.shape[axis] - 1), axis=axis)
    if labels.ndim not in (2, 3) or labels.shape[-2:] != (movie.height, movie.width):
        raise CellSimError(
            f"The Labels layer has the shape {np.shape(data)}, which does not fit {movie.name!r} with frames of "
            f"{movie.height} × {movie.width} px; choose labels of the same size, or set Segmentation to 'model'."
        )
    return labels
