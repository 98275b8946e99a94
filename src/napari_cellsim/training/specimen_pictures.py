"""Pictures of single specimens for generative models: grey or colour, of one class, of several, or of all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ..base import CellSimError
from ..models import ModelCard

FEWEST = 8
"""Pictures that a training needs at least: fewer are shown again and again until they are learnt by heart."""

_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")

Part = Literal["train", "validation", "test"]


class SpecimenConfig(BaseModel):
    """Which pictures, and in what size.

    Attributes
    ----------
    folder : str
        Folder with one subfolder of pictures per class.
    classes : tuple of str
        Which classes to learn, as one; empty for all.
    size : int
        Side of the network's pictures, px.
    channels : {1, 3}
        Grey or colour.
    batch : int
        Pictures per batch.
    flip : bool
        Mirror half of the pictures; leave it off where left- and right-handed specimens differ.
    seed : int
        Seed of the choice of pictures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    classes: tuple[str, ...] = ()
    size: int = Field(64, ge=4)
    channels: Literal[1, 3] = 3
    batch: int = Field(16, ge=2)
    flip: bool = False
    seed: int = 0

    def pictures(self, part: Part) -> SpecimenPictures:
        """Return the pictures of one part of the data set."""
        return SpecimenPictures.read(self, part)

    def card(self, pictures: SpecimenPictures, **more: object) -> ModelCard:
        """Return the card of a model trained on `pictures`."""
        counts = ", ".join(f"{count} {name}" for name, count in pictures.counts.items())
        fields: dict[str, object] = {
            "trained_on": f"{len(pictures)} pictures of {Path(self.folder).name} ({counts})",
            "modality": "photograph",
            # of pictures in [-1, 1]: 8-bit intensity = mean + std · value
            "normalisation": {"method": "range", "mean": 127.5, "std": 127.5, "low": 0, "high": 255},
            "input_size": (self.size, self.size),
        }
        return ModelCard.model_validate({**fields, **more})


class SpecimenPictures:
    """Pictures in memory, as bytes.

    Parameters
    ----------
    images : array (N, C, size, size) uint8
        The pictures.
    names : sequence of str
        Class of each, N.
    """

    def __init__(self, images: np.ndarray, names: list[str]) -> None:
        self.images = torch.from_numpy(np.ascontiguousarray(images))
        self.counts = {name: names.count(name) for name in dict.fromkeys(names)}

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, number: int) -> Tensor:
        """Return picture `number`, (C, size, size) float32 in [-1, 1]."""
        return self.images[number].float() / 127.5 - 1

    def all(self, limit: int | None = None) -> Tensor:
        """Return pictures (N, C, size, size), evenly spread over all of them if there are more than `limit`."""
        count = len(self) if limit is None else min(limit, len(self))
        return torch.stack([self.sample(i * len(self) // count) for i in range(count)])

    @classmethod
    def read(cls, config: SpecimenConfig, part: Part) -> SpecimenPictures:
        """Read one part of a folder-per-class data set.

        Of each class, a tenth is for validation and a tenth for tests, chosen by the file names alone.

        Raises
        ------
        CellSimError
            If there is no such folder or class, a picture cannot be read or is too small, or there are too few.
        """
        folder = Path(config.folder)
        if not folder.is_dir():
            raise CellSimError(
                f"There is no folder {folder}; choose one with a subfolder of pictures per class."
            )
        known = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        missing = [name for name in config.classes if name not in known]
        if missing or not known:
            there = f"its classes are {', '.join(known)}" if known else "it has no subfolders"
            raise CellSimError(f"{folder} has no class {', '.join(missing) or 'at all'}: {there}.")
        files, names = [], []
        for name in config.classes or tuple(known):
            of_class = sorted(p for p in (folder / name).iterdir() if p.suffix.lower() in _SUFFIXES)
            if not of_class:
                raise CellSimError(
                    f"The class {name} in {folder} has no pictures; remove its folder or fill it."
                )
            chosen = _part_of(of_class, part)
            files += chosen
            names += [name] * len(chosen)
        if part == "train" and len(files) < FEWEST:
            raise CellSimError(
                f"{len(files)} training pictures in {folder} are too few to learn from; at least {FEWEST} are needed, "
                "and some hundred are better."
            )
        pictures = [_read_picture(file, config.size, config.channels) for file in files]
        shape = (0, config.channels, config.size, config.size)
        return cls(np.stack(pictures) if pictures else np.zeros(shape, np.uint8), names)


def _part_of(files: list[Path], part: Part) -> list[Path]:
    order = np.random.default_rng(0).permutation(len(files))
    tenth = max(1, round(len(files) / 10)) if len(files) > 2 else 0
    bounds = {"validation": (0, tenth), "test": (tenth, 2 * tenth), "train": (2 * tenth, len(files))}
    first, last = bounds[part]
    return [files[i] for i in sorted(order[first:last])]


def _read_picture(file: Path, size: int, channels: int) -> np.ndarray:
    """Return the central square of a picture (C, size, size) uint8."""
    from skimage.color import rgb2gray
    from skimage.io import imread
    from skimage.transform import resize
    from skimage.util import img_as_float32

    try:
        picture = np.asarray(img_as_float32(imread(file)))
    except Exception as error:  # damaged files make decoders raise almost anything
        raise CellSimError(
            f"The picture {file} cannot be read ({error}); remove it or copy it again."
        ) from error
    picture = np.atleast_3d(picture)[..., :3]
    if picture.shape[2] not in (1, 3) or min(picture.shape[:2]) < size:
        raise CellSimError(f"The picture {file} has the shape {picture.shape}, too small for {size} px.")
    if channels == 1 and picture.shape[2] == 3:
        picture = rgb2gray(picture)[..., None]
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = picture[top : top + side, left : left + side]
    small = resize(square, (size, size), anti_aliasing=side > size)
    full = np.broadcast_to(small, (size, size, channels))
    return np.asarray(np.round(full.clip(0, 1) * 255).astype(np.uint8).transpose(2, 0, 1))
