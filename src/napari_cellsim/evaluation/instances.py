"""Single cells in segmented frames: telling touching ones apart, following them, counting and matching them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Labels = npt.NDArray[np.int32]

LEAST_OVERLAP = 0.2
"""IoU from which a cell of one frame is the same as one of the frame before: cells grow and shift by a fraction of
their size between frames."""


def split_cells(mask: npt.NDArray[np.bool_], pixel_size: float) -> Labels:
    """Give every cell of a mask a number.

    Touching cells are told apart by their middles (`datasets.measures.cell_middles`) and parted by a watershed of the
    distance to the outline; patches without a middle are specks and vanish.

    Parameters
    ----------
    mask : array of bool (Y, X)
    pixel_size : float
        µm per px.

    Returns
    -------
    array of int32 (Y, X)
        0 outside, cells from 1.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    from ..datasets.measures import cell_middles

    seeds = np.zeros(mask.shape, np.int32)
    middles = cell_middles(mask, pixel_size)
    seeds[tuple(middles.T)] = np.arange(1, len(middles) + 1)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return np.asarray(watershed(-depth, seeds, mask=mask), dtype=np.int32)


def iou(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """Return the intersection over union of two masks of equal shape; NaN where both are empty."""
    union = int((first | second).sum())
    return float((first & second).sum()) / union if union else float("nan")


def track_cells(labels: npt.NDArray[Any]) -> Labels:
    """Give cells numbers that they keep over time.

    From frame to frame the pairing of cells with the largest summed IoU (Hungarian method); a pair below
    `LEAST_OVERLAP` is none, and a cell without a partner is new.

    Parameters
    ----------
    labels : array of int (T, Y, X)
        Cells from 1, numbered in each frame by itself; 0 and less is no cell.

    Returns
    -------
    array of int32 (T, Y, X)
    """
    frames = np.asarray(labels)
    tracked = np.zeros(frames.shape, np.int32)
    used = 0
    for t, frame in enumerate(frames):
        own = np.unique(frame[frame > 0])
        names = np.zeros(len(own), np.int32)
        if t:
            before = np.unique(tracked[t - 1][tracked[t - 1] > 0])
            overlaps = _overlaps(frame, own, tracked[t - 1], before)
            for i, j in zip(*linear_sum_assignment(-overlaps), strict=True):
                if overlaps[i, j] >= LEAST_OVERLAP:
                    names[i] = before[j]
        fresh = names == 0
        names[fresh] = used + np.arange(1, fresh.sum() + 1)
        used += int(fresh.sum())
        for number, name in zip(own, names, strict=True):
            tracked[t][frame == number] = name
    return tracked


def count_tracked(tracked: Labels) -> npt.NDArray[np.int64]:
    """Count the cells of every frame that are seen in at least one other frame, too.

    A speck that flickers in one frame is no cell; nor, in truth and forecast alike, is one that appears in the very
    last frame.

    Parameters
    ----------
    tracked : array of int32 (T, Y, X)
        Of `track_cells`.

    Returns
    -------
    array of int (T,)
    """
    present = [set(np.unique(frame[frame > 0]).tolist()) for frame in tracked]
    seen: dict[int, int] = {}
    for names in present:
        for name in names:
            seen[name] = seen.get(name, 0) + 1
    return np.array([sum(seen[name] > 1 for name in names) for names in present], dtype=np.int64)


def _overlaps(
    frame: npt.NDArray[Any], own: npt.NDArray[Any], last: Labels, before: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return the IoU of each cell of a frame with each of the frame before."""
    table = np.zeros((len(own), len(before)))
    areas = {int(name): int((last == name).sum()) for name in before}
    for i, number in enumerate(own):
        cell = frame == number
        area = int(cell.sum())
        names, counts = np.unique(last[cell], return_counts=True)
        for name, shared in zip(names, counts, strict=True):
            if name > 0:
                table[i, np.searchsorted(before, name)] = shared / (area + areas[int(name)] - shared)
    return table
