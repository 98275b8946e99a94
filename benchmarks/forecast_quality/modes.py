"""The answers of a whole model, asked for as a user would, with `cs.predict`: expected frames, samples, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from measure import LEVELS, STEPS, Spans, starts

import napari_cellsim as cs
from napari_cellsim.evaluation.calibration import fit_calibration
from napari_cellsim.forecasting.uncertainty import half_width
from napari_cellsim.models.card import Calibration
from napari_cellsim.training.sequences import Sequence as Stored


class Asked:
    """A model that is asked about pasts of one pixel size.

    Parameters
    ----------
    model : Model
    pixel_size, interval : float
        µm and minutes, of the pasts.
    """

    def __init__(self, model: cs.Model, pixel_size: float, interval: float) -> None:
        self.model, self.pixel_size, self.interval = model, pixel_size, interval
        # without its calibration a model tells the scale that it predicted
        self._plain = replace(model, card=model.card.model_copy(update={"calibration": []}))

    def mean(self, past: np.ndarray, steps: int) -> np.ndarray:
        """Return the expected frames (steps, Y, X) after a past (T, Y, X)."""
        return self._forecast(self.model, past, steps).frames[0, :, 0]

    def draw(self, past: np.ndarray, steps: int, samples: int, seed: int) -> np.ndarray:
        """Return sampled futures (samples, steps, Y, X)."""
        found = self._forecast(self.model, past, steps, mode="sample", samples=samples, seed=seed)
        return found.frames[:, :, 0]

    def spans(self, calibration: Sequence[Calibration]) -> Spans:
        """Return a function that says how sure it is, by a calibration (empty: by the Laplace distribution)."""

        def ask(past: np.ndarray, steps: int) -> tuple[np.ndarray, dict[float, np.ndarray]]:
            mean, scale = self._scaled(past, steps)
            return mean, {level: half_width(scale, calibration, level) for level in LEVELS}

        return ask

    def calibrate(self, sequences: Sequence[Stored]) -> list[Calibration]:
        """Return a calibration that is fitted on validation sequences."""
        errors: list[list[np.ndarray]] = [[] for _ in range(STEPS)]
        scales: list[list[np.ndarray]] = [[] for _ in range(STEPS)]
        for sequence in sequences:
            found = [(start, self._scaled(start.history, STEPS)) for start in starts(sequence)]
            for step in range(STEPS):
                errors[step].append(np.stack([start.future[step] - mean[step] for start, (mean, _) in found]))
                scales[step].append(np.stack([scale[step] for _, (_, scale) in found]))
        return fit_calibration(errors, scales)

    def _scaled(self, past: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
        found = self._forecast(self._plain, past, steps)
        assert found.uncertainty is not None
        unit = half_width(np.ones(steps))[:, None, None]
        return found.frames[0, :, 0], found.uncertainty[:, 0] / unit

    def _forecast(self, model: cs.Model, past: np.ndarray, steps: int, **options: Any) -> cs.Forecast:
        movie = cs.TimeLapse(frames=past[:, None, None], pixel_size=self.pixel_size, interval=self.interval)
        found = cs.predict(movie, model, steps=steps, device="cpu", **options)
        assert isinstance(found, cs.Forecast)
        return found
