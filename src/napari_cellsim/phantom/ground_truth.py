"""What the simulation knows and a network must learn: classes, backward flow and its validity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .grid import Grid
from .scene import DrawnCell, Snapshot

Floats = NDArray[np.floating[Any]]

BACKGROUND, TRAP, CELL_OF_INTEREST, AUXILIARY_CELL = 0, 1, 2, 3


def semantic_classes(labels: NDArray[np.int32], trapped: frozenset[int]) -> NDArray[np.uint8]:
    """Return the four classes (Y, X): background, trap, cell of interest, auxiliary cell."""
    classes = np.where(labels > 0, AUXILIARY_CELL, BACKGROUND)
    classes[labels == -1] = TRAP
    classes[np.isin(labels, list(trapped))] = CELL_OF_INTEREST
    return classes.astype(np.uint8)


def backward_flow(
    before: Snapshot, after: Snapshot, labels_before: NDArray[np.int32], labels: NDArray[np.int32], grid: Grid
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return where each pixel of a frame was in the preceding one.

    Background and pillars follow the stage; each cell moves, turns and grows as its ellipse does.

    Parameters
    ----------
    before, after : Snapshot
        The preceding and the present frame.
    labels_before, labels : ndarray, (Y, X)
        Their labels.
    grid : Grid
        The picture.

    Returns
    -------
    flow : ndarray, (2, Y, X), float32
        Displacement in pixels, channel 0 = x: the content of pixel p was at p + flow(p).
    valid : ndarray, (Y, X), bool
        False where a pixel was hidden (background under a cell), outside the picture, or in a cell not yet there.
    """
    y, x = grid.camera_axes()
    pixel = grid.pixel_size
    stage = ((before.shift[0] - after.shift[0]) / pixel, (before.shift[1] - after.shift[1]) / pixel)
    flow = np.empty((2, *labels.shape), np.float32)
    flow[0], flow[1] = stage
    valid = np.ones(labels.shape, bool)
    earlier = {cell.identity: cell for cell in before.cells}
    for cell in after.cells:
        rows, columns = _bounds(cell, after.shift, grid)
        inside = labels[rows, columns] == cell.identity
        if not inside.any():
            continue
        origin = earlier.get(cell.identity)
        if origin is None:
            valid[rows, columns][inside] = False
            origin = _bud_site(cell, earlier)
        if origin is None:
            continue
        local_y, local_x = np.nonzero(inside)
        px, py = x[columns][local_x], y[rows][local_y]
        dx, dy = px - after.shift[0] - cell.x, py - after.shift[1] - cell.y
        c, s = math.cos(cell.angle), math.sin(cell.angle)
        u, v = (c * dx + s * dy) * (origin.long / cell.long), (c * dy - s * dx) * (origin.short / cell.short)
        c, s = math.cos(origin.angle), math.sin(origin.angle)
        source_x = origin.x + c * u - s * v + before.shift[0]
        source_y = origin.y + s * u + c * v + before.shift[1]
        flow[0, rows, columns][inside] = (source_x - px) / pixel
        flow[1, rows, columns][inside] = (source_y - py) / pixel
    return flow, valid & _was_visible(flow, labels_before, labels)


def _bounds(cell: DrawnCell, shift: tuple[float, float], grid: Grid) -> tuple[slice, slice]:
    spans = []
    for middle, size in ((cell.y + shift[1], grid.height), (cell.x + shift[0], grid.width)):
        low = math.floor((middle - cell.long) / grid.pixel_size + size / 2) - 1
        high = math.ceil((middle + cell.long) / grid.pixel_size + size / 2) + 1
        spans.append(slice(min(max(low, 0), size), min(max(high, 0), size)))
    return spans[0], spans[1]


def _bud_site(bud: DrawnCell, earlier: dict[int, DrawnCell]) -> DrawnCell | None:
    """Return a tiny cell on the mother's wall from which a new bud has emerged."""
    mother = earlier.get(bud.mother) if bud.mother is not None else None
    if mother is None:
        return None
    angle = math.atan2(bud.y - mother.y, bud.x - mother.x)
    x, y = mother.x + mother.short * math.cos(angle), mother.y + mother.short * math.sin(angle)
    return DrawnCell(
        bud.identity, x, y, 0.1 * bud.long, 0.1 * bud.short, bud.angle, bud.z, bud.seed, bud.mother
    )


def _was_visible(
    flow: Floats, labels_before: NDArray[np.int32], labels: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Source inside the picture and, for background, not under a cell."""
    height, width = labels.shape
    rows, columns = np.indices(labels.shape)
    source_x, source_y = columns + flow[0], rows + flow[1]
    inside = (source_x >= 0) & (source_x <= width - 1) & (source_y >= 0) & (source_y <= height - 1)
    at_x = np.clip(np.rint(source_x), 0, width - 1).astype(int)
    at_y = np.clip(np.rint(source_y), 0, height - 1).astype(int)
    result: NDArray[np.bool_] = inside & ((labels != 0) | (labels_before[at_y, at_x] <= 0))
    return result
