"""Forecasts without a network: the three baselines of every report, and two that extrapolate classical flow.

`constant_flow` (evaluation.baselines) lets the motion between the two last frames go on: one Lucas-Kanade estimate.
`classical_flow` does so with the mean motion over all pairs of the history. `tuned_flow` is the strongest that we could
make of it: the same motion, weakened and then blurred, both tuned for each horizon on the validation sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from napari_cellsim.evaluation.baselines import blurred_copy_last, constant_flow, copy_last
from napari_cellsim.forecasting.classical import lucas_kanade

Forecaster = Callable[[np.ndarray, int], np.ndarray]  # history (T, Y, X), steps -> (steps, Y, X)

BASELINES = ("copy_last", "blurred_copy_last", "constant_flow", "classical_flow")
"""The best of these is what ratios of errors are ratios to."""
TITLES = {
    "copy_last": "copy last frame",
    "blurred_copy_last": "blurred copy (blur tuned per horizon)",
    "constant_flow": "constant flow (Lucas-Kanade, last pair)",
    "classical_flow": "classical flow (Lucas-Kanade, all pairs)",
    "tuned_flow": "classical flow, weakened and blurred (both tuned per horizon)",
}
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
BLURS = (0.0, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)


def mean_flow(history: np.ndarray) -> np.ndarray:
    """Return the mean backward motion per frame (2, Y, X) px over the pairs of a history (T, Y, X).

    Each pixel of the last frame is traced back through the flows of all pairs, the last one first; its way is divided
    by the number of pairs.
    """
    grid = np.indices(history.shape[1:], dtype=np.float64)
    position = grid.copy()
    for later, earlier in zip(history[:0:-1], history[-2::-1], strict=True):
        right, down = lucas_kanade(later, earlier)
        step = [map_coordinates(part, position, order=1, mode="nearest") for part in (down, right)]
        position = position + np.stack(step)
    down, right = (position - grid) / max(1, len(history) - 1)
    return np.stack([right, down]).astype(np.float32)


def classical_flow(history: np.ndarray, steps: int) -> np.ndarray:
    """Let the mean motion over all pairs of the history go on, steadily."""
    return constant_flow(history, steps, mean_flow(history))


def tuned_flow(history: np.ndarray, steps: int, tuned: Sequence[tuple[float, float]]) -> np.ndarray:
    """Let a share of that motion go on, and blur: (share, blur in px) for each step."""
    flow = mean_flow(history)
    predicted = []
    for step, (share, blur) in enumerate(tuned[:steps]):
        moved = constant_flow(history, step + 1, share * flow)[-1]
        predicted.append(gaussian_filter(moved, blur, mode="nearest"))
    return np.stack(predicted)


def tune_flow(movies: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[tuple[float, float], ...]:
    """Return the (share, blur) of least squared error at each step.

    Parameters
    ----------
    movies : sequence of (history (T, Y, X), future (S, Y, X))
        Validation sequences.
    """
    errors = np.zeros((len(movies[0][1]), len(SHARES), len(BLURS)))
    for history, future in movies:
        flow = mean_flow(history)
        for row, share in enumerate(SHARES):
            moved = constant_flow(history, len(future), share * flow)
            for column, blur in enumerate(BLURS):
                blurred = gaussian_filter(moved, (0, blur, blur), mode="nearest")
                errors[:, row, column] += ((blurred - future) ** 2).mean(axis=(1, 2), dtype=np.float64)
    best = [np.unravel_index(table.argmin(), table.shape) for table in errors]
    return tuple((SHARES[row], BLURS[column]) for row, column in best)


def competitors(sigma: Sequence[float], tuned: Sequence[tuple[float, float]]) -> dict[str, Forecaster]:
    """Return all forecasters of this file by name.

    Parameters
    ----------
    sigma : sequence of float
        Blur of the blurred copy at each step, px.
    tuned : sequence of (share, blur)
        Of `tune_flow`.
    """

    def blurred(history: np.ndarray, steps: int) -> np.ndarray:
        return blurred_copy_last(history, steps, sigma[:steps])

    return {
        "copy_last": copy_last,
        "blurred_copy_last": blurred,
        "constant_flow": constant_flow,
        "classical_flow": classical_flow,
        "tuned_flow": partial(tuned_flow, tuned=tuned),
    }
