"""What the numbers in somebody's labels mean, and the classes that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..base import CellSimError
from ..data import TrapGeometry
from .sequences import IGNORE

BACKGROUND, TRAP, OF_INTEREST, AUXILIARY = range(4)
_OWN_TRAP = -1  # in labels of ours, such as the phantom's


@dataclass(frozen=True)
class LabelRules:
    """What the numbers in labels mean; 0 is background, and -1 is always a trap.

    Parameters
    ----------
    trap_label : int, optional
        The label of the traps; the others are cells, one number each.
    ignore : int, optional
        The label of pixels whose class is unknown: nothing is learned or judged there.
    trap : TrapGeometry or str, optional
        Shape of the trap, or its name. The cell that rests between its pillars is the cell of interest, all others are
        auxiliary; without it all cells are of interest. The trap is where pillars are labelled, else in the middle.
    classes : bool
        The labels are classes already: 0 background, 1 trap, 2 cell of interest, 3 auxiliary cell.
    keep_empty : bool
        A frame without any label shows background only. Otherwise nobody has labelled it, and it is left out.
    """

    trap_label: int | None = None
    ignore: int | None = None
    trap: TrapGeometry | str | None = None
    classes: bool = False
    keep_empty: bool = False

    def labelled_frames(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the indices of the frames of (T, Y, X) that somebody has labelled."""
        known = np.ones(labels.shape, bool) if self.ignore is None else labels != self.ignore
        if not self.keep_empty:
            known &= labels != 0
        return np.flatnonzero(known.reshape(len(known), -1).any(1))

    def is_one_mask(self, labels: NDArray[np.int64]) -> bool:
        """Return whether all cells bear one number, so that each connected patch of it is a cell."""
        return len(set(np.unique(labels).tolist()) - {0, _OWN_TRAP, self.trap_label, self.ignore}) == 1


def check_labels(labels: Any, name: str) -> NDArray[np.int64]:
    """Return labels (T, Y, X) as int64.

    Raises
    ------
    CellSimError
        If they are no whole numbers.
    """
    if labels.dtype.kind not in "iub":
        raise CellSimError(
            f"The labels of {name} are of type {labels.dtype}, but labels are whole numbers: save them from a Labels "
            "layer, or convert them to integers."
        )
    whole: NDArray[np.int64] = np.asarray(labels).astype(np.int64)
    return whole


def to_classes(
    labels: NDArray[np.int64],
    rules: LabelRules,
    *,
    trap_mask: NDArray[np.bool_] | None = None,
    one_mask: bool = False,
    pixel_size: float | None = None,
    name: str = "labels",
) -> NDArray[np.uint8]:
    """Turn the labels of one frame into classes.

    Parameters
    ----------
    labels : ndarray
        (Y, X).
    rules : LabelRules
        What they mean.
    trap_mask : ndarray, optional
        (Y, X) bool: where traps are, in addition; cells lie above it.
    one_mask : bool
        Each connected patch is a cell, whatever its number.
    pixel_size : float, optional
        µm; needed with `LabelRules.trap`.
    name : str
        What to call the labels in messages.

    Returns
    -------
    ndarray
        (Y, X) uint8: 0 background, 1 trap, 2 cell of interest, 3 auxiliary cell, 255 unknown.

    Raises
    ------
    CellSimError
        If a number means nothing, or the pixel size is missing.
    """
    unknown = np.zeros(labels.shape, bool) if rules.ignore is None else labels == rules.ignore
    known = np.where(unknown, 0, labels)
    _check_numbers(known, rules.classes, name)
    if rules.classes:
        return np.where(unknown, IGNORE, known).astype(np.uint8)
    traps = known == _OWN_TRAP
    if rules.trap_label is not None:
        traps |= known == rules.trap_label
    cells = np.where(traps, 0, known)
    if trap_mask is not None:
        traps |= trap_mask & (cells == 0)
    classes = np.where(traps, TRAP, BACKGROUND)
    classes[cells > 0] = OF_INTEREST
    if rules.trap is not None and cells.any():
        single = ndimage.label(cells)[0] if one_mask else cells
        classes[cells > 0] = AUXILIARY
        classes[_between_pillars(single, traps, rules.trap, pixel_size, name)] = OF_INTEREST
    classes[unknown] = IGNORE
    return classes.astype(np.uint8)


def _check_numbers(labels: NDArray[np.int64], classes: bool, name: str) -> None:
    lowest = 0 if classes else _OWN_TRAP
    wrong = labels[(labels < lowest) | (labels > AUXILIARY if classes else False)]
    if len(wrong):
        meaning = "classes are 0, 1, 2 and 3" if classes else "only -1, the trap, may be negative"
        raise CellSimError(f"The labels of {name} hold the number {wrong[0]}, but {meaning}.")


def _between_pillars(
    cells: NDArray[Any],
    traps: NDArray[np.bool_],
    trap: TrapGeometry | str,
    pixel_size: float | None,
    name: str,
) -> NDArray[np.bool_]:
    """Return where the cell between the pillars is; nowhere if there is none."""
    if pixel_size is None:
        raise CellSimError(
            f"The pixel size of {name} is unknown, but the cell in the trap is found in µm: state it, or leave the "
            "shape of the trap away."
        )
    geometry = TrapGeometry.nominal(trap) if isinstance(trap, str) else trap
    middle = np.argwhere(traps).mean(0) if traps.any() else (np.array(cells.shape) - 1) / 2
    ids = np.unique(cells[cells > 0])
    offsets = (np.array(ndimage.center_of_mass(cells > 0, cells, ids)) - middle) * pixel_size
    chosen = geometry.moved((0.0, 0.0)).cell_of_interest(offsets[:, 1], offsets[:, 0])
    found: NDArray[np.bool_] = np.zeros(cells.shape, bool) if chosen is None else cells == ids[chosen]
    return found
