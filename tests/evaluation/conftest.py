"""An untrained model: it starts near copy-last-frame, so that its scores are known beforehand."""

from __future__ import annotations

import pytest
import torch
from made_movies import drifting

from napari_cellsim.data import TimeLapse
from napari_cellsim.models import Model


@pytest.fixture(scope="session")
def untrained() -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Model.create("untrained", "sdcnet", "lite")


@pytest.fixture(scope="session")
def movie() -> TimeLapse:
    return drifting()
