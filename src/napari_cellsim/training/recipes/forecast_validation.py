"""Validation of a predictor against the baselines it must beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from ...evaluation.baselines import blurred_copy_last, constant_flow, copy_last, tune_sigma
from .common import DataConfig

HORIZONS = (1, 3, 5)


class ForecastValidation:
    """Fixed validation histories, with the baselines' squared errors computed once.

    Parameters
    ----------
    data : DataConfig
        Its validation sequences are used whole, from their second frame on.
    history : int
        Frames that a forecast sees.
    """

    def __init__(self, data: DataConfig, history: int) -> None:
        self.history, steps = history, max(HORIZONS)
        self.items = data.validation(history, history + steps)
        movies = [item.images[0, :, 0].numpy() for item in self.items]
        sigmas = tune_sigma(movies, steps, [history - 1] * len(movies))
        past, future = [m[:history] for m in movies], [m[history:] for m in movies]
        guesses = {
            "copy_last": [copy_last(p, steps) for p in past],
            "blurred_copy_last": [blurred_copy_last(p, steps, sigmas) for p in past],
            "constant_flow": [constant_flow(p, steps) for p in past],
        }
        self.baselines = {
            name: np.mean([_errors(g, f) for g, f in zip(guess, future, strict=True)], axis=0)
            for name, guess in guesses.items()
        }
        self.best = np.min(list(self.baselines.values()), axis=0)
        self.future = future

    def __call__(self, predict: Callable[[Tensor, int], Tensor]) -> dict[str, float]:
        """Return ``mse_ratio_h`` per horizon h, their mean ``mse_ratio``, and the plain ``mse_h``.

        Parameters
        ----------
        predict : callable
            ``predict(history (1, T, 1, H, W), steps) -> (1, S, 1, H, W)`` on the CPU.
        """
        errors = []
        for item, future in zip(self.items, self.future, strict=True):
            predicted = predict(item.images[:, : self.history], len(future))
            errors.append(_errors(predicted[0, :, 0].numpy(), future))
        mse = np.mean(errors, axis=0)
        ratios = {f"mse_ratio_{h}": float(mse[h - 1] / self.best[h - 1]) for h in HORIZONS}
        plain = {f"mse_{h}": float(mse[h - 1]) for h in HORIZONS}
        return {"mse_ratio": float(np.mean(list(ratios.values()))), **ratios, **plain}


def _errors(guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean squared error of each frame of (S, Y, X)."""
    errors: np.ndarray = ((guess - truth) ** 2).mean(axis=(1, 2), dtype=np.float64)
    return errors
