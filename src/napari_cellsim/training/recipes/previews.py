"""Preview sheets: what the networks do, always with the same pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ...data import flow_to_rgb
from ..feeding import Batch
from .common import device_of

_SHOWN = 4  # validation sequences in a sheet
_CLASSES = 3  # the last one is white


def sheet(rows: Sequence[Tensor]) -> np.ndarray:
    """Return a contact sheet (H, W) uint8.

    Parameters
    ----------
    rows : sequence of Tensor
        (N, T·C, Y, X) each, standardised; the first frame is shown, from -3 (black) to 3 (white).
    """
    return tiles([list((row[:, 0].detach().float().cpu() + 3) / 6) for row in rows])


def tiles(rows: Sequence[Sequence[Tensor]]) -> np.ndarray:
    """Return pictures (Y, X[, 3]) in [0, 1], all of one size, as a contact sheet (H, W[, 3]) uint8."""
    lines = [torch.cat([picture.detach().float().cpu() for picture in row], dim=1) for row in rows]
    array: np.ndarray = (torch.cat(lines) * 255).clamp(0, 255).byte().numpy()
    return array


def scale_sheet(pictures: Sequence[Tensor]) -> np.ndarray:
    """Return the same pictures at several scales, one scale per row, enlarged to the last one's size.

    Parameters
    ----------
    pictures : sequence of Tensor
        (N, C, h, w) of each scale, coarse to fine, in [-1, 1]; C is 1 or 3.

    Returns
    -------
    ndarray
        (H, W) or (H, W, 3) uint8.
    """
    side = pictures[-1].shape[-1]
    rows = []
    for scale in pictures:
        factor = side // scale.shape[-1]
        rows.append(scale.repeat_interleave(factor, 2).repeat_interleave(factor, 3))
    return photograph_sheet(rows)


def photograph_sheet(rows: Sequence[Tensor]) -> np.ndarray:
    """Return a contact sheet of photographs, (H, W) or (H, W, 3) uint8.

    Parameters
    ----------
    rows : sequence of Tensor
        (N, C, h, w) each, in [-1, 1]; C is 1 or 3.
    """
    shown = [((row + 1) / 2).movedim(1, -1) for row in rows]
    return tiles([list(row[..., 0] if row.shape[-1] == 1 else row) for row in shown])


@torch.no_grad()
def class_sheet(network: nn.Module, items: Sequence[Batch]) -> np.ndarray:
    """Return frames, the classes that a network sees in them, and the true ones, one below the other: (H, W) uint8.

    Background is black, then come trap, cell of interest and auxiliary cell, which is white, as what is unknown.
    """
    shown = _alike(items)
    frames = [item.images[0, 0, 0] for item in shown]
    guesses = [network(item.to(device_of(network)).images[:, 0]).argmax(1)[0].cpu() for item in shown]
    truths = [item.semantic[0, 0] % (_CLASSES + 1) for item in shown]
    return tiles([frames, [guess / _CLASSES for guess in guesses], [truth / _CLASSES for truth in truths]])


@torch.no_grad()
def flow_sheet(network: nn.Module, items: Sequence[Batch]) -> np.ndarray:
    """Return later frames and the motion that a network sees in them, as colours; below it the true one, if known.

    Parameters
    ----------
    network : Module
        Takes the later and the earlier frame.
    items : sequence of Batch
        Pairs of frames.

    Returns
    -------
    ndarray
        (H, W, 3) uint8; a colour is as strong as the motion, up to the largest one in the sequence's truth or guess.
    """
    columns = []
    for item in _alike(items):
        images = item.to(device_of(network)).images
        guess = network(images[:, 1], images[:, 0])[0].float().cpu().numpy()
        truth, known = item.flow[0, 0].float().numpy(), bool(item.valid[0, 0].any())
        largest = float(max(1e-3, np.hypot(*(truth if known else guess)).max()))
        grey = tiles([[item.images[0, 1, 0]]])
        column = [np.repeat(grey[..., None], 3, axis=-1), flow_to_rgb(-guess, largest)]
        columns.append([*column, flow_to_rgb(-truth, largest)] if known else column)
    shortest = min(len(column) for column in columns)
    return np.concatenate([np.concatenate(column[:shortest]) for column in columns], axis=1)


def _alike(items: Sequence[Batch]) -> list[Batch]:
    """Return some items whose pictures have the size of the first."""
    size = items[0].images.shape[-2:]
    return [item for item in items if item.images.shape[-2:] == size][:_SHOWN]
