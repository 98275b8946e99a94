"""Forecast with the truth at hand: one movie, or many sequences with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, JobToken
from ..data import TimeLapse
from ..forecasting import Forecast, predict
from . import metrics
from .baselines import blurred_copy_last, constant_flow, copy_last, tune_sigma
from .report import BASELINES, Horizon, Method, RegionScores, Report, Scores

if TYPE_CHECKING:
    from ..models import Model

TUNING_FRAMES = 12
"""So many of the last visible frames choose the blur of a single movie: enough for 5 steps, and quick."""

Frames = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def evaluate(
    movie: TimeLapse,
    model: Model,
    *,
    at: int,
    steps: int = 5,
    flow: Any = "model",
    segmentation: Any = "model",
    channel: int = 0,
    plane: int = 0,
    region: tuple[int, int, int, int] | None = None,
    device: str = "auto",
    cells: Any = None,
    sigma: Sequence[float] | None = None,
    sequence: str | None = None,
    token: JobToken | None = None,
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
    flow, segmentation, channel, plane, device
        As `predict`.
    region : tuple of int, optional
        ``(y0, y1, x0, x1)`` in pixels, the whole image by default.
    cells, sigma, sequence
        As `assess`.
    token : JobToken, optional

    Returns
    -------
    Report

    Raises
    ------
    CellSimError
        As `predict`, and if no frame follows `at`.
    """
    if at >= movie.n_times - 1:
        raise CellSimError(
            f"{movie.name} has {movie.n_times} frames, so nothing follows frame {at}: evaluate from an earlier frame."
        )
    forecast = predict(
        movie,
        model,
        steps=steps,
        at=at,
        flow=flow,
        segmentation=segmentation,
        channel=channel,
        plane=plane,
        regions=None if region is None else [region],
        device=device,
        token=token,
    )
    one = forecast[0] if isinstance(forecast, list) else forecast
    return assess(movie, one, region=region, cells=cells, sigma=sigma, sequence=sequence)


def assess(
    movie: TimeLapse,
    forecast: Forecast,
    *,
    region: tuple[int, int, int, int] | None = None,
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
    region : tuple of int, optional
        ``(y0, y1, x0, x1)`` that the forecast covers; the whole image by default.
    cells : array (T, Y, X), optional
        Non-zero where the *movie's* frames (whole image, all times) show a cell.
    sigma : sequence of float, optional
        Blur of `blurred_copy_last` in pixels, one per step, tuned on validation sequences; by default it is tuned on
        the movie's own frames up to the last visible one.
    sequence : str, optional
        Name under which `compare_sequences` averages several forecasts; the movie's name by default.

    Returns
    -------
    Report

    Raises
    ------
    CellSimError
        If shapes of forecast, region and cells do not fit the movie.
    """
    y0, y1, x0, x1 = region or (0, movie.height, 0, movie.width)
    at, predicted = forecast.at, np.asarray(forecast.frames)[0, :, 0]
    steps = len(predicted)
    window = (..., slice(y0, y1), slice(x0, x1))
    frames = movie.array(slice(0, at + 1 + steps), channel=forecast.channel, plane=forecast.plane)[window]
    history, truth = frames[: at + 1], frames[at + 1 :]
    if predicted.shape[1:] != history.shape[1:]:
        raise CellSimError(
            f"The forecast has {predicted.shape[1]} x {predicted.shape[2]} pixels, but the region of {movie.name} has "
            f"{history.shape[1]} x {history.shape[2]}: name the region that was forecast."
        )
    masks = None if cells is None else _cell_masks(cells, movie)[at + 1 :][window]
    recent = history[-TUNING_FRAMES:]
    tuned = tuple(sigma) if sigma is not None else tune_sigma([recent], steps)
    forecasts: dict[Method, Frames] = {
        "model": predicted,
        "copy_last": copy_last(history, steps),
        "blurred_copy_last": blurred_copy_last(history, steps, tuned),
        "constant_flow": constant_flow(history, steps),
    }
    own_frames = f"frames {at + 1 - len(recent)} to {at} of the movie"
    return Report(
        input=str(movie.source or movie.name),
        sequence=sequence or movie.name,
        at=at,
        steps=steps,
        channel=forecast.channel,
        plane=forecast.plane,
        region=region,
        pixel_size=movie.pixel_size,
        interval=movie.interval,
        model=_model_identity(forecast),
        blur_sigma=list(tuned),
        blur_tuned_on=own_frames if sigma is None else "validation sequences",
        horizons=[
            _horizon(k, forecasts, target, None if masks is None else masks[k], at, movie.interval)
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
        In any common intensity unit; both are scaled by the target's range (and mean and deviation for ``*_z``).
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


def _cell_masks(cells: Any, movie: TimeLapse) -> Mask:
    masks = np.asarray(cells) != 0
    expected = (movie.n_times, movie.height, movie.width)
    if masks.shape != expected:
        raise CellSimError(
            f"The cell masks have shape {masks.shape}, but {movie.name} needs (T, Y, X) = {expected}."
        )
    return masks


def _model_identity(forecast: Forecast) -> dict[str, str | None]:
    found = forecast.provenance.get("model", {})
    return (
        {key: found.get(key) for key in ("name", "hash")} if isinstance(found, dict) else {"name": str(found)}
    )
