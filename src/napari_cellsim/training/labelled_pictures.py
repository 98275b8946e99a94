"""Pictures with their classes for a classifier: real ones, and generated ones beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..base import CellSimError
from ..datasets import Specimens, read_specimens
from .picture_changes import DRAWS, PictureChanges, change_pictures
from .specimen_pictures import Part, SpecimenConfig


@dataclass(frozen=True)
class ClassBatch:
    """Pictures and their classes.

    Attributes
    ----------
    images : Tensor
        (B, C, size, size) in [-1, 1].
    labels : Tensor
        (B,) int64.
    step : int
        Step of the training.
    """

    images: Tensor
    labels: Tensor
    step: int

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> ClassBatch:
        """Return the batch on another device."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def part(self, rows: slice) -> ClassBatch:
        """Return some of the samples."""
        return replace(self, images=self.images[rows], labels=self.labels[rows])


class ClassifierData(SpecimenConfig):
    """Which pictures, and in what size: as `SpecimenConfig`, but half of the pictures are mirrored by default."""

    flip: bool = True


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures in memory.

    Attributes
    ----------
    images : ndarray of uint8, (N, C, size, size)
    labels : ndarray of int64, (N,)
        Index into `class_names`.
    class_names : tuple of str
    names : tuple of str
        What each picture is called, for people: its file.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> dict[str, int]:
        """Number of pictures of each class."""
        return {name: int((self.labels == label).sum()) for label, name in enumerate(self.class_names)}

    def first(self, per_class: int) -> LabelledPictures:
        """Return the first so many pictures of each class.

        Raises
        ------
        CellSimError
            If a class has fewer.
        """
        for name, count in self.counts.items():
            if count < per_class:
                raise CellSimError(
                    f"There are {count} generated pictures of the class {name}, but {per_class} of each class are "
                    "asked for: generate more, or ask for fewer."
                )
        own = [np.flatnonzero(self.labels == label)[:per_class] for label in range(len(self.class_names))]
        return self._rows(np.concatenate(own))

    def _rows(self, rows: NDArray[np.int64]) -> LabelledPictures:
        names = tuple(self.names[row] for row in rows)
        return LabelledPictures(self.images[rows], self.labels[rows], self.class_names, names)


def labelled(specimens: Specimens, part: Part, classes: Sequence[str] = ()) -> LabelledPictures:
    """Return the pictures of one part of a data set.

    Parameters
    ----------
    specimens : Specimens
        The data set.
    part : {"train", "validation", "test"}
    classes : sequence of str
        Some of its classes; all by default.

    Raises
    ------
    CellSimError
        If there are fewer than two classes, or no picture of one of them in this part.
    """
    chosen = tuple(classes) or specimens.class_names
    if len(chosen) < 2:
        raise CellSimError(
            f"A classifier needs at least two classes, but {specimens.folder} gives one, {chosen[0]}: add a folder of "
            "pictures of another class."
        )
    rows = [specimens.rows(part, name) for name in chosen]
    for name, own in zip(chosen, rows, strict=True):
        if not len(own):
            raise CellSimError(
                f"The split has no picture of the class {name} in its part {part}: give one with some in every part."
            )
    labels = np.repeat(np.arange(len(chosen), dtype=np.int64), [len(own) for own in rows])
    together = np.concatenate(rows)
    names = tuple(specimens.paths[row] for row in together)
    return LabelledPictures(specimens.images[together], labels, chosen, names)


