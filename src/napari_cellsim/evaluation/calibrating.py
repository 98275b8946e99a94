"""Measure the calibration of a model on movies whose future is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError
from ..data import TimeLapse
from ..forecasting import Forecast, predict
from ..forecasting.uncertainty import interval_factor
from .calibration import fit_calibration
from .forecast_study import check_start
from .movie_study import default_start
from .region import region_of

if TYPE_CHECKING:
    from ..models import Calibration, Model

Values = npt.NDArray[np.float64]


def calibrate(
    model: Model, movies: Sequence[TimeLapse], *, at: Sequence[int] = (), steps: int = 5, **options: Any
) -> list[Calibration]:
    """Forecast movies and measure how large the errors are in units of the scale that the model predicts for them.

    Parameters
    ----------
    model : Model
        One that predicts its uncertainty; a calibration that it has is not used, and nothing in it is changed.
    movies : sequence of TimeLapse
        Validation movies, which neither trained the model nor will judge it. Each counts the same.
    at : sequence of int
        Last visible frames; by default the one of each movie that leaves `steps` true frames.
    steps : int
        Frames to predict.
    **options
        As `predict`.

    Returns
    -------
    list of Calibration
        For ``model.card.calibration``: one for each horizon that has truth.

    Raises
    ------
    CellSimError
        As `predict`, and if there is no movie, one is too short, or the model predicts no uncertainty.
    """
    if not movies:
        raise CellSimError("There is nothing to calibrate with: give at least one movie.")
    bare = replace(model, card=model.card.model_copy(update={"calibration": []}))
    errors: list[list[Values]] = [[] for _ in range(steps)]
    scales: list[list[Values]] = [[] for _ in range(steps)]
    for movie in movies:
        forecasts = list[Forecast]()
        for start in at or [default_start(movie, steps)]:
            check_start(movie, start)
            found = predict(movie, bare, steps=steps, at=start, **options)
            forecasts += found if isinstance(found, list) else [found]
        for step in range(steps):
            pairs = [_pair(movie, f, step) for f in forecasts if f.at + 1 + step < movie.n_times]
            if pairs:
                errors[step].append(np.concatenate([error for error, _ in pairs]))
                scales[step].append(np.concatenate([scale for _, scale in pairs]))
    count = sum(bool(found) for found in errors)  # the last horizons may have no truth
    return fit_calibration(errors[:count], scales[:count])


def _pair(movie: TimeLapse, forecast: Forecast, step: int) -> tuple[Values, Values]:
    """Return the errors of one predicted frame and the scales predicted for them, both (N,)."""
    if forecast.uncertainty is None:
        raise CellSimError(
            "The model predicts no uncertainty, so there is nothing to calibrate: train its stage 'uncertainty' first."
        )
    y0, y1, x0, x1 = region_of(movie, forecast)
    truth = movie.array([forecast.at + 1 + step], channel=forecast.channel, plane=forecast.plane)[0]
    error = np.abs(forecast.frames[0, step, 0].astype(np.float64) - truth[y0:y1, x0:x1])
    scale = forecast.uncertainty[step, 0].astype(np.float64) / interval_factor([], step + 1)
    return error.ravel(), scale.ravel()
