"""Error of one forecast against the frames that did follow, beside its baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ..data import TimeLapse
from ..forecasting import Forecast
from .baselines import blurred_copy_last, constant_flow, copy_last, tune_sigma


@dataclass(frozen=True)
class ErrorCurve:
    """Root-mean-square errors in the movie's grey levels, over the pixels that were forecast.

    Attributes
    ----------
    steps : ndarray
        (N,) int, 1 for the first frame after the last one used.
    model, copy_last, blurred_copy_last, constant_flow : ndarray
        (N,) float64, one error per step of the forecast and of each baseline; of several samples, over all of them.
    """

    steps: NDArray[np.int64]
    model: NDArray[np.float64]
    copy_last: NDArray[np.float64]
    blurred_copy_last: NDArray[np.float64]
    constant_flow: NDArray[np.float64]


METHODS = tuple(field.name for field in fields(ErrorCurve) if field.name != "steps")


def error_curve(movie: TimeLapse, forecasts: Sequence[Forecast]) -> ErrorCurve | None:
    """Compare forecasts of one or several regions with the frames that did follow.

    Baselines see the same past frames as the forecast; the blur is tuned on these.

    Parameters
    ----------
    movie : TimeLapse
        The movie that was forecast.
    forecasts : sequence of Forecast
        Regions of one run, in their places.

    Returns
    -------
    ErrorCurve or None
        None where the movie ends at the last frame used. A step whose true frame holds no numbers is NaN.
    """
    at = forecasts[0].at
    count = min(forecasts[0].steps, movie.n_times - 1 - at)
    if count < 1:
        return None
    sums = {name: np.zeros(count) for name in METHODS}
    pixels = np.zeros(count)
    for forecast in forecasts:
        height, width = forecast.frames.shape[-2:]
        y, x = (round(f - m) for f, m in zip(forecast.origin, movie.origin, strict=True))
        part = movie.crop(y, y + height, x, x + width)
        past = forecast.provenance.get("input", {}).get("frames", [at])
        frames = part.array([*past, *range(at + 1, at + 1 + count)], forecast.channel, forecast.plane)
        history, truth = frames[: len(past)], frames[len(past) :]
        guesses = {
            "model": forecast.frames[:, :count, 0],
            "copy_last": copy_last(history, count),
            "blurred_copy_last": blurred_copy_last(history, count, tune_sigma([history], count)),
            "constant_flow": constant_flow(history, count),
        }
        known = np.isfinite(truth)
        pixels += known.sum(axis=(1, 2))
        for name, guess in guesses.items():
            squared = (guess.astype(np.float64) - truth) ** 2
            if squared.ndim > 3:  # several samples: the error to expect of one of them
                squared = squared.mean(axis=0)
            sums[name] += np.where(known, squared, 0.0).sum(axis=(1, 2))
    counted = np.where(pixels > 0, pixels, np.nan)
    return ErrorCurve(
        np.arange(1, count + 1), **{name: np.sqrt(total / counted) for name, total in sums.items()}
    )
