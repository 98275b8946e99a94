"""Preview sheets of recipes that make pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def sheet(rows: Sequence[Tensor]) -> np.ndarray:
    """Return a contact sheet (H, W) uint8.

    Parameters
    ----------
    rows : sequence of Tensor
        (N, T·C, Y, X) each, standardised; the first frame is shown, from -3 (black) to 3 (white).
    """
    lines = [torch.cat(list(row[:, 0].detach().float().cpu()), dim=1) for row in rows]
    grey = ((torch.cat(lines) + 3) / 6 * 255).clamp(0, 255).byte()
    array: np.ndarray = grey.numpy()
    return array
