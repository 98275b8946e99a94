"""Mean forecasts drawn towards the blurred last frame, as far as the past of a movie asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ..models.card import Shrinkage
from ..nets.rollout import Step


def shrunk(steps: Iterator[Step], last: Tensor, table: Sequence[Shrinkage]) -> Iterator[Step]:
    """Yield steps whose frames are ``weight · frame + (1 - weight) · blurred last frame``.

    What the network goes on from is not changed.

    Parameters
    ----------
    steps : iterator of Step
        Of a roll-out, from the first on.
    last : Tensor
        (B, 1, H, W), the last frame seen.
    table : sequence of Shrinkage
        For the horizons 1, 2, ...; later ones take the last entry. Empty: nothing is changed.
    """
    picture = last.cpu().numpy()
    for number, step in enumerate(steps):
        if not table:
            yield step
            continue
        entry = table[min(number, len(table) - 1)]
        blurred = torch.from_numpy(blur(picture, entry.blur)).to(step.frame)
        yield step._replace(frame=torch.lerp(blurred, step.frame, entry.weight))


def blur(pictures: np.ndarray, sigma: float) -> np.ndarray:
    """Return pictures (..., H, W) behind a Gaussian of `sigma` px."""
    widths = (*[0.0] * (pictures.ndim - 2), sigma, sigma)
    filtered: np.ndarray = gaussian_filter(pictures, widths, mode="nearest")
    return filtered
