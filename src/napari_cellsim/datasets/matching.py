"""Weighted normalised cross-correlation, and the peaks of its map."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy  # its parts are imported on first use, none when a dock opens
from numpy.typing import NDArray

from .templates import Floats, TrapTemplate

# Variance below this share of the whole picture's counts as this share: a flat background matches nothing.
_FLAT = 0.02


def standardised(image: Floats) -> Floats:
    """Return a picture as float32 with mean 0 and variance 1."""
    values: Floats = image.astype(np.float32)
    spread = float(values.std()) or 1.0
    return (values - np.float32(values.mean())) / np.float32(spread)


class Searched:
    """A picture (Y, X) of unit variance or a part of one, prepared for being compared with templates."""

    def __init__(self, values: Floats) -> None:
        self.values = values
        self._size: list[int] = [scipy.fft.next_fast_len(n, real=True) for n in values.shape]
        self._light = self._transform(values)
        self._power = self._transform(values**2)

    def _transform(self, array: Floats) -> NDArray[np.complexfloating[Any, Any]]:
        result: NDArray[np.complexfloating[Any, Any]] = scipy.fft.rfft2(array, self._size)
        return result

    def scores(self, template: TrapTemplate) -> Floats:
        """Return the correlation in [-1, 1] for every place where the template lies inside the picture.

        With weights w, a template t and a picture I, both made free of their weighted mean under the template,
        it is Σ w t I / sqrt(Σ w t² · Σ w I²).

        Returns
        -------
        ndarray, (Y - h + 1, X - w + 1)
            Entry (0, 0): the template's first pixel on the picture's first.
        """
        weight = template.weight / template.weight.sum()
        centred = template.picture - (weight * template.picture).sum()
        inside = tuple(slice(n - m + 1) for n, m in zip(self.values.shape, template.shape, strict=True))

        def correlate(transform: Any, kernel: Floats) -> Floats:
            product = transform * np.conj(self._transform(kernel.astype(np.float32)))
            result: Floats = scipy.fft.irfft2(product, self._size)[inside]
            return result

        mean = correlate(self._light, weight)
        variance = np.maximum(correlate(self._power, weight) - mean**2, _FLAT)
        own = float((weight * centred**2).sum())
        result: Floats = correlate(self._light, weight * centred) / np.sqrt(variance * own)
        return result


def summit(scores: Floats) -> tuple[float, float, float]:
    """Return row, column and value of the highest entry, refined by parabolas through its neighbours."""
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    value = float(scores[row, column])
    at = [float(row), float(column)]
    for axis, (line, i) in enumerate(((scores[:, column], row), (scores[row], column))):
        if 0 < i < len(line) - 1:
            offset, gain = _vertex(*(float(v) for v in line[i - 1 : i + 2]))
            at[axis] += offset
            value += gain
    return at[0], at[1], min(value, 1.0)


def _vertex(left: float, middle: float, right: float) -> tuple[float, float]:
    """Return offset and height above the middle of the vertex of a parabola through three points."""
    bend = left - 2 * middle + right
    if bend >= 0:
        return 0.0, 0.0
    offset = 0.5 * (left - right) / bend
    return offset, -0.25 * (left - right) * offset


def best_angle(angles: Floats, scores: Floats) -> float:
    """Return the angle of the highest score, refined between its neighbours."""
    best = int(scores.argmax())
    if not 0 < best < len(scores) - 1:
        return float(angles[best])
    offset, _ = _vertex(*(float(v) for v in scores[best - 1 : best + 2]))
    return float(angles[best] + offset * (angles[1] - angles[0]))
