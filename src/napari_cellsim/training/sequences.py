"""Training sequences on disk: one folder per sequence, plain arrays that are memory-mapped.

A sequence folder holds ``images.npy`` (T, Y, X) and ``sequence.json``; where the classes are known also
``semantic.npy`` (T, Y, X), and where the motion is known ``flow.npy`` (T-1, 2, Y, X) and ``valid.npy`` (T-1, Y, X). A
folder appears under its name only when it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from ..base import CellSimError

IGNORE = 255
"""Value in ``semantic.npy`` of pixels whose class nobody knows."""

Truth = Literal["semantic", "flow"]


@dataclass(frozen=True)
class Sequence:
    """One stored sequence; its arrays are opened on first use.

    Parameters
    ----------
    folder : Path
        Where it lies.
    info : dict
        Content of ``sequence.json``: pixel_size (µm), interval (minutes), source, first_frame (where the sequence
        begins in its movie, if not at 0), and what the writer added.
    length : int, optional
        Only this many frames, the first ones.
    """

    folder: Path
    info: dict[str, Any] = field(default_factory=dict)
    length: int | None = None

    @cached_property
    def images(self) -> np.ndarray:
        """(T, Y, X), any unit."""
        return self._open("images")

    @cached_property
    def semantic(self) -> np.ndarray:
        """(T, Y, X) uint8: 0 background, 1 trap, 2 cell of interest, 3 auxiliary cell, 255 unknown."""
        return self._open("semantic")

    @cached_property
    def flow(self) -> np.ndarray:
        """(T-1, 2, Y, X) float16 px: backward flow on the grid of the later frame."""
        return self._open("flow")

    @cached_property
    def valid(self) -> np.ndarray:
        """(T-1, Y, X) bool: where the flow is meaningful."""
        return self._open("valid")

    @cached_property
    def known(self) -> frozenset[Truth]:
        """What is known beside the pictures: "semantic" (classes), "flow" (with "valid")."""
        files: dict[Truth, tuple[str, ...]] = {"semantic": ("semantic",), "flow": ("flow", "valid")}
        return frozenset(
            truth
            for truth, names in files.items()
            if all((self.folder / f"{name}.npy").is_file() for name in names)
        )

    def until(self, last_frame: int) -> Sequence | None:
        """Return the part of the sequence up to a frame of its movie, or None if it begins later."""
        length = min(last_frame + 1 - self.info.get("first_frame", 0), len(self.images))
        return replace(self, length=length) if length > 0 else None

    def _open(self, name: str) -> np.ndarray:
        try:
            array: np.ndarray = np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise CellSimError(
                f"The training sequence {self.folder} has no readable {name}.npy; delete the folder and make it again."
            ) from error
        if self.length is None:
            return array
        return array[: self.length - (name in ("flow", "valid"))]


def write_sequence(folder: Path, arrays: dict[str, np.ndarray], info: dict[str, Any]) -> None:
    """Write one sequence folder so that it appears whole or not at all; an existing one is kept.

    Parameters
    ----------
    folder : Path
        Name of the new folder.
    arrays : dict
        "images" and, if known, "semantic", "flow", "valid".
    info : dict
        Written to ``sequence.json``.
    """
    if folder.is_dir():
        return
    draft = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    draft.mkdir(parents=True)
    try:
        for name, array in arrays.items():
            np.save(draft / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
        (draft / "sequence.json").write_text(json.dumps(info, indent=1))
        os.replace(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


@dataclass(frozen=True)
class CropsSequence(Sequence):
    """One focal plane of a window of a crop store; pictures are read when they are needed.

    Parameters
    ----------
    pictures : PartPictures
        What slices as an array (T, Y, X) does.
    """

    pictures: Any = None

    def until(self, last_frame: int) -> Sequence | None:
        """Return the part of the sequence up to a frame of its movie, or None if it begins later."""
        window = self.pictures.window
        if last_frame < window.start:
            return None
        shorter = replace(window, stop=min(window.stop, last_frame + 1))
        return replace(self, pictures=replace(self.pictures, window=shorter))

    @cached_property
    def images(self) -> np.ndarray:
        """(T, Y, X), any unit."""
        return cast("np.ndarray", self.pictures)


def _crop_sequences(store: Path, part: str) -> list[Sequence]:
    from ..datasets import CropStore, part_pictures

    return [
        CropsSequence(
            store / pictures.name,
            pictures.info | {"first_frame": pictures.window.start},
            pictures=pictures,
        )
        for pictures in part_pictures(CropStore(store), part)
    ]


def find_sequences(folder: str | Path, names: Iterable[str] | None = None) -> list[Sequence]:
    """Return the stored sequences under `folder`, in order of their names.

    ``STORE.zarr/train`` (or validation, or test) are the sequences of that part of a crop store's split, one per
    focal plane.

    Parameters
    ----------
    folder : path
        Holds sequence folders.
    names : iterable of str, optional
        Only these, in this order.

    Raises
    ------
    CellSimError
        If there is none.
    """
    root = Path(folder)
    if root.parent.suffix == ".zarr" and names is None:
        return _crop_sequences(root.parent, root.name)
    chosen = [root / name for name in names] if names is not None else sorted(root.glob("*/"))
    found = []
    for path in chosen:
        if path.name.startswith("."):
            continue
        description = path / "sequence.json"
        if description.is_file():
            found.append(Sequence(path, json.loads(description.read_text())))
        elif names is not None:
            raise CellSimError(f"There is no training sequence {path}; generate the data first.")
    if not found:
        raise CellSimError(f"There are no training sequences in {root}; generate the data first.")
    return found


def import_frames(
    folder: str | Path,
    name: str,
    images: np.ndarray,
    *,
    pixel_size: float,
    interval: float | None,
    target_pixel_size: float = 0.108,
    strides: tuple[int, ...] = (1,),
) -> None:
    """Store frames of a real movie, resampled to the training's pixel size as a forecast would do it.

    Parameters
    ----------
    folder, name
        Store and name of the new sequence; an existing one is kept.
    images : ndarray
        (T, Y, X).
    pixel_size, target_pixel_size : float
        µm, of the movie and of the store.
    interval : float or None
        Minutes between frames.
    strides : tuple of int
        Frame steps that training may choose among, e.g. to come near the training's interval.
    """
    import torch

    from .augmentation import resize_images

    zoom = pixel_size / target_pixel_size
    size = (round(images.shape[1] * zoom), round(images.shape[2] * zoom))
    resized = resize_images(torch.as_tensor(np.asarray(images, np.float32)), size).numpy()
    info = {"source": name, "pixel_size": target_pixel_size, "interval": interval, "strides": list(strides)}
    write_sequence(Path(folder) / name, {"images": resized}, info)
