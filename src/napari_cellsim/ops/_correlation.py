"""The cost volume of PWC-Net."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from napari_cellsim.base.errors import CellSimError

from ._checks import check_dtype, check_floating, check_same_device, check_shape, widen


def correlation(first: Tensor, second: Tensor, max_displacement: int = 4) -> Tensor:
    """Compare every pixel of `first` with the neighbourhood of the same pixel in `second`.

    Parameters
    ----------
    first, second
        Feature maps (B, C, H, W) of one floating-point dtype, C ≥ 1.
    max_displacement
        d ≥ 0 in pixels: displacements from -d to d in both directions are compared.

    Returns
    -------
    Tensor
        (B, (2d+1)², H, W): channel ``(dy + d)·(2d + 1) + dx + d`` is the mean over the C channels of
        ``first(x, y) · second(x + dx, y + dy)``, where `second` is zero outside; float32 under autocast.

    Raises
    ------
    CellSimError
        If shapes, dtypes or devices differ, or `max_displacement` is negative.

    Notes
    -----
    Sun et al., "PWC-Net", CVPR 2018, eq. 2, without the activation that follows it there.
    """
    if torch.is_autocast_enabled(first.device.type):
        with torch.autocast(first.device.type, enabled=False):
            return correlation(widen(first), widen(second), max_displacement)
    check_floating(first=first, second=second)
    check_shape("first", first, ("B", "C", "H", "W"))
    check_shape("second", second, tuple(first.shape))
    check_dtype("second", second, (first.dtype,))
    check_same_device(first=first, second=second)
    if max_displacement < 0:
        raise CellSimError(f"max_displacement is {max_displacement}; it must be zero or more pixels.")
    height, width = first.shape[2:]
    padded = pad(second, (max_displacement,) * 4)
    reach = range(2 * max_displacement + 1)
    # One shifted product after another: the memory for all of them at once costs more time than the loop.
    maps = [(first * padded[:, :, dy : dy + height, dx : dx + width]).mean(1) for dy in reach for dx in reach]
    return torch.stack(maps, 1)
