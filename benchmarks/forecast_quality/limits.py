"""What no forecast can reach: warping by the true future motion, and the noise of the camera.

Both know the future and are no competitors. They say how much of an error is left to be avoided: beyond the first only
synthesis of new structure helps, beyond the second nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from competitors import BLURS, Forecaster
from measure import HORIZONS, STARTS, STEPS, Scores, starts
from scipy.ndimage import binary_dilation, gaussian_filter, map_coordinates

from napari_cellsim.training.sequences import Sequence as Stored

NAME = "true_motion"
TITLE = "*limit:* last frame moved by the true future motion, blurred (tuned per horizon)"
AWAY = 6  # px from any cell or pillar: there nothing moves


def moved(sequence: Stored, at: int, last: np.ndarray) -> np.ndarray:
    """Return a frame `at` (Y, X), moved by the true motion to each of the next frames (7, Y, X).

    Each pixel of a later frame is traced back, frame by frame, to where it was in frame `at`. What appears anew is
    filled with what was there before.
    """
    flow = np.nan_to_num(np.asarray(sequence.flow[at : at + STEPS], np.float32))
    frames = []
    for step in range(1, STEPS + 1):
        position = np.indices(last.shape, dtype=np.float64)
        for right, down in flow[step - 1 :: -1]:
            way = [map_coordinates(part, position, order=1, mode="nearest") for part in (down, right)]
            position = position + np.stack(way)
        frames.append(map_coordinates(last, position, order=1, mode="nearest"))
    return np.stack(frames)


def true_motion(tests: Sequence[Stored], validation: Sequence[Stored]) -> Forecaster:
    """Return a "forecaster" that knows the motion of the test sequences; its blur is tuned on validation sequences."""
    errors = np.zeros((STEPS, len(BLURS)))
    for sequence in validation:
        for at, start in zip(STARTS, starts(sequence), strict=True):
            frames = moved(sequence, at, start.history[-1])
            for column, blur in enumerate(BLURS):
                blurred = gaussian_filter(frames, (0, blur, blur), mode="nearest")
                errors[:, column] += ((blurred - start.future) ** 2).mean(axis=(1, 2), dtype=np.float64)
    blurs = [BLURS[column] for column in errors.argmin(1)]
    known = {
        start.history.tobytes(): partial(moved, sequence, at)
        for sequence in tests
        for at, start in zip(STARTS, starts(sequence), strict=True)
    }

    def forecast(history: np.ndarray, steps: int) -> np.ndarray:
        frames = known[history.tobytes()](history[-1])[:steps]
        return np.stack([gaussian_filter(f, b, mode="nearest") for f, b in zip(frames, blurs, strict=False)])

    return forecast


def noise(tests: Sequence[Stored]) -> Scores:
    """Return the mean squared error that the noise of the true frame alone causes, ``mse`` in units of its range.

    Half the mean squared difference of successive frames where nothing moves: a perfect forecast of what is visible has
    this error.
    """
    found: Scores = {horizon: {"mse": []} for horizon in HORIZONS}
    for sequence in tests:
        images, semantic = np.asarray(sequence.images, np.float64), np.asarray(sequence.semantic)
        away = ~binary_dilation((semantic > 0).any(0), iterations=AWAY)
        variance = float((np.diff(images[:, away], axis=0) ** 2).mean() / 2) if away.any() else None
        for horizon, row in found.items():
            spans = [float(np.ptp(images[at + horizon])) for at in STARTS]
            row["mse"].append(variance and float(np.mean([variance / span**2 for span in spans])))
    return found
