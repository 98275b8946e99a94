"""Forecast one movie with the truth at hand, and say how good the forecast is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, JobToken
from ..data import TimeLapse
from ..forecasting import Forecast, predict
from ..forecasting.prediction import Mode
from ..forecasting.uncertainty import LEVEL
from .baselines import blurred_copy_last, constant_flow, copy_last, tune_sigma
from .cells import GIVEN, Judge, TrueCells, judge_for, judged_frames, label_windows
from .region import region_of
from .report import BASELINES, Method, Report, Scores
from .scoring import score_horizons

if TYPE_CHECKING:
    from ..models import Model

RECENT_FRAMES = 12
"""So many visible frames feed the baselines and tune the blur: enough for 5 steps, and cheap for a long
movie."""

Frames = npt.NDArray[np.float32]


def evaluate(
    movie: TimeLapse,
    model: Model,
    *,
    at: int,
    steps: int = 5,
    cells: Any = None,
    labels: Any = None,
    judge: Any = None,
    sigma: Sequence[float] | None = None,
    sequence: str | None = None,
    **options: Any,
) -> Report:
    """Forecast a movie from frame `at` and compare with the frames that follow.

    Parameters
    ----------
    movie : TimeLapse
    model : Model
    at : int
        Index of the last frame that model and baselines may see.
    steps : int
        Frames to predict; horizons beyond the end of the movie have no truth and are left out.
    cells, sigma, sequence
        As `assess`.
    labels, judge
        As `find_cells`; not used where `cells` are given.
    **options
        As `predict`; `regions` may hold one rectangle. With ``mode="sample"`` and `samples`, what a single sample
        scores stands beside what their mean and all together do.

    Returns
    -------
    Report

    Raises
    ------
    CellSimError
        As `predict`, and if no frame follows `at` or there are several regions.
    """
    check_start(movie, at)
    found = predict(movie, model, steps=steps, at=at, **options)
    forecasts = found if isinstance(found, list) else [found]
    if len(forecasts) != 1:
        raise CellSimError(
            f"{len(forecasts)} regions were given, but one report is about one: evaluate each by itself."
        )
    chosen = None
    if cells is None:
        known = {key: options[key] for key in ("segmentation", "device") if key in options}
        cells, chosen = find_cells(movie, forecasts[0], model, labels=labels, judge=judge, **known)
    return assess(movie, forecasts[0], cells=cells, judge=chosen, sigma=sigma, sequence=sequence)


def check_start(movie: TimeLapse, at: int) -> None:
    """Complain if a movie has no frame after `at`."""
    if at >= movie.n_times - 1:
        raise CellSimError(
            f"{movie.name} has {movie.n_times} frames, so none follows frame {at}: evaluate from an earlier one."
        )


def find_cells(
    movie: TimeLapse,
    forecast: Forecast,
    model: Model,
    *,
    labels: Any = None,
    judge: Any = None,
    segmentation: Any = "model",
    device: str = "auto",
    token: JobToken | None = None,
) -> tuple[TrueCells | None, Judge | None]:
    """Find the true cells, and the network that looks for cells in the forecasts.

    Parameters
    ----------
    movie, forecast, model
        The movie, its forecast, and the model that made it.
    labels : array (T, Y, X), optional
        Cells of the whole movie, each a positive number: the truth. Without it, the judge's own answer for the true
        frames stands in.
    judge : "model", "none", str, Model, optional
        Segmentation network that judges all forecasts alike: the model's partner, nobody, or another one. Without it,
        what `segmentation` names; the model's partner if that is labels.
    segmentation, device
        As given to `predict`. Labels of the whole movie count as `labels`.
    token : JobToken, optional
        To cancel.

    Returns
    -------
    (TrueCells or None, Judge or None)

    Raises
    ------
    CellSimError
        If the labels do not fit the movie, or there is no such network.
    """
    given = label_windows(movie, forecast, segmentation if labels is None else labels)
    if labels is not None and given is None:
        raise CellSimError(
            f"The labels have the shape {np.shape(labels)}, but {movie.name} has {movie.n_times} frames of "
            f"{movie.height} x {movie.width} px: give one label picture (Y, X) for each."
        )
    source = judge if judge is not None else segmentation
    if isinstance(source, np.ndarray):
        source = "model" if "segmentation" in model.card.partners else "none"
    network = judge_for(movie, forecast, model, source, device, token)
    if given is not None:
        return TrueCells.from_labels(given, GIVEN), network
    if network is None:
        return None, None
    return TrueCells.from_labels(
        network.labels(judged_frames(movie, forecast)), f"{network.name} on the true frames"
    ), network


def assess(
    movie: TimeLapse,
    forecast: Forecast,
    *,
    cells: Any = None,
    judge: Judge | None = None,
    sigma: Sequence[float] | None = None,
    sequence: str | None = None,
    like: Report | None = None,
) -> Report:
    """Compare an existing forecast with the movie's own later frames, beside three baselines.

    Parameters
    ----------
    movie : TimeLapse
        The movie that was forecast.
    forecast : Forecast
        Several samples are judged one by one (the mean of their scores), by their mean, and together.
    cells : TrueCells or array (H, Y, X), optional
        Where the frames after the last visible one show a cell, on the forecast's own grid.
    judge : Judge, optional
        Network that looks for cells in the forecasts; needs single cells (`TrueCells.labels`) to compare with.
    sigma : sequence of float, optional
        Blur of `blurred_copy_last` in pixels, one per step, tuned on validation sequences; by default it is
        tuned on the movie's own frames up to the last visible one.
    sequence : str, optional
        Name under which `compare_sequences` averages several forecasts; the movie's source or name by
        default.
    like : Report, optional
        Of another model, made of the same movie with the same `cells`, `judge` and `sigma`: its baselines are taken
        over instead of being scored again.

    Returns
    -------
    Report

    Raises
    ------
    CellSimError
        If forecast, masks or blur do not fit the movie, or `like` is of other frames.
    """
    at, steps = forecast.at, forecast.steps
    predicted = np.asarray(forecast.frames)[:, :, 0]
    box = region_of(movie, forecast)
    first = max(0, at + 1 - RECENT_FRAMES)
    y0, y1, x0, x1 = box
    times = slice(first, at + 1 + steps)
    frames = movie.array(times, channel=forecast.channel, plane=forecast.plane)[:, y0:y1, x0:x1]
    history, truth = frames[: at + 1 - first], frames[at + 1 - first :]
    known = _checked(cells, truth, predicted)
    tuned = tuple(sigma) if sigma is not None else tune_sigma([history], steps)
    source = str(movie.source or movie.name)
    region = None if box == (0, movie.height, 0, movie.width) else box
    forecasts: dict[Method, Frames] = {"model": predicted}
    if len(predicted) > 1:
        forecasts["sample_mean"] = predicted.mean(axis=0, keepdims=True)
    width = None if forecast.uncertainty is None else np.asarray(forecast.uncertainty)[:, 0]
    scored: dict[Method, list[Scores]] = {}
    if like is None:
        forecasts["copy_last"] = copy_last(history, steps)[None]
        forecasts["blurred_copy_last"] = blurred_copy_last(history, steps, tuned)[None]
        forecasts["constant_flow"] = constant_flow(history, steps)[None]
    elif (like.input, like.at, like.region, len(like.horizons)) != (source, at, region, len(truth)):
        raise CellSimError(
            f"The baselines of {like.input} after frame {like.at} are not those of {source} after frame {at}."
        )
    else:
        scored = {method: [h.scores(method) for h in like.horizons] for method in BASELINES}
    return Report(
        input=source,
        sequence=sequence or source,
        at=at,
        steps=steps,
        channel=forecast.channel,
        plane=forecast.plane,
        region=region,
        pixel_size=forecast.pixel_size,
        interval=forecast.interval,
        model=_model_identity(forecast),
        blur_sigma=list(tuned),
        blur_tuned_on="validation sequences" if sigma is not None else f"frames {first} to {at} of the movie",
        cells_from=None if known is None else known.source,
        judge=None if judge is None else judge.identity,
        mode="sample" if len(predicted) > 1 else _mode(forecast),
        samples=len(predicted),
        nominal_coverage=None if width is None else LEVEL,
        horizons=score_horizons(
            forecasts, scored, history[-1], truth, known, judge, at, forecast.interval, width
        ),
        warnings=[str(line) for line in forecast.provenance.get("warnings", [])],
        provenance=forecast.provenance,
    )


def _checked(cells: Any, truth: Frames, predicted: Frames) -> TrueCells | None:
    if cells is None:
        return None
    found = cells if isinstance(cells, TrueCells) else TrueCells(np.asarray(cells) > 0)
    height, width = predicted.shape[-2:]
    if len(found.after) < len(truth) or found.after.shape[1:] != (height, width):
        raise CellSimError(
            f"The cell masks have the shape {found.after.shape}, but {len(truth)} true frames of {height} x {width} px "
            "are judged: give one mask for each."
        )
    return found


def _mode(forecast: Forecast) -> Mode:
    """Return what a forecast of one picture was asked for; forecasts from before there was a choice are means."""
    config = forecast.provenance.get("config")
    return "sample" if isinstance(config, dict) and config.get("mode") == "sample" else "mean"


def _model_identity(forecast: Forecast) -> dict[str, str | None]:
    found = forecast.provenance.get("model", {})
    return (
        {key: found.get(key) for key in ("name", "hash")} if isinstance(found, dict) else {"name": str(found)}
    )
