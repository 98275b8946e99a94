"""A small convolutional classifier of pictures of single specimens."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..base import CellSimError
from .resnet import FEATURES, ResNet18, ResNet18Config

_GROUPS = 4
_SMALLEST = 8


class ClassifierConfig(BaseModel):
    """Shape of a `Classifier`.

    Attributes
    ----------
    classes : int
        Number of classes.
    channels : {1, 3}
        Grey or colour.
    backbone : {"plain", "resnet18"}
        What describes a picture to the head: the stages given by `widths` and `depth`, or a `ResNet18`, which has its
        own.
    widths : tuple of int
        Channels of each stage, multiples of 4; every stage but the first works on maps half as large as the one before.
    depth : int
        Convolutions per stage.
    hidden : tuple of int
        Widths of the fully connected layers before the last one.
    dropout : float
        Share of their inputs that is left out at random, in training and for `evaluation.uncertain_cases`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: int = Field(4, ge=2)
    channels: int = Field(3, ge=1)
    backbone: Literal["plain", "resnet18"] = "plain"
    widths: tuple[int, ...] = Field((16, 32, 64, 96), min_length=1)
    depth: int = Field(1, ge=1)
    hidden: tuple[int, ...] = (64,)
    dropout: float = Field(0.3, ge=0, lt=1)


PRESETS: dict[str, ClassifierConfig] = {
    "lite": ClassifierConfig(),
    "large": ClassifierConfig(widths=(32, 64, 128, 256, 256), depth=2, hidden=(512, 64), dropout=0.5),
    "resnet18": ClassifierConfig(backbone="resnet18", hidden=(512, 64), dropout=0.5),
}


class Classifier(nn.Module):
    """Stages of 3×3 convolutions as in VGG (Simonyan and Zisserman, ICLR 2015), with group norm, then dense layers.

    The head is that of Østmo 2020, §2.5 (two ReLU layers, then the classes). Instead of all places of the last maps
    their means and maxima are judged, so that any picture size fits. The thesis' stages had learnt ImageNet before;
    what comes nearest to that is a `ResNet18` in their place, of whose last maps the means are judged.

    Parameters
    ----------
    config : ClassifierConfig
        Sizes.

    Raises
    ------
    ValueError
        If a width is no multiple of 4.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        if any(width < 1 or width % _GROUPS for width in config.widths):
            raise ValueError(f"widths must be multiples of {_GROUPS}, not {config.widths}")
        self.backbone = ResNet18(ResNet18Config()) if config.backbone == "resnet18" else None
        self.stages = nn.ModuleList()
        before = config.channels
        for width in () if self.backbone else config.widths:
            layers: list[nn.Module] = []
            for _ in range(config.depth):
                layers += [
                    nn.Conv2d(before, width, 3, padding=1, bias=False),
                    nn.GroupNorm(_GROUPS, width),
                    nn.ReLU(),
                ]
                before = width
            self.stages.append(nn.Sequential(*layers))
        before = FEATURES if self.backbone else 2 * before  # means and maxima
        head: list[nn.Module] = []
        for width in config.hidden:
            head += [nn.Dropout(config.dropout), nn.Linear(before, width), nn.ReLU()]
            before = width
        self.head = nn.Sequential(*head, nn.Dropout(config.dropout), nn.Linear(before, config.classes))

    def features(self, images: Tensor) -> Tensor:
        """Return what the head judges: the means and maxima (B, 2 · widths[-1]) of the last maps, or (B, 512) means.

        Parameters
        ----------
        images : Tensor
            (B, channels, H, W) in [-1, 1], of at least 8 px.

        Raises
        ------
        CellSimError
            If the pictures have another number of channels or are smaller.
        """
        if images.ndim != 4 or images.shape[1] != self.config.channels or min(images.shape[2:]) < _SMALLEST:
            raise CellSimError(
                f"The classifier takes pictures of {self.config.channels} channels and at least {_SMALLEST} px, not of "
                f"the shape {tuple(images.shape[1:])}; read them with its own settings."
            )
        if self.backbone:
            means: Tensor = self.backbone(images)
            return means
        x = images
        for number, stage in enumerate(self.stages):
            x = stage(F.max_pool2d(x, 2, ceil_mode=True) if number else x)
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) of pictures as `features` takes them."""
        logits: Tensor = self.head(self.features(images))
        return logits


def create_classifier(preset: str = "lite", **overrides: object) -> Classifier:
    """Return a new `Classifier` of a preset, with single fields overridden."""
    return Classifier(ClassifierConfig.model_validate({**PRESETS[preset].model_dump(), **overrides}))
