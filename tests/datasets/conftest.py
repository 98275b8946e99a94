"""A small phantom chip, as files and as a finished store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_cellsim import datasets, phantom
from napari_cellsim.base import run
from napari_cellsim.data import TrapGeometry

PIXEL = 0.25


@pytest.fixture(scope="session")
def field() -> phantom.PhantomSequence:
    """Nine traps, four frames, two focal planes, 10 px of drift."""
    config = phantom.PhantomConfig().changed(biology={"empty_trap": 0.2}, mechanics={"burn_in": (0, 40)})
    return phantom.simulate_field(
        3, 3, 4, 2, tile=112, pixel_size=PIXEL, planes=(-0.5, 0.4), config=config, drift=(8.0, -6.0)
    )


@pytest.fixture(scope="session")
def chip(field, tmp_path_factory) -> Path:
    """The field as position/focal plane/time.tif."""
    root = tmp_path_factory.mktemp("chip")
    for t, z in np.ndindex(field.images.shape[:2]):
        folder = root / "pos1" / f"focus{z}"
        folder.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / f"frame_{t}.tif", field.images[t, z])
    return root


@pytest.fixture(scope="session")
def experiment(chip) -> datasets.Experiment:
    return datasets.open_experiment(chip, pixel_size=PIXEL, interval=10)


@pytest.fixture(scope="session")
def located(experiment) -> datasets.Located:
    return run(datasets.locate_job(experiment.positions[0], TrapGeometry.nominal("tear_drop")))


@pytest.fixture(scope="session")
def store(experiment, located, tmp_path_factory) -> datasets.CropStore:
    out = tmp_path_factory.mktemp("store") / "crops.zarr"
    return run(datasets.crop_job(experiment, out, [located], size=64, workers=2))
