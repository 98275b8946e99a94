"""What the jobs of this room yield besides `Progress`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base import Event


@dataclass(frozen=True)
class PicturesReady(Event):
    """Some generated pictures, sent as soon as they exist.

    Parameters
    ----------
    first : int
        Index of the first of them.
    images : numpy.ndarray
        (n, T, C, Y, X) float32 in intensity units.
    colour : bool
        Whether the channels are red, green and blue, from 0 to 255.
    """

    first: int
    images: NDArray[np.float32]
    colour: bool


@dataclass(frozen=True)
class RefinementReady(Event):
    """The best look-alike so far of a guide picture that is being refined.

    Parameters
    ----------
    index : int
        Which guide picture.
    step : int
        Steps done.
    image : numpy.ndarray
        (T, C, Y, X) float32 in the guide's intensity units.
    psnr : float
        Peak signal-to-noise ratio to the guide, dB.
    """

    index: int
    step: int
    image: NDArray[np.float32]
    psnr: float
