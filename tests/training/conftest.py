from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_cellsim.training.simulated import generate_phantoms


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    """A small store of real phantom sequences: 96², 9 frames."""
    root = tmp_path_factory.mktemp("store")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for part, seeds in (("train", range(4)), ("validation", range(100, 102))):
        list(generate_phantoms(root / part, seeds, frames=9, size=96, processes=2))
    return root
