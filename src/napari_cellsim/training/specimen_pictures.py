"""Pictures of single specimens for generative models: grey or colour, of one class, of several, or of all."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from torch import Tensor

from ..base import Event, JobToken, run
from ..datasets import Specimens, read_specimens_job
from ..models import ModelCard

Part = Literal["train", "validation", "test"]


class SpecimenConfig(BaseModel):
    """Which pictures, and in what size.

    Attributes
    ----------
    folder : str
        Folder with one folder of pictures per class, see `datasets.read_specimens`.
    classes : tuple of str
        Which classes to learn, as one; empty for all.
    size : int
        Side of the network's pictures, px.
    channels : {1, 3}
        Grey or colour.
    fit : {"crop", "pad"}
        Oblong pictures: take the central square, or add stripes.
    background : {"border", "black", "white"} or (float, float, float)
        What stripes and transparent places show.
    split : str
        File of a split to keep to; empty to split anew, four fifths for training, by `split_seed`.
    split_seed : int
        Seed of the split.
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
    fit: Literal["crop", "pad"] = "crop"
    background: Literal["border", "black", "white"] | tuple[float, float, float] = "border"
    split: str = ""
    split_seed: int = 0
    batch: int = Field(16, ge=2)
    flip: bool = False
    seed: int = 0

    def read(self) -> Specimens:
        """Return the whole data set.

        Raises
        ------
        CellSimError
            As `datasets.read_specimens` does.
        """
        return run(self.read_job())

    def read_job(self, token: JobToken | None = None) -> Generator[Event, None, Specimens]:
        """Read the whole data set, as a job."""
        return read_specimens_job(
            self.folder,
            self.size,
            channels=self.channels,
            fit=self.fit,
            background=self.background,
            seed=self.split_seed,
            split=self.split or None,
            token=token,
        )

    def pictures(self, part: Part) -> SpecimenPictures:
        """Return the pictures of one part of the data set; only the first one is learnt from.

        Raises
        ------
        CellSimError
            If there is no such class, and as `datasets.read_specimens` does.
        """
        found = self.read()
        chosen = [found.rows(part, name) for name in self.classes or found.class_names]
        return SpecimenPictures(found, np.concatenate(chosen))

    @property
    def shape(self) -> dict[str, int]:
        """What a network must know of the pictures."""
        return {"size": self.size, "channels": self.channels}

    def card(
        self, pictures: SpecimenPictures, training: Mapping[str, JsonValue], **more: object
    ) -> ModelCard:
        """Return the card of a model trained on `pictures`, whose classes and fingerprints it tells.

        Parameters
        ----------
        pictures : SpecimenPictures
            What was learnt from.
        training : mapping
            What else is to be said of the training.
        **more
            Other fields of the card.
        """
        counts = ", ".join(f"{count} {name}" for name, count in pictures.counts.items())
        fields: dict[str, object] = {
            "trained_on": f"{len(pictures)} pictures of {Path(self.folder).name} ({counts})",
            "modality": "photograph",
            # of pictures in [-1, 1]: 8-bit intensity = mean + std · value
            "normalisation": {"method": "range", "mean": 127.5, "std": 127.5, "low": 0, "high": 255},
            "input_size": (self.size, self.size),
            "training": {
                **training,
                "classes": pictures.counts,
                "fingerprints": pictures.fingerprints,
                "notes": list(pictures.notes),
            },
        }
        return ModelCard.model_validate({**fields, **more})


class SpecimenPictures:
    """Some pictures of a data set, in memory, as bytes.

    Parameters
    ----------
    specimens : Specimens
        The data set.
    rows : array (N,) int
        Which of its pictures.
    """

    def __init__(self, specimens: Specimens, rows: NDArray[np.int64]) -> None:
        self.images = torch.from_numpy(specimens.images[rows])
        names = [specimens.class_names[label] for label in specimens.labels[rows]]
        self.counts = {name: names.count(name) for name in dict.fromkeys(names)}
        self.notes = specimens.notes
        self.fingerprints = fingerprints(specimens, rows)

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, number: int) -> Tensor:
        """Return picture `number`, (C, size, size) float32 in [-1, 1]."""
        return self.images[number].float() / 127.5 - 1

    def all(self, limit: int | None = None) -> Tensor:
        """Return pictures (N, C, size, size), evenly spread over all of them if there are more than `limit`."""
        count = len(self) if limit is None else min(limit, len(self))
        return torch.stack([self.sample(i * len(self) // count) for i in range(count)])


def fingerprints(specimens: Specimens, rows: NDArray[np.int64]) -> str:
    """Return the marks of some pictures for a model card, in alphabetical order, with spaces between.

    They are enough to say later whether a picture was among them, with one false alarm in four thousand million
    comparisons.
    """
    marks = specimens.marks
    return " ".join(sorted({marks[row] for row in rows}))
