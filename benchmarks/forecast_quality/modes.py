"""The two answers that a whole model gives beside its expected frames: sampled futures, and how sure it is.

Both are asked for as a user would, with `cs.predict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from measure import LEVELS, STEPS, Sampler, Spans, starts

import napari_cellsim as cs
from napari_cellsim.evaluation.calibration import fit_calibration
from napari_cellsim.forecasting.uncertainty import half_width
from napari_cellsim.models.card import Calibration
from napari_cellsim.training.sequences import Sequence as Stored


def sampler(model: cs.Model) -> Sampler:
    """Return a function that draws futures from a model that holds a sampler."""

    def draw(past: np.ndarray, steps: int, samples: int, seed: int) -> np.ndarray:
        return forecast(model, past, steps, mode="sample", samples=samples, seed=seed).frames[:, :, 0]

    return draw


def spans(model: cs.Model, calibration: Sequence[Calibration]) -> Spans:
    """Return a function that says how sure a model is, by this calibration (empty: by the Laplace distribution)."""
    plain = uncalibrated(model)

    def ask(past: np.ndarray, steps: int) -> tuple[np.ndarray, dict[float, np.ndarray]]:
        mean, scale = scaled(plain, past, steps)
        return mean, {level: half_width(scale, calibration, level) for level in LEVELS}

    return ask


def calibrate(model: cs.Model, sequences: Sequence[Stored]) -> list[Calibration]:
    """Return the calibration of a model, fitted on validation sequences."""
    plain = uncalibrated(model)
    errors: list[list[np.ndarray]] = [[] for _ in range(STEPS)]
    scales: list[list[np.ndarray]] = [[] for _ in range(STEPS)]
    for sequence in sequences:
        found = [(start, scaled(plain, start.history, STEPS)) for start in starts(sequence)]
        for step in range(STEPS):
            errors[step].append(np.stack([start.future[step] - mean[step] for start, (mean, _) in found]))
            scales[step].append(np.stack([scale[step] for _, (_, scale) in found]))
    return fit_calibration(errors, scales)


def uncalibrated(model: cs.Model) -> cs.Model:
    return replace(model, card=model.card.model_copy(update={"calibration": []}))


def scaled(plain: cs.Model, past: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return expected frames and the scale of their error (steps, Y, X), by a model without calibration."""
    found = forecast(plain, past, steps)
    assert found.uncertainty is not None
    unit = half_width(np.ones(steps))[:, None, None]
    return found.frames[0, :, 0], found.uncertainty[:, 0] / unit


def forecast(model: cs.Model, past: np.ndarray, steps: int, **options: Any) -> cs.Forecast:
    """Forecast from a past (T, Y, X) that has the model's own pixel size and interval."""
    movie = cs.TimeLapse(
        frames=past[:, None, None], pixel_size=model.card.pixel_size, interval=model.card.interval
    )
    found = cs.predict(movie, model, steps=steps, device="cpu", **options)
    assert isinstance(found, cs.Forecast)
    return found
