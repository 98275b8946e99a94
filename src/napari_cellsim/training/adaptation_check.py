"""How well a model forecasts the held-out frames of a movie, beside the baselines."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..base import CellSimError, JobToken
from ..evaluation.baselines import blurred_copy_last, constant_flow, copy_last, tune_sigma
from ..models import Shrinkage
from .feeding import history_scale

HORIZON = 5
"""Frames ahead that are looked at, where there are as many."""
_ORIGINS = 4  # moments to forecast from
_SIDE = 256  # px; of larger fields two windows of this side are looked at
_WINDOWS = 2
_RECENT = 20  # frames that tune the blur and show where something changes

Forecaster = Callable[[Tensor, int], Tensor]
"""``(history (1, T, 1, H, W), steps) -> (1, S, 1, H, W)``, both on the CPU."""


class Verdict(NamedTuple):
    """Squared error as a share of the best baseline's, mean over the horizons.

    Attributes
    ----------
    error : float
        Of the forecasts as they are.
    shrunk : float
        Of the forecasts drawn towards the blurred last frame as much as is best.
    shrinkage : list of Shrinkage
        How much that is at each horizon.
    """

    error: float
    shrunk: float
    shrinkage: list[Shrinkage]


class HeldOut:
    """Forecasts of held-out frames from moments before them, and what the baselines make of these.

    Parameters
    ----------
    images : ndarray
        (T, Y, X), any unit.
    first : int
        First held-out frame; earlier ones tune the blur of the blurred copy.
    history : int
        Frames that a forecast sees.
    token : JobToken
        Checked before each forecast.

    Raises
    ------
    CellSimError
        If nothing changes in the held-out frames.
    """

    def __init__(self, images: np.ndarray, first: int, history: int, token: JobToken) -> None:
        self._history, self._token = history, token
        count = len(images)
        moments = np.linspace(first - 1, count - 2, min(_ORIGINS, count - first))
        self.steps = min(HORIZON, count - first)
        recent = images[max(0, first - _RECENT) : first]
        self.items: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        errors: dict[str, list[np.ndarray]] = {"copy": [], "blur": [], "flow": []}
        windows = _windows(recent)
        sigmas = tune_sigma([recent[:, rows, columns] for rows, columns in windows], self.steps)
        self.blurs = sigmas
        for rows, columns in windows:
            for moment in np.unique(moments.round().astype(int)):
                token.check()
                seen = images[moment + 1 - history : moment + 1]
                scale = history_scale(seen)
                past = scale.forward(seen[:, rows, columns])
                future = scale.forward(images[moment + 1 : moment + 1 + self.steps, rows, columns])
                ahead = len(future)
                blurred = blurred_copy_last(past, ahead, sigmas[:ahead])
                self.items.append((past, future, blurred))
                errors["copy"].append(self._errors(copy_last(past, ahead), future))
                errors["blur"].append(self._errors(blurred, future))
                errors["flow"].append(self._errors(constant_flow(past, ahead), future))
        self.baseline: np.ndarray = np.min([_mean(e) for e in errors.values()], axis=0)
        if not (self.baseline > 0).all():
            raise CellSimError(
                "Nothing changes in the last frames before the chosen one, so there is nothing to learn from them; "
                "choose another frame or channel."
            )

    @torch.no_grad()
    def __call__(self, forecast: Forecaster) -> Verdict:
        """Judge forecasts, and how much of them should be believed."""
        guesses = []
        for past, future, _ in self.items:
            self._token.check()
            predicted = forecast(torch.from_numpy(past)[None, :, None], len(future))
            guesses.append(predicted[0, :, 0].numpy())
        weights = self._weights(guesses)
        plain = [self._errors(guess, item[1]) for guess, item in zip(guesses, self.items, strict=True)]
        drawn = []
        for guess, (_, future, blurred) in zip(guesses, self.items, strict=True):
            share = weights[: len(guess), None, None]
            drawn.append(self._errors(share * guess + (1 - share) * blurred, future))
        table = [
            Shrinkage(horizon=step + 1, weight=float(weight), blur=self.blurs[step])
            for step, weight in enumerate(weights)
        ]
        error, shrunk = (float(np.mean(_mean(errors) / self.baseline)) for errors in (plain, drawn))
        return Verdict(error, shrunk, table)

    def _weights(self, guesses: list[np.ndarray]) -> np.ndarray:
        """Return the share (S,) of the forecasts that gives the least squared error beside the blurred copy."""
        along, length = np.zeros(self.steps), np.zeros(self.steps)
        for guess, (_, future, blurred) in zip(guesses, self.items, strict=True):
            way, wanted = guess - blurred, future - blurred
            along[: len(guess)] += (way * wanted).sum(axis=(1, 2), dtype=np.float64)
            length[: len(guess)] += (way * way).sum(axis=(1, 2), dtype=np.float64)
        share = np.divide(along, length, out=np.ones(self.steps), where=length > 0)
        return np.clip(share, 0, 1)

    def _errors(self, guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Return the squared error of each horizon; NaN where the truth ends before it."""
        errors = np.full(self.steps, np.nan)
        errors[: len(truth)] = ((guess - truth) ** 2).mean(axis=(1, 2), dtype=np.float64)
        return errors


def _mean(errors: list[np.ndarray]) -> np.ndarray:
    mean: np.ndarray = np.nanmean(errors, axis=0)
    return mean


def _windows(frames: np.ndarray) -> list[tuple[slice, slice]]:
    """Return the whole picture (T, Y, X) or, if it is large, the windows in which most changes."""
    changes = np.abs(np.diff(frames, axis=0)).mean(axis=0)
    found = [(rows, columns) for rows in _spans(changes.shape[0]) for columns in _spans(changes.shape[1])]
    return sorted(found, key=lambda window: -float(changes[window].mean()))[:_WINDOWS]


def _spans(length: int) -> list[slice]:
    side = min(length, _SIDE)
    starts = np.linspace(0, length - side, max(1, length // side)).round().astype(int)
    return [slice(int(start), int(start) + side) for start in starts]
