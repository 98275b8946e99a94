"""Fixtures for tests with real viewers."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", "")  # napari's test fixtures reset the settings: never the user's own

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="the docks need a Qt binding")


def end_jobs(qtbot):
    """Cancel every job and wait until it has ended."""
    from napari_cellsim.gui import jobs

    for job in jobs.running_jobs():
        job.cancel()
    qtbot.waitUntil(lambda: not jobs.running_jobs(), timeout=30_000)


@pytest.fixture(autouse=True)
def _no_job_survives(qtbot):
    """Every test ends with no job running, and waits for what it cancelled."""
    yield
    end_jobs(qtbot)


@pytest.fixture
def make_napari_viewer(make_napari_viewer, qtbot):
    """napari's fixture, which closes its viewers only after the jobs that still add layers to them have ended."""
    yield make_napari_viewer
    end_jobs(qtbot)


@pytest.fixture(autouse=True)
def _own_settings(tmp_path, monkeypatch):
    """Plugin settings live in the test's own folder."""
    from napari import settings

    settings._clear_plugin_settings_cache()
    monkeypatch.setattr(settings, "_CFG_PATH", str(tmp_path / "settings.yaml"), raising=False)
    yield
    settings._clear_plugin_settings_cache()


@pytest.fixture(scope="session")
def small_models(tmp_path_factory) -> Path:
    """A folder with a small forecasting model and its partners, untrained: it copies the last frame."""
    from napari_cellsim import nets
    from napari_cellsim.models import Model, ModelCard

    folder = tmp_path_factory.mktemp("models")
    partners = {}
    for role, kind in (("flow", "pwcnet"), ("segmentation", "unet")):
        partner = Model(f"small-{kind}", kind, {kind: nets.create(kind, "lite")}, ModelCard())
        partner.save(folder / f"small-{kind}.safetensors")
        partners[role] = {"name": partner.name, "hash": partner.hash}
    card = ModelCard(
        description="Copies the last frame.",
        pixel_size=0.108,
        interval=10.0,
        modality="brightfield",
        partners=partners,
    )
    network = nets.create("sdcnet", "lite")
    Model("small-sdcnet", "sdcnet", {"sdcnet": network}, card).save(folder / "small-sdcnet.safetensors")
    return folder


@pytest.fixture
def small_model(small_models, monkeypatch) -> str:
    """Name of the small model, which the docks list as one of the user's own."""
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(small_models))
    return "small-sdcnet"


@pytest.fixture
def movie() -> np.ndarray:
    """Bright discs drifting right by one pixel per frame, (T, Y, X) uint16."""
    y, x = np.mgrid[:64, :72]
    frames = [2000 + 9000 * (np.hypot(y - 32, x - 20 - t) < 9) + 900 * np.sin(x / 5.0) for t in range(8)]
    return np.stack(frames).astype(np.uint16)


@pytest.fixture
def forecast_dock(make_napari_viewer, small_model):
    """A viewer's Forecast dock, added as the Plugins menu adds it."""
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    dock.viewer = viewer
    return dock


@pytest.fixture(scope="session")
def small_generators(tmp_path_factory) -> Path:
    """A folder with a small generator of single pictures and one of three frames, untrained."""
    import torch

    from napari_cellsim.models import Model, ModelCard

    folder = tmp_path_factory.mktemp("generators")
    for frames, name in ((1, "small-cellgan"), (3, "small-cellgan-movie")):
        card = ModelCard(
            description="Makes speckle.",
            pixel_size=0.864,
            interval=10.0 if frames == 3 else None,
            modality="brightfield",
            normalisation={"method": "standard", "mean": 9000.0, "std": 1500.0},
        )
        torch.manual_seed(0)
        model = Model.create(name, "cellgan", "lite", card=card, size=32, frames=frames)
        model.save(folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def generate_dock(make_napari_viewer, small_generators, monkeypatch):
    """A viewer's Generate dock with the small generator chosen, added as the Plugins menu adds it."""
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(small_generators))
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Generate")
    dock._view.model_form.model.value = small_generators / "small-cellgan.safetensors"
    dock.viewer = viewer
    return dock


@pytest.fixture(scope="session")
def phantom_field():
    """Nine traps, four frames, two focal planes; the stage drifts by (8, -6) px."""
    from napari_cellsim import phantom

    config = phantom.PhantomConfig().changed(biology={"empty_trap": 0.2}, mechanics={"burn_in": (0, 40)})
    return phantom.simulate_field(
        3, 3, 4, 2, tile=112, pixel_size=0.25, planes=(-0.5, 0.4), config=config, drift=(8.0, -6.0)
    )


@pytest.fixture(scope="session")
def phantom_chip(phantom_field, tmp_path_factory) -> Path:
    """The field as single TIFFs without any calibration; the second position is the first one mirrored."""
    import tifffile

    root = tmp_path_factory.mktemp("chip")
    for t, z in np.ndindex(phantom_field.images.shape[:2]):
        for position, picture in (
            ("pos1", phantom_field.images[t, z]),
            ("pos2", phantom_field.images[t, z, :, ::-1]),
        ):
            (root / position).mkdir(exist_ok=True)
            tifffile.imwrite(root / position / f"img_t{t}_z{z}.tif", picture)
    return root


@pytest.fixture(scope="session")
def phantom_store(phantom_chip, phantom_field, tmp_path_factory):
    """Crops of the nine traps of the first position, made without a viewer."""
    from napari_cellsim import datasets
    from napari_cellsim.datasets.tracking import Track

    experiment = datasets.open_experiment(phantom_chip, pixel_size=0.25, interval=10)
    traps = datasets.Traps.from_centres(phantom_field.centres, (48, 72))
    located = datasets.Located("pos1", traps, Track.still(4))
    out = tmp_path_factory.mktemp("store") / "crops.zarr"
    return datasets.run(datasets.crop_job(experiment, out, [located], size=64))


@pytest.fixture
def dataset_dock(make_napari_viewer):
    """A viewer's Dataset dock, added as the Plugins menu adds it."""
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Dataset")
    dock.viewer = viewer
    return dock
