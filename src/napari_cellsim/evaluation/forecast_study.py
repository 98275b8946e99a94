"""Forecast with the truth at hand: one movie, or many sequences with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError
from ..data import TimeLapse
from ..forecasting import Forecast, predict
from . import metrics
from .baselines import blurred_copy_last, constant_flow, copy_last, tune_sigma
from .cells import true_cells
from .region import region_of
from .report import BASELINES, Horizon, Method, RegionScores, Report, Scores

if TYPE_CHECKING:
    from ..models import Model

RECENT_FRAMES = 12
"""So many visible frames feed the baselines and tune the blur: enough for 5 steps, and cheap for a long
movie."""

Frames = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def evaluate(
    movie: TimeLapse,
    model: Model,
    *,
    at: int,
    steps: int = 5,
    cells: Any = None,
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
        As `assess`; without `cells` those of `true_cells`.
    **options
        As `predict`; `regions` may hold one rectangle.

    Returns
    -------
    Report

    Raises
    ------
    CellSimError
        As `predict`, and if no frame follows `at` or there are several regions.
    """
    if at >= movie.n_times - 1:
        raise CellSimError(
            f"{movie.name} has {movie.n_times} frames, so none follows frame {at}: evaluate from an earlier one."
        )
    found = predict(movie, model, steps=steps, at=at, **options)
    forecasts = found if isinstance(found, list) else [found]
    if len(forecasts) != 1:
        raise CellSimError(
            f"{len(forecasts)} regions were given, but one report is about one: evaluate each by itself."
        )
    if cells is None:
        chosen = {key: options[key] for key in ("segmentation", "device") if key in options}
        cells = true_cells(movie, forecasts[0], model, **chosen)
    return assess(movie, forecasts[0], cells=cells, sigma=sigma, sequence=sequence)


def assess(
    movie: TimeLapse,
    forecast: Forecast,
    *,
    cells: Any = None,
    sigma: Sequence[float] | None = None,
    sequence: str | None = None,
) -> Report:
    """Compare an existing forecast with the movie's own later frames, beside three baselines.

    Parameters
    ----------
    movie : TimeLapse
        The movie that was forecast.
    forecast : Forecast
        Its first sample is judged.
    cells : array (H, Y, X), optional
        True where the frames after the last visible one show a cell, on the forecast's own grid.
    sigma : sequence of float, optional
        Blur of `blurred_copy_last` in pixels, one per step, tuned on validation sequences; by default it is
        tuned on the movie's own frames up to the last visible one.
    sequence : str, optional
        Name under which `compare_sequences` averages several forecasts; the movie's source or name by
        default.

    Returns
    -------
    Report

    Raises
    ------
    CellSimError
        If forecast, masks or blur do not fit the movie.
    """
    at, steps = forecast.at, forecast.steps
    predicted = np.asarray(forecast.frames)[0, :, 0]
    box = region_of(movie, forecast)
    first = max(0, at + 1 - RECENT_FRAMES)
    y0, y1, x0, x1 = box
    times = slice(first, at + 1 + steps)
    frames = movie.array(times, channel=forecast.channel, plane=forecast.plane)[:, y0:y1, x0:x1]
    history, truth = frames[: at + 1 - first], frames[at + 1 - first :]
    masks = None if cells is None else np.asarray(cells) > 0
    if masks is not None and (len(masks) < len(truth) or masks.shape[1:] != predicted.shape[1:]):
        raise CellSimError(
            f"The cell masks have the shape {masks.shape}, but {len(truth)} true frames of {predicted.shape[1]} x "
            f"{predicted.shape[2]} px are judged: give one mask for each."
        )
    tuned = tuple(sigma) if sigma is not None else tune_sigma([history], steps)
    forecasts: dict[Method, Frames] = {
        "model": predicted,
        "copy_last": copy_last(history, steps),
        "blurred_copy_last": blurred_copy_last(history, steps, tuned),
        "constant_flow": constant_flow(history, steps),
    }
    source = str(movie.source or movie.name)
    return Report(
        input=source,
        sequence=sequence or source,
        at=at,
        steps=steps,
        channel=forecast.channel,
        plane=forecast.plane,
        region=None if box == (0, movie.height, 0, movie.width) else box,
        pixel_size=forecast.pixel_size,
        interval=forecast.interval,
        model=_model_identity(forecast),
        blur_sigma=list(tuned),
        blur_tuned_on="validation sequences" if sigma is not None else f"frames {first} to {at} of the movie",
        horizons=[
            _horizon(k, forecasts, target, None if masks is None else masks[k], at, forecast.interval)
            for k, target in enumerate(truth)
        ],
        warnings=[str(line) for line in forecast.provenance.get("warnings", [])],
        provenance=forecast.provenance,
    )


def score(prediction: Any, target: Any, cells: Mask | None = None) -> Scores:
    """Compute every metric of the report for one frame.

    Parameters
    ----------
    prediction, target : array (Y, X)
        In any common intensity unit; both are scaled by the target's range (and mean and deviation for
        ``*_z``).
    cells : array of bool (Y, X), optional

    Returns
    -------
    Scores
        Metrics of a constant target, and SSIM of pictures smaller than its window, are None.
    """
    truth, guess = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    low, span, spread = truth.min(), np.ptp(truth), truth.std()
    if span == 0:
        undefined = dict.fromkeys(RegionScores.model_fields)
        return Scores(**undefined, psnr_thesis=None, ssim_thesis=None)
    guess01, truth01 = (guess - low) / span, (truth - low) / span
    large_enough = min(truth.shape) > 2 * metrics.SSIM_RADIUS

    def region(mask: Mask | None) -> dict[str, float]:
        squared, absolute = (f(guess01, truth01, mask=mask) for f in (metrics.mse, metrics.l1))
        return {
            "mse": squared,
            "l1": absolute,
            "psnr": metrics.psnr(guess01, truth01, mask=mask),
            "ssim": metrics.ssim(guess01, truth01, mask=mask) if large_enough else float("nan"),
            "mse_z": squared * (span / spread) ** 2,
            "l1_z": absolute * span / spread,
            "sharpness": metrics.sharpness(guess01, truth01, mask=mask),
        }

    return Scores(
        **region(None),
        psnr_thesis=metrics.psnr_thesis(guess01, truth01),
        ssim_thesis=metrics.ssim_thesis(guess01, truth01),
        cells=RegionScores(**region(cells)) if cells is not None and cells.any() else None,
    )


def _horizon(
    index: int,
    forecasts: dict[Method, Frames],
    target: Frames,
    cells: Mask | None,
    at: int,
    interval: float | None,
) -> Horizon:
    scores = {method: score(frames[index], target, cells) for method, frames in forecasts.items()}
    return Horizon(
        horizon=index + 1,
        frame=at + 1 + index,
        minutes=None if interval is None else interval * (index + 1),
        mse_ratio=_ratio(scores["model"].mse, [scores[b].mse for b in BASELINES]),
        **{str(method): found for method, found in scores.items()},
    )


def _ratio(error: float | None, others: list[float | None]) -> float | None:
    best = min((other for other in others if other is not None), default=None)
    return None if error is None or not best else error / best


def _model_identity(forecast: Forecast) -> dict[str, str | None]:
    found = forecast.provenance.get("model", {})
    return (
        {key: found.get(key) for key in ("name", "hash")} if isinstance(found, dict) else {"name": str(found)}
    )
