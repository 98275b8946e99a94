"""Forecasts that know nothing of cells: what every model must beat.

A history is ``(T, Y, X)`` float32 with the last visible frame at the end; a forecast is ``(steps, Y, X)``.
Nothing here looks beyond the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates

from ..base import CellSimError
from ..forecasting.classical import lucas_kanade

Frames = npt.NDArray[np.float32]

DEFAULT_SIGMA = 0.7
"""Blur in pixels where nothing can be tuned: the value that prototypes found best on the phantom (PHANTOM.md
§3)."""

SIGMAS = (0.0, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.4, 2.8, 3.4, 4.0)
"""Blurs in pixels that `tune_sigma` chooses from."""


def copy_last(history: Any, steps: int) -> Frames:
    """Repeat the last frame.

    Parameters
    ----------
    history : array (T, Y, X)
        At least one frame.
    steps : int
        Number of frames to predict, at least 1.

    Returns
    -------
    array (steps, Y, X), float32

    Raises
    ------
    CellSimError
        If the history has another shape or no frame, or there are no steps.
    """
    return np.repeat(_checked(history, steps)[-1:], steps, axis=0)


def blurred_copy_last(history: Any, steps: int, sigma: float | Sequence[float] = DEFAULT_SIGMA) -> Frames:
    """Repeat the last frame, blurred by a Gaussian: blur alone lowers the squared error of a wrong guess.

    Parameters
    ----------
    history : array (T, Y, X)
    steps : int
    sigma : float or one float per step
        Standard deviation in pixels; 0 leaves the frame alone. Tune it with `tune_sigma`, never on the frames
        to be predicted.

    Returns
    -------
    array (steps, Y, X), float32

    Raises
    ------
    CellSimError
        As `copy_last`, and if there is not one non-negative sigma per step.
    """
    last = _checked(history, steps)[-1]
    sigmas = np.full(steps, sigma) if np.ndim(sigma) == 0 else np.asarray(sigma, dtype=np.float64)
    if sigmas.shape != (steps,) or not (sigmas >= 0).all():
        raise CellSimError(f"Give one blur of at least 0 px for each of the {steps} steps, not {sigma}.")
    return np.stack([gaussian_filter(last, s, mode="nearest") for s in sigmas])


def tune_sigma(sequences: Sequence[Any], steps: int, at: Sequence[int] | None = None) -> tuple[float, ...]:
    """Choose the blur of `blurred_copy_last` for every step, on frames that are not the ones to be judged.

    For each horizon h the σ of `SIGMAS` with the least mean squared error of frame t + h predicted from the
    blurred frame t. A horizon longer than every sequence takes the σ of the longest horizon seen, and
    `DEFAULT_SIGMA` where no pair of frames exists.

    Parameters
    ----------
    sequences : sequence of arrays (T, Y, X)
        Validation sequences, or the history of the one movie at hand.
    steps : int
        Number of horizons.
    at : sequence of int, optional
        Frame t of each sequence to predict from; by default every frame that has a later one.

    Returns
    -------
    tuple of float
        One σ in pixels per step.

    Raises
    ------
    CellSimError
        As `copy_last`.
    """
    stacks = [_checked(sequence, steps) for sequence in sequences]
    starts = [range(len(s) - 1) for s in stacks] if at is None else [[t] for t in at]
    errors, pairs = np.zeros((steps, len(SIGMAS))), np.zeros(steps, int)
    for stack, times in zip(stacks, starts, strict=True):
        for t in times:
            later = stack[t + 1 : t + 1 + steps]
            pairs[: len(later)] += 1
            for index, sigma in enumerate(SIGMAS if len(later) else ()):
                blurred = gaussian_filter(stack[t], sigma, mode="nearest")
                errors[: len(later), index] += ((later - blurred) ** 2).mean(axis=(1, 2), dtype=np.float64)
    sigmas: list[float] = []
    for row, seen in zip(errors, pairs, strict=True):
        unseen = sigmas[-1] if sigmas else DEFAULT_SIGMA
        sigmas.append(SIGMAS[int(row.argmin())] if seen else unseen)
    return tuple(sigmas)


def estimate_flow(history: Any) -> Frames:
    """Estimate where each pixel of the last frame was in the frame before it.

    Iterative Lucas-Kanade (`forecasting.classical.lucas_kanade`) on the two last frames.

    Parameters
    ----------
    history : array (T, Y, X)

    Returns
    -------
    array (2, Y, X), float32
        Backward flow in pixels, channel 0 = x; zero where the history has one frame only.
    """
    frames = _checked(history, 1)
    if len(frames) < 2:
        return np.zeros((2, *frames.shape[1:]), np.float32)
    return lucas_kanade(frames[-1], frames[-2])


def constant_flow(history: Any, steps: int, flow: Any = None) -> Frames:
    """Let the last observed motion go on for ever.

    With the backward flow F of the last frame pair, the picture after k steps is the last frame sampled once,
    ``I(t+k)(x) = I(t)(φ_k(x))``, where ``φ_0(x) = x`` and ``φ_k(x) = φ_{k-1}(x) + F(φ_{k-1}(x))``: a pixel is
    traced back through k steps of a steady flow. Sampling is bilinear with replicated borders.

    Parameters
    ----------
    history : array (T, Y, X)
    steps : int
    flow : array (2, Y, X), optional
        Backward flow in pixels, channel 0 = x; `estimate_flow` of the history by default.

    Returns
    -------
    array (steps, Y, X), float32

    Raises
    ------
    CellSimError
        As `copy_last`, and if the flow has another shape.
    """
    frames = _checked(history, steps)
    motion = estimate_flow(frames) if flow is None else np.asarray(flow, dtype=np.float32)
    if motion.shape != (2, *frames.shape[1:]):
        raise CellSimError(
            f"The flow has shape {motion.shape}, but (2, Y, X) = {(2, *frames.shape[1:])} is needed."
        )
    position = np.indices(frames.shape[1:], dtype=np.float64)
    predicted = []
    for _ in range(steps):
        columns, rows = (map_coordinates(part, position, order=1, mode="nearest") for part in motion)
        position = position + np.stack([rows, columns])
        predicted.append(map_coordinates(frames[-1], position, order=1, mode="nearest"))
    return np.stack(predicted)


def _checked(history: Any, steps: int) -> Frames:
    frames = np.asarray(history, dtype=np.float32)
    if frames.ndim != 3 or 0 in frames.shape:
        raise CellSimError(
            f"A history must have shape (T, Y, X) with at least one frame, not {frames.shape}."
        )
    if steps < 1:
        raise CellSimError(f"The number of steps must be at least 1, but it is {steps}.")
    return frames
