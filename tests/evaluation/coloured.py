"""Photographs, generators and a classifier of two classes, red and blue, whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_cellsim.models import Model, ModelCard

SIZE = 16
CLASSES = ("blue", "red")


def coloured(name: str, count: int, seed: int = 0, size: int = SIZE) -> np.ndarray:
    """Return textures (N, 3, Y, X) uint8 of one colour, each unlike all others."""
    texture = gaussian_filter(np.random.default_rng(seed).normal(size=(count, 3, size, size)), (0, 0, 1, 1))
    images = 60 + 60 * texture
    images[:, 0 if name == "red" else 2] += 100
    return np.clip(images, 0, 255).astype(np.uint8)


def write_folder(root: Path, count: int = 14, seed: int = 0, classes: tuple[str, ...] = CLASSES) -> Path:
    """Write a folder of PNG per class."""
    for offset, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number, picture in enumerate(coloured(name, count, seed + offset)):
            Image.fromarray(picture.transpose(1, 2, 0)).save(root / name / f"{number:03d}.png")
    return root


def classifier(channels: int = 3, **training: Any) -> Model:
    """A classifier that says "red" of what is more red than blue."""
    facts = {"class_names": list(CLASSES), **training}
    card = ModelCard(training=facts, input_size=SIZE, trained_on="colours")
    model = Model.create(
        "colours", "classifier", card=card, classes=2, channels=channels, widths=(8,), hidden=()
    )
    network = model.network
    with torch.no_grad():
        for value in network.parameters():
            value.zero_()
        convolution, norm = network.stages[0][0], network.stages[0][1]
        # the first group of the norm holds red and blue, so that they are measured by one scale
        convolution.weight[0, 0, 1, 1] = convolution.weight[1, -1, 1, 1] = 1
        norm.weight.fill_(1)
        network.head[-1].weight[1, 0] = network.head[-1].weight[0, 1] = 20
    return model


def generator(name: str, seed: int = 0, **training: Any) -> Model:
    """An untrained MSG-GAN that says it learnt one class."""
    card = ModelCard(
        modality="photograph",
        normalisation={"method": "range", "mean": 127.5, "std": 127.5, "low": 0, "high": 255},
        input_size=SIZE,
        training={"classes": {name: 14}, **training},
    )
    torch.manual_seed(seed)
    return Model.create(f"colours ({name})", "msggan", card=card, size=SIZE, latent=6, widths=(12,) * 9)
