"""From pictures and somebody's own labels to sequences that the segmentation recipe takes."""

from __future__ import annotations

from collections.abc import Sequence as SequenceABC
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from ..data.folder import natural_key
from .label_rules import OF_INTEREST, LabelRules, check_labels, to_classes
from .movies import check_pictures, free_name, held_out, with_time, write_run
from .sequences import IGNORE

_CLASSES = ("background", "trap", "cell of interest", "auxiliary cell")


@dataclass(frozen=True)
class Labelled:
    """What `write_labelled` has written.

    Attributes
    ----------
    train, validation, left_out : int
        Frames in each part, and frames without labels.
    pixels : dict
        Share of the known pixels by class.
    """

    train: int
    validation: int
    left_out: int
    pixels: dict[str, float]


def write_labelled(
    folder: str | Path,
    images: Any,
    labels: Any,
    *,
    name: str = "labels",
    trap_mask: Any = None,
    validation: float = 0.2,
    pixel_size: float | None = None,
    interval: float | None = None,
    **rules: Any,
) -> Labelled:
    """Write a movie and its labels as a training folder, or add them to one.

    Labelled frames go to the parts ``train`` and, the last ones, ``validation``. Each unbroken run of them becomes one
    sequence, so that frames of a sequence always follow each other.

    Parameters
    ----------
    folder : path
        The training folder, outside the repository.
    images : array_like
        (T, Y, X) or (Y, X), any unit; may be lazy.
    labels : array_like
        The same shape, whole numbers: see `LabelRules`.
    name : str
        Name of the movie in the folder.
    trap_mask : array_like, optional
        (T, Y, X) or (Y, X), not 0 where the traps are, if they are not in `labels`. Cells lie above it.
    validation : float
        Share of the labelled frames to validate on: 0 for none, 1 for all of them.
    pixel_size : float, optional
        µm.
    interval : float, optional
        Minutes between frames.
    **rules
        Fields of `LabelRules`: trap_label, ignore, trap, classes, keep_empty.

    Returns
    -------
    Labelled
        How many frames went where.

    Raises
    ------
    CellSimError
        If shapes do not fit, labels are no whole numbers or mark no cell, pictures hold values that are no numbers, or
        the folder has a movie of this name already.
    """
    agreed = LabelRules(**rules)
    pictures = with_time(images, "pictures", name)
    marks = check_labels(with_time(labels, "labels", name), name)
    if marks.shape != tuple(pictures.shape):
        raise CellSimError(
            f"The labels of {name} have the shape {marks.shape} and its pictures {tuple(pictures.shape)}: they must be "
            "alike."
        )
    traps = None if trap_mask is None else _mask(trap_mask, marks.shape, name)
    chosen = agreed.labelled_frames(marks)
    if not len(chosen):
        raise CellSimError(f"The labels of {name} are empty: draw the cells of at least one frame.")
    kept = len(chosen) - held_out(len(chosen), validation, name, "labelled frame")
    one_mask = agreed.is_one_mask(marks)
    classes = {
        int(t): to_classes(
            marks[t],
            agreed,
            trap_mask=None if traps is None else traps[t],
            one_mask=one_mask,
            pixel_size=pixel_size,
            name=name,
        )
        for t in chosen
    }
    counts = np.sum([np.bincount(found.ravel(), minlength=IGNORE + 1)[:4] for found in classes.values()], 0)
    if not counts[OF_INTEREST:].any():
        raise CellSimError(f"The labels of {name} mark no cell: draw the cells of at least one frame.")
    check_pictures(pictures, chosen, name)
    name = free_name(folder, name)
    info = {"source": name, "pixel_size": pixel_size, "interval": interval}
    for part, frames in (("train", chosen[:kept]), ("validation", chosen[kept:])):
        for first, stop in _runs(frames):
            semantic = np.stack([classes[t] for t in range(first, stop)])
            arrays = {"images": np.asarray(pictures[first:stop]), "semantic": semantic}
            write_run(folder, part, name, first, arrays, info)
    shares = dict(zip(_CLASSES, (counts / counts.sum()).tolist(), strict=True))
    return Labelled(kept, len(chosen) - kept, len(marks) - len(chosen), shares)


