"""Displacement fields as colours: direction is hue, length is saturation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError


def flow_to_rgb(flow: NDArray[Any], max_magnitude: float | None = None) -> NDArray[np.uint8]:
    """Colour a displacement field as given (pass *minus* a backward flow to see motion).

    Hue runs once around the circle of directions: red to the right, green down, cyan to the left, violet up. No
    displacement is white, `max_magnitude` and more is fully saturated, and what is not finite is black.

    Parameters
    ----------
    flow : numpy.ndarray
        (..., 2, Y, X), channel 0 = x to the right, channel 1 = y down.
    max_magnitude : float or None
        Length drawn fully saturated, in the unit of the flow; None takes the longest in the field.

    Returns
    -------
    numpy.ndarray
        (..., Y, X, 3) uint8 RGB.

    Raises
    ------
    CellSimError
        If the array is no displacement field.
    """
    flow = np.asarray(flow)
    if flow.ndim < 3 or flow.shape[-3] != 2:
        raise CellSimError(
            f"A displacement field has the shape (..., 2, Y, X), but this array has {flow.shape}."
        )
    x = flow[..., 0, :, :].astype(np.float32)
    y = flow[..., 1, :, :].astype(np.float32)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(known, x, 0), np.where(known, y, 0)
    magnitude = np.hypot(x, y)
    longest = float(magnitude.max(initial=0.0)) if max_magnitude is None else float(max_magnitude)
    saturation = np.clip(magnitude / longest, 0, 1) if longest > 0 else np.zeros_like(magnitude)
    hue = np.arctan2(y, x) / (2 * np.pi)
    # Each primary is a raised cosine of the angle to its own direction: no kinks, hence no false edges in the colours.
    primaries = np.stack([0.5 + 0.5 * np.cos(2 * np.pi * (hue - k / 3)) for k in range(3)], axis=-1)
    primaries /= primaries.max(axis=-1, keepdims=True)
    rgb = 1 - saturation[..., None] * (1 - primaries)
    rgb[~known] = 0
    return np.round(255 * rgb).astype(np.uint8)


def flow_wheel(size: int) -> NDArray[np.uint8]:
    """Return the legend of `flow_to_rgb`: a disc whose colour at each point is that of the arrow from its centre there.

    Parameters
    ----------
    size : int
        Height and width in pixels.

    Returns
    -------
    numpy.ndarray
        (size, size, 3) uint8 RGB, white outside the disc; the rim is the longest displacement.
    """
    line = (np.arange(size) - (size - 1) / 2) / (size / 2)
    x, y = np.meshgrid(line, line)
    wheel = flow_to_rgb(np.stack([x, y]), 1.0)
    wheel[np.hypot(x, y) > 1] = 255
    return wheel
