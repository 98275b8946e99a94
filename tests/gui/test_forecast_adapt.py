"""The Forecast dock lets a model learn from the past of the movie."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim.base import CellSimError, JobCancelled
from napari_cellsim.gui import model_list
from napari_cellsim.gui.forecast_adapt_work import Adaptation
from napari_cellsim.training import Adapted, adaptation_course


@pytest.fixture(autouse=True)
def _short_and_alone(monkeypatch):
    """An untrained network learns fast, and models that are kept for the session are kept for the test."""
    monkeypatch.setattr(model_list, "_of_this_session", [])
    monkeypatch.setattr(adaptation_course, "LEARNING_RATE", 5e-3)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory):
    """A folder with an untrained forecasting model of two levels and its partners."""
    import torch

    from napari_cellsim.models import Model, ModelCard

    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    pwcnet = {
        "channels": [8, 12, 16],
        "decoder_channels": [16],
        "context_channels": [16],
        "context_dilations": [1],
    }
    partners = {}
    for role, kind, shape in (
        ("flow", "pwcnet", pwcnet),
        ("segmentation", "unet", {"widths": [8, 16], "trunk_stride": 2}),
    ):
        partner = Model.create(f"tiny-{kind}", kind, **shape)
        partners[role] = {"name": partner.name, "hash": partner.save(folder / f"{kind}.safetensors")}
    shape = {"widths": [8, 12], "decoder_widths": [8], "trunk_stride": 2, "time_mixing": "channels"}
    Model.create("tiny", "sdcnet", card=ModelCard(partners=partners), **shape).save(
        folder / "tiny.safetensors"
    )
    return folder


@pytest.fixture
def small_model(tiny_models, monkeypatch):
    """The model that the dock of these tests has chosen."""
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tiny_models))
    return "tiny"


@pytest.fixture
def tiny_dock(forecast_dock, tiny_models):
    forecast_dock.choose_model(tiny_models / "tiny.safetensors")
    return forecast_dock


@pytest.fixture
def drifting() -> np.ndarray:
    """A texture that drifts before a noisy camera, (T, Y, X) float32: a model can learn to do better than copy."""
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(0)
    texture = gaussian_filter(random.random((48, 160)), 1.5)
    texture = 100 + 900 * (texture - texture.min()) / np.ptp(texture)
    x, columns = np.arange(48), np.arange(160)
    frames = [[np.interp(x + 32 - 0.5 * t, columns, row) for row in texture] for t in range(16)]
    return (np.array(frames) + random.normal(0, 60, (16, 48, 48))).astype(np.float32)


def names(dock):
    return [entry.name for entry in model_list.available("sdcnet")]


def test_adapt_and_forecast_with_what_was_learned(tiny_dock, drifting, tmp_path, qtbot):
    viewer, form = tiny_dock.viewer, tiny_dock._view.adapt
    viewer.add_image(drifting, name="drift")
    viewer.dims.set_point(0, 11)
    assert "frames 0 to 11 of this movie only" in form.what_line.text()
    assert not form.save_button.isEnabled()
    given = tiny_dock.model
    tiny_dock.adapt(steps=8)
    assert not form.adapt_button.isEnabled()
    assert not tiny_dock._view.run_button.isEnabled()
    qtbot.waitUntil(lambda: tiny_dock.job is None, timeout=240_000)
    assert "finished" in tiny_dock.message
    assert form.adapt_button.isEnabled()
    adapted = tiny_dock.adapted
    assert form.result_line.text() == adapted.message
    assert adapted.after < adapted.before
    assert tiny_dock.model != given
    assert adapted.model.name in names(tiny_dock)
    tiny_dock.run(steps=1).wait(120)
    assert tiny_dock.result.provenance["model"]["name"] == adapted.model.name
    assert not tiny_dock._view.leak_line.text()
    viewer.dims.set_point(0, 5)  # before the last frame that was learned from
    assert "seen what follows" in tiny_dock._view.leak_line.text()
    path = tmp_path / "mine.safetensors"
    tiny_dock.save_adapted(path).wait(60)
    assert path.exists()
    assert tiny_dock.model == path
    assert names(tiny_dock).count(adapted.model.name) == 1
    assert "seen what follows" in tiny_dock._view.leak_line.text()
    tiny_dock.choose_model(given)
    assert not tiny_dock._view.leak_line.text()


def test_a_model_that_was_not_helped_stays(tiny_dock, drifting, tiny_models):
    from napari_cellsim.models import load_model

    tiny_dock.viewer.add_image(drifting, name="drift")
    given, listed = tiny_dock.model, names(tiny_dock)
    model = load_model(tiny_models / "tiny.safetensors")
    found = Adaptation(Adapted(model, False, 0.9, 0.95, "The model stays as it is."), None, "drift", 11)
    for _ in tiny_dock._adapting.show(found):
        pass
    assert tiny_dock._view.adapt.result_line.text() == "The model stays as it is."
    assert tiny_dock.model == given
    assert names(tiny_dock) == listed
    assert tiny_dock.adapted is None
    assert not tiny_dock._view.adapt.save_button.isEnabled()
    with pytest.raises(CellSimError, match="No model has been adapted yet"):
        tiny_dock.save_adapted("model.safetensors")


def test_too_few_frames(tiny_dock, movie, qtbot):
    viewer = tiny_dock.viewer
    viewer.add_image(movie, name="movie")
    viewer.dims.set_point(0, 2)
    tiny_dock._view.adapt.adapt_button.click()
    qtbot.waitUntil(lambda: tiny_dock.job is None, timeout=60_000)
    assert "too few to adapt to" in tiny_dock.message
    assert [layer.name for layer in viewer.layers] == ["movie"]
    with pytest.raises(CellSimError, match="There is no layer called"):
        tiny_dock.adapt("nothing")


def test_cancelled_adaptation_changes_nothing(tiny_dock, drifting, qtbot):
    viewer = tiny_dock.viewer
    viewer.add_image(drifting, name="drift")
    given, listed = tiny_dock.model, names(tiny_dock)
    job = tiny_dock.adapt(minutes=30, at=11)
    moved = []
    job.happened.connect(lambda event: moved.append(getattr(event, "done", 0)))
    qtbot.waitUntil(lambda: job.status == "running" and len(moved) > 3, timeout=120_000)
    tiny_dock._view.bar.cancel_button.click()
    with pytest.raises(JobCancelled):
        job.wait(60)  # of the thirty minutes
    assert tiny_dock.message.endswith("was cancelled.")
    assert (tiny_dock.model, names(tiny_dock)) == (given, listed)
    assert tiny_dock.adapted is None
    assert tiny_dock._view.adapt.adapt_button.isEnabled()


def test_adapted_twice_gets_two_names(tiny_models):
    from napari_cellsim.gui.forecast_adapt_work import _keep, _named
    from napari_cellsim.models import load_model

    model = load_model(tiny_models / "tiny.safetensors")
    again = _named(model, {"tiny", "tiny (2)"})
    assert again.name == "tiny (3)"
    path = _keep(again)
    # the partners are found from there, wherever the given model lay
    assert {"pwcnet.safetensors", "unet.safetensors"} <= {one.name for one in path.parent.iterdir()}
    assert load_model(path).hash == model.hash