def write_pairs(
    folder: str | Path,
    pairs: SequenceABC[tuple[str, Any, Any]],
    *,
    validation: float = 0.2,
    **settings: Any,
) -> Labelled:
    """Write several labelled pictures or movies as a training folder; the last ones become its part ``validation``.

    Parameters
    ----------
    folder : path
        The training folder.
    pairs : sequence of (name, images, labels)
        As `write_labelled` takes them. A single one is divided by its frames.
    validation : float
        Share of the pairs to validate on.
    **settings
        As for `write_labelled`.

    Returns
    -------
    Labelled
        How many frames went where in all.

    Raises
    ------
    CellSimError
        As `write_labelled` does.
    """
    last = len(pairs) - held_out(len(pairs), validation, str(folder)) if len(pairs) > 1 else 1
    shares = [validation] if len(pairs) == 1 else [float(number >= last) for number in range(len(pairs))]
    done = [
        write_labelled(folder, images, labels, name=name, validation=share, **settings)
        for share, (name, images, labels) in zip(shares, pairs, strict=True)
    ]
    weights = np.array([one.train + one.validation for one in done], float)
    return Labelled(
        sum(one.train for one in done),
        sum(one.validation for one in done),
        sum(one.left_out for one in done),
        {c: float(np.average([one.pixels[c] for one in done], weights=weights)) for c in _CLASSES},
    )


def find_pairs(images: str | Path, labels: str | Path) -> list[tuple[str, Path, Path]]:
    """Return name, picture and labels of the files of two folders that belong together, in natural order.

    A labels file has the name of its picture, or that and something in addition: ``a.tif`` and ``a_labels.tif``.

    Raises
    ------
    CellSimError
        If there are no labels, or one without its picture.
    """
    pictures, marks = _tiffs(images), _tiffs(labels)
    if Path(images).samefile(labels):
        below = {(a, b) for a in pictures for b in pictures if a != b and _belongs(a, b)}
        above = {picture for _, picture in below}
        marks = [mark for mark in marks if mark not in above and any(mark == one for one, _ in below)]
        pictures = [picture for picture in pictures if picture in above]
    if not marks:
        raise CellSimError(f"There are no TIFFs of labels in the folder {labels}.")
    pairs = []
    for mark in marks:
        fitting = [picture for picture in pictures if _belongs(mark, picture)]
        if not fitting:
            raise CellSimError(f"The labels {mark} have no picture of the same name in {images}.")
        best = max(fitting, key=lambda picture: len(_stem(picture)))
        pairs.append((_stem(best), best, mark))
    return pairs


def _tiffs(folder: str | Path) -> list[Path]:
    found = (path for path in Path(folder).iterdir() if path.suffix.lower() in (".tif", ".tiff"))
    return sorted((path for path in found if not path.name.startswith(".")), key=natural_key)


def _belongs(labels: Path, picture: Path) -> bool:
    """Return whether the name of a labels file is that of its picture, and perhaps more."""
    name, rest = _stem(picture), _stem(labels).removeprefix(_stem(picture))
    return _stem(labels).startswith(name) and not rest[:1].isalnum()  # t10 is not t1


def _stem(path: Path) -> str:
    return path.stem.removesuffix(".ome")


def _mask(mask: Any, shape: tuple[int, ...], name: str) -> NDArray[np.bool_]:
    found = np.asarray(with_time(mask, "trap mask", name)) != 0
    if found.shape[1:] != shape[1:] or len(found) not in (1, shape[0]):
        raise CellSimError(
            f"The trap mask of {name} has the shape {found.shape}, but its labels have {shape}: it must be the same, "
            "or one picture for all frames."
        )
    return np.broadcast_to(found, shape)


def _runs(frames: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return first and one past the last of each unbroken run of numbers."""
    if not len(frames):
        return []
    breaks = np.flatnonzero(np.diff(frames) != 1) + 1
    return [(int(run[0]), int(run[-1]) + 1) for run in np.split(frames, breaks)]
