"""Small real models, untrained but with noise that shows, and guide pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_cellsim.data import TimeLapse
from napari_cellsim.models import Model, ModelCard

SIZE = 32
LEVEL = {"method": "standard", "mean": 1000.0, "std": 50.0}


def make_gan(name: str = "small", card: ModelCard | None = None, seed: int = 7, **overrides) -> Model:
    torch.manual_seed(seed)
    model = Model.create(name, "cellgan", "lite", card=card, **{"size": SIZE, **overrides})
    with torch.no_grad():
        for key, weight in model.network.named_parameters():
            if key.endswith("noise.strength"):
                weight.fill_(0.3)
    return model


@pytest.fixture(scope="session")
def gan() -> Model:
    """One channel, one frame, trained (so it says) on pictures of 0.5 µm per px and about 1000 counts."""
    return make_gan(card=ModelCard(pixel_size=0.5, normalisation=LEVEL, input_size=SIZE), plus=True)


@pytest.fixture(scope="session")
def sequence_gan() -> Model:
    """Three frames of two channels."""
    level = {"method": "standard", "mean": [1000.0, 200.0], "std": [50.0, 10.0]}
    card = ModelCard(pixel_size=0.5, interval=10.0, normalisation=level, input_size=SIZE)
    return make_gan("sequences", card, frames=3, channels=2)


@pytest.fixture(scope="session")
def vae() -> Model:
    torch.manual_seed(7)
    return Model.create("codes", "vae", "lite", card=ModelCard(pixel_size=0.5), size=SIZE)


@pytest.fixture
def make_model() -> Callable[..., Model]:
    """Make another Cell-GAN, for tests that change it."""
    return make_gan


def make_pictures(
    frames: int = 4, size: tuple[int, int] = (48, 40), channels: int = 1, **fields
) -> TimeLapse:
    """Smooth texture on a bright ground, unlike in every frame and channel."""
    noise = np.random.default_rng(2).normal(size=(frames, channels, 1, *size))
    texture = gaussian_filter(noise, (0, 0, 0, 3, 3)) * 4000 + 3000
    return TimeLapse(texture.astype(np.uint16), **{"pixel_size": 0.5, "name": "trap 3", **fields})


@pytest.fixture(scope="session")
def movie() -> TimeLapse:
    return make_pictures()


@pytest.fixture
def pictures() -> Callable[..., TimeLapse]:
    return make_pictures
