"""Classifier of photographs of single specimens, with classical augmentation and, if wanted, generated pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, JsonValue
from torch import Tensor
from torch.nn import functional

from ... import nets
from ...base import CellSimError
from ...datasets import Specimens
from ...models import Model, load_model
from ..labelled_pictures import (
    ClassBatch,
    ClassFeeder,
    ClassifierData,
    LabelledPictures,
    labelled,
    read_synthetic,
)
from ..picture_changes import PictureChanges
from ..recipe import Recipe, RecipeConfig
from ..specimen_pictures import SpecimenPictures, fingerprints
from .common import device_of
from .fitting import take_fitting

_CHUNK = 64  # pictures at a time
_FROZEN = 3  # stages of a backbone; the thesis trained the last two of VGG16's thirteen convolutions
_SLOWER = 0.1  # a fresh head's first gradients would spoil what a backbone knows


class ClassifierConfig(RecipeConfig):
    """Settings of `ClassifierRecipe`.

    Attributes
    ----------
    data : ClassifierData
        Pictures, two classes or more.
    synthetic : str
        Folder with one folder of generated pictures per class, which are added to the training part; empty for none.
    per_class : int
        How many of them to add to each class, the first by name; 0 for all.
    changes : PictureChanges
        Classical augmentation, of real and generated pictures alike.
    preset, overrides
        Network, see `nets.create`; classes and channels are those of `data`.
    start : str
        Name or file of a model to start from, whose layers are taken where they fit; empty for fresh weights. The
        preset "resnet18" needs one: an imported backbone, or a classifier that began with it.
    frozen : int or None
        How many of the backbone's four stages keep still, the first ones: 0 trains all. Nothing said stands for 3.
    lr : float
        Of Adam; a tenth of it for those layers of a backbone that are trained.
    model_name : str
        Name of the resulting model.
    """

    data: ClassifierData
    synthetic: str = ""
    per_class: int = Field(0, ge=0)
    changes: PictureChanges = PictureChanges()
    preset: str = "lite"
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    start: str = ""
    frozen: int | None = Field(None, ge=0, le=4)
    lr: float = Field(2e-3, gt=0)
    model_name: str = "classifier-lite"


class ClassifierRecipe(Recipe):
    """Cross-entropy on changed pictures; the held-out part says which weights to keep and when to stop.

    Parameters
    ----------
    config : ClassifierConfig
        Settings.
    specimens : Specimens, optional
        The pictures of ``config.data``, if they are in memory already.
    synthetic : LabelledPictures, optional
        The generated ones to add, if they are.
    """

    name: ClassVar[str] = "classifier"
    config: ClassifierConfig

    def __init__(
        self,
        config: ClassifierConfig,
        specimens: Specimens | None = None,
        synthetic: LabelledPictures | None = None,
    ) -> None:
        super().__init__()
        self.config, data = config, config.data
        self._specimens = data.read() if specimens is None else specimens
        self._train = labelled(self._specimens, "train", data.classes)
        self._validation = labelled(self._specimens, "validation", data.classes)
        if synthetic is None and config.synthetic:
            synthetic = read_synthetic(config.synthetic, self._specimens, data)
            synthetic = synthetic.first(config.per_class) if config.per_class else synthetic
        self._synthetic = synthetic
        self._feeder = ClassFeeder(self._train, synthetic, data, config.changes)
        shape: dict[str, Any] = {"classes": len(self._train.class_names), "channels": data.channels}
        self.network: Any = nets.create("classifier", config.preset, **{**config.overrides, **shape})
        self._start = load_model(config.start) if config.start else None
        self.modules["network"] = self.network
        self.optimisers["network"] = torch.optim.Adam(self._begin(), config.lr)

    def _begin(self) -> list[Any]:
        """Take the weights to start from and return what is to be trained."""
        network, start, frozen = self.network, self._start, self.config.frozen
        if network.backbone is None:
            if frozen:
                raise CellSimError(
                    f"The setting frozen is {frozen}, but this network has no backbone that could keep still: leave it "
                    "out, or choose the preset 'resnet18'."
                )
            if start and start.kind == "backbone":
                raise CellSimError(
                    f"The model {self.config.start} is a backbone, which only the network of the preset 'resnet18' "
                    "has: choose that preset, or start from something else."
                )
            if start:
                take_fitting(start, "classifier", network)
            return list(network.parameters())
        if start is None:
            raise CellSimError(
                "A network with a ResNet-18 cannot start from fresh weights: bring torchvision's with `napari-cellsim "
                "import-weights` or the Models dock, and start from that model."
            )
        whole = start.kind != "backbone"
        take_fitting(start, "classifier" if whole else "backbone", network if whole else network.backbone)
        network.backbone.freeze(_FROZEN if frozen is None else frozen)
        trained = [value for value in network.backbone.parameters() if value.requires_grad]
        groups = [{"params": list(network.head.parameters())}]
        return [*groups, {"params": trained, "lr": self.config.lr * _SLOWER}] if trained else groups

    def batch(self, step: int, progress: float) -> ClassBatch:
        """Return pictures and their classes."""
        return self._feeder(step)

    def losses(self, batch: ClassBatch, progress: float) -> dict[str, Tensor]:
        """Return the cross-entropy, and the share of pictures that are classified correctly."""
        logits = self.network(batch.images)
        right = (logits.argmax(1) == batch.labels).float().mean()
        return {"loss": functional.cross_entropy(logits, batch.labels), "accuracy": right}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the same on the validation part, without dropout and changes."""
        held_out, device = self._validation, device_of(self.network)
        self.network.eval()
        try:
            chunks = torch.from_numpy(held_out.images).split(_CHUNK)
            logits = torch.cat([self.network(c.to(device).float() / 127.5 - 1).float().cpu() for c in chunks])
        finally:
            self.network.train()
        labels = torch.from_numpy(held_out.labels)
        return {
            "loss": float(functional.cross_entropy(logits, labels)),
            "accuracy": float((logits.argmax(1) == labels).float().mean()),
        }

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the model."""
        values: dict[str, JsonValue] = {**self.validate()}
        names = self._train.class_names
        learnt, chose = (
            np.concatenate([self._specimens.rows(part, name) for name in names])
            for part in ("train", "validation")
        )
        pictures = SpecimenPictures(self._specimens, learnt)
        origin: dict[str, Any] = {}
        if self._start:
            origin = {"started_from": {"name": self._start.name, "hash": self._start.hash}}
        about = self.config.data.card(
            pictures,
            description=f"Tells which class a picture of a single specimen shows: {', '.join(names)}.",
            metrics=values,
            licence=self._start.card.licence if self._start else "",
            training=training
            | origin
            | {
                "settings": self.config.model_dump(mode="json"),
                "class_names": list(names),
                "synthetic": self._synthetic.counts if self._synthetic else {},
                # `evaluation.class_assessment` judges neither by these nor by the fingerprints of what was learnt from
                "chosen_by": fingerprints(self._specimens, chose),
            },
        )
        Model(self.config.model_name, "classifier", {"classifier": self.network}, about).save(path)
