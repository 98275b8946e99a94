"""Files that commands work on, and a runner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner, Result

from napari_cellsim.cli import app
from napari_cellsim.data import Series, write_series
from napari_cellsim.models import Model


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    """A drifting texture as OME-TIFF, labels for it, and an untrained model, which starts as copy-last-frame."""
    folder = tmp_path_factory.mktemp("files")
    texture = gaussian_filter(np.random.default_rng(0).random((48, 60)), 2.0) * 40000
    images = np.stack([texture[:, 10 - t : 58 - t] for t in range(8)]).astype(np.uint16)
    labels = np.zeros(images.shape, np.uint16)
    labels[:, 12:30, 14:34] = 1
    for name, data in (("movie", images), ("labels", labels)):
        series = Series(name, data, "TYX", pixel_size=0.108, interval=10.0)
        write_series(folder / f"{name}.ome.tif", [series], {})
    Model.create("untrained", "sdcnet", "lite").save(folder / "untrained.safetensors")
    Model.create("flow", "pwcnet", "lite").save(folder / "flow.safetensors")
    Model.create("classes", "unet", "lite").save(folder / "classes.safetensors")
    return folder


@pytest.fixture
def run():
    """Call the command line in this process; what it returns has exit_code, stdout and stderr."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return call


@pytest.fixture
def options(files) -> tuple[object, ...]:
    """Options that need no bundled weights."""
    model = files / "untrained.safetensors"
    return ("--model", model, "--flow", "classical", "--segmentation", "none", "--device", "cpu")