def read_synthetic(folder: str | Path, specimens: Specimens, data: SpecimenConfig) -> LabelledPictures:
    """Read generated pictures, one folder per class, as the real ones were read.

    Parameters
    ----------
    folder : path
        Folders of JPEG, PNG or TIFF pictures, named like the classes of the real ones.
    specimens : Specimens
        The real ones.
    data : SpecimenConfig
        How they were read.

    Raises
    ------
    CellSimError
        If the classes are not those of the real pictures, a "generated" picture is a real one that is held out, and as
        `datasets.read_specimens` does.
    """
    found = read_specimens(
        folder,
        data.size,
        channels=data.channels,
        fit=data.fit,
        background=data.background,
        fractions=(1.0, 0.0, 0.0),
    )
    chosen = data.classes or specimens.class_names
    for name in chosen:
        if name not in found.class_names:
            raise CellSimError(
                f"There are no generated pictures of the class {name} in {folder}: put some into a folder of this name."
            )
    for name in found.class_names:
        if name not in chosen:
            raise CellSimError(
                f"The folder {folder} holds generated pictures of {name}, which is no class of the real ones "
                f"({', '.join(chosen)}): rename or remove it."
            )
    pictures = labelled(found, "train", chosen)
    check_no_held_out(pictures, specimens)
    return pictures


def check_no_held_out(pictures: LabelledPictures, specimens: Specimens) -> None:
    """Check that no "generated" picture is a real one that is held out, turned or mirrored ones included.

    Raises
    ------
    CellSimError
        If one is; the sentence names both.
    """
    held_out = {}
    for part in ("validation", "test"):
        for row in specimens.rows(part):
            held_out[specimens.images[row].tobytes()] = part, specimens.paths[row]
    for name, picture in zip(pictures.names, pictures.images, strict=True):
        for turned in _eight(picture):
            if turned.tobytes() in held_out:
                part, path = held_out[turned.tobytes()]
                raise CellSimError(
                    f"The generated picture {name} is the real picture {path} of the part {part}, so nothing measured "
                    "with it would be true: take it out, and train the generator on the training part alone."
                )


def _eight(picture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    turned = [np.rot90(picture, turns, (1, 2)) for turns in range(4)]
    return [np.ascontiguousarray(one) for own in turned for one in (own, own[:, :, ::-1])]


class ClassFeeder:
    """Draws batches: a pure function of seed and step.

    First the class, as often as it is among the real pictures, then one of its pictures, real or generated. So adding
    generated pictures changes neither the share of a class nor the order of the classes.

    Parameters
    ----------
    real : LabelledPictures
        The training part.
    synthetic : LabelledPictures or None
        Generated ones of the same classes.
    data : SpecimenConfig
        Batch size, mirroring and seed.
    changes : PictureChanges
        Classical augmentation, of real and generated pictures alike.

    Attributes
    ----------
    share : slice
        Which samples of each batch to draw; all by default.
    """

    def __init__(
        self,
        real: LabelledPictures,
        synthetic: LabelledPictures | None,
        data: SpecimenConfig,
        changes: PictureChanges,
    ) -> None:
        self.data, self.changes = data, changes
        both = [real] if synthetic is None else [real, synthetic]
        self._images = torch.from_numpy(np.concatenate([one.images for one in both]))
        labels = np.concatenate([one.labels for one in both])
        self._rows = [np.flatnonzero(labels == label) for label in range(len(real.class_names))]
        counts = np.array(list(real.counts.values()), dtype=np.float64)
        self._shares = np.cumsum(counts / counts.sum())
        self.share = slice(None)

    def __len__(self) -> int:
        return len(self._images)

    def __call__(self, step: int) -> ClassBatch:
        """Return the batch of a step."""
        # Drawn for all samples, so that a share holds what the whole batch has at its place.
        draws = np.random.default_rng([self.data.seed, step]).random((self.data.batch, 2 + DRAWS))[self.share]
        labels = np.minimum(np.searchsorted(self._shares, draws[:, 0], "right"), len(self._rows) - 1)
        own = [self._rows[label] for label in labels]
        picked = np.array([rows[int(u * len(rows))] for rows, u in zip(own, draws[:, 1], strict=True)])
        images = self._images[torch.from_numpy(picked)].float() / 127.5 - 1
        changed = change_pictures(images, self.changes, self.data.flip, draws[:, 2:])
        return ClassBatch(changed, torch.from_numpy(labels.astype(np.int64)), step)
