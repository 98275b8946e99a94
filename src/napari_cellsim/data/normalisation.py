"""Between a movie's own intensities and the [0, 1] that networks see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError

_PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True)
class Scale:
    """Linear map of intensities: ``forward(x) = (x - offset) / gain``.

    Parameters
    ----------
    offset : float
        Intensity that becomes 0.
    gain : float
        Intensity difference that becomes 1; positive.
    """

    offset: float
    gain: float

    def forward(self, intensities: NDArray[Any]) -> NDArray[np.float32]:
        """Return float32 in network units, any shape; nothing is clipped."""
        # float64 in between: 16-bit offsets would cost a float32 difference its last digits
        return ((np.asarray(intensities, dtype=np.float64) - self.offset) / self.gain).astype(np.float32)

    def inverse(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return float32 in the movie's intensity units, any shape."""
        return (np.asarray(values, dtype=np.float64) * self.gain + self.offset).astype(np.float32)


def fit_scale(frames: NDArray[Any], method: Literal["percentile", "minmax"] = "percentile") -> Scale:
    """Fit the scale to frames; the caller hands over only frames that a forecast may see.

    Parameters
    ----------
    frames : numpy.ndarray
        (T, Y, X), any real dtype. Values that are not finite are left out.
    method : {"percentile", "minmax"}
        Map the 0.1 and 99.9 percentiles, or the smallest and largest value, to 0 and 1.

    Returns
    -------
    Scale
        With gain 1 where all values are the same.

    Raises
    ------
    CellSimError
        If no value is finite or the method is unknown.
    """
    values = np.asarray(frames, dtype=np.float64).ravel()
    values = values[np.isfinite(values)]
    if not values.size:
        raise CellSimError(
            "These frames hold no number to scale intensities by: every value is NaN or infinite."
        )
    if method not in ("percentile", "minmax"):
        raise CellSimError(f"Intensities cannot be scaled by {method!r}: choose 'percentile' or 'minmax'.")
    low, high = values.min(), values.max()
    if method == "percentile":
        inner_low, inner_high = np.percentile(values, _PERCENTILES)
        # a few bright spots on a constant background leave no room between the percentiles
        if inner_high > inner_low:
            low, high = inner_low, inner_high
    gain = float(high - low)
    return Scale(offset=float(low), gain=gain if gain > 0 and np.isfinite(gain) else 1.0)
