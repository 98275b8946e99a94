"""Whether a forecast can be made from frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError


def check_frames(frames: NDArray[Any], name: str = "The movie") -> None:
    """Raise if frames hold values that are no intensities.

    Parameters
    ----------
    frames : numpy.ndarray
        (T, Y, X), any real dtype. Constant frames are allowed.
    name : str
        What to call the movie in the message.

    Raises
    ------
    CellSimError
        If any value is NaN or infinite; the sentence names the first frame that has one.
    """
    if frames.dtype.kind != "f":
        return
    bad = ~np.isfinite(frames)
    if not bad.any():
        return
    first = int(np.argmax(bad.reshape(len(frames), -1).any(axis=1)))
    raise CellSimError(
        f"{name} holds values that are not numbers (NaN or infinite), {int(bad.sum())} in all, the first in frame "
        f"{first} of those used: fill them before forecasting, for example with numpy.nan_to_num."
    )
