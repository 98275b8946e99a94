"""The Forecast dock: the average of all futures with its uncertainty, or possible ones by seed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim.base import CellSimError, JobCancelled

UM = {"units": ("minute", "um", "um"), "scale": (10.0, 0.2, 0.2), "translate": (30.0, 4.0, 8.0)}


@pytest.fixture(scope="session")
def unsure_models(small_models) -> str:
    """Beside the small model one that knows how sure it is and can sample; its futures differ by seed."""
    import torch

    from napari_cellsim import nets
    from napari_cellsim.models import Model, load_model

    given = load_model(small_models / "small-sdcnet.safetensors")
    networks = {"sdcnet": nets.create("sdcnet", "lite", scale=True)}
    networks["sampler"] = nets.create("sdcnet", "lite", noise=2, residual=True)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in networks["sampler"].parameters():  # fresh networks ignore the noise
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    card = given.card.model_copy(update={"description": "Guesses."})
    Model("unsure-sdcnet", "sdcnet", networks, card).save(small_models / "unsure-sdcnet.safetensors")
    return "unsure-sdcnet"


@pytest.fixture
def unsure_dock(unsure_models, forecast_dock, small_models):
    """The dock with that model chosen."""
    forecast_dock.reset_choices()
    forecast_dock.choose_model(small_models / f"{unsure_models}.safetensors")
    return forecast_dock


def part(viewer, what):
    return [one for one in viewer.layers if one.metadata.get("napari_cellsim", {}).get("what") == what]


def test_choose_sample_throw_the_dice_run(unsure_dock, movie, qtbot):
    viewer, form = unsure_dock.viewer, unsure_dock._form
    answers = form.answers
    viewer.add_image(movie, name="movie", axis_labels=("t", "y", "x"), **UM)
    viewer.dims.set_point(0, 70)
    assert answers.answer.enabled
    assert "blurred" in answers.sentence.text()
    assert answers.seed.isHidden()
    answers.answer.value = "sample"
    assert "sharp" in answers.sentence.text()
    assert not answers.seed.isHidden()
    assert not answers.samples.native.isHidden()
    before = answers.seed.value
    answers.seed.dice.click()
    assert answers.seed.value != before
    answers.samples.value = 3
    form.steps.value = 2
    unsure_dock._view.run_button.click()
    qtbot.waitUntil(lambda: unsure_dock.job is None and unsure_dock.result is not None, timeout=120_000)
    result = unsure_dock.result
    assert result.frames.shape == (3, 2, 1, 64, 72)
    config = result.provenance["config"]
    assert (config["mode"], config["samples"], config["seed"]) == ("sample", 3, answers.seed.value)
    assert not np.array_equal(result.frames[0], result.frames[1])
    (layer,) = part(viewer, "frames")
    assert layer.data.shape == (3, 2, 64, 72)
    assert viewer.dims.axis_labels == ("sample", "t", "y", "x")
    assert viewer.layers.units is not None
    np.testing.assert_allclose(layer.data_to_world((0, 0, 0, 0)), (0, 80, 4, 8))
    viewer.dims.set_point(0, 1)
    np.testing.assert_allclose(viewer.dims.point[1], 90)  # the newest frame
    assert layer.get_value((1, 90, 4, 8), world=True) == result.frames[1, 1, 0, 0, 0]
    assert unsure_dock.at == 6  # the slider of the time, not that of the samples, decides
    again = unsure_dock.run(steps=2, at=4, seed=answers.seed.value + 2, samples=1).wait(120)
    assert np.array_equal(again.forecast.frames[0], result.frames[2])


def test_live_samples_become_the_result(unsure_dock, movie, qtbot):
    viewer = unsure_dock.viewer
    planes = np.stack([movie, movie], axis=1)
    viewer.add_image(planes, name="movie", axis_labels=("t", "z", "y", "x"))
    seen = []
    viewer.layers.events.inserted.connect(lambda event: seen.append((event.value, event.value.data.shape)))
    job = unsure_dock.run(steps=2, at=4, plane=1, mode="sample", samples=2)
    job.wait(120)
    (layer,) = part(viewer, "frames")
    live, shape = seen[0]
    assert live is layer
    assert shape[0] == 2
    assert layer.data.shape == (2, 2, 1, 64, 72)
    assert viewer.dims.axis_labels == ("sample", "t", "z", "y", "x")
    np.testing.assert_allclose(layer.translate, (0, 5, 1, 0, 0))
    assert np.isfinite(layer.data).all()


def test_cancelled_samples_stay(unsure_dock, movie, qtbot):
    viewer = unsure_dock.viewer
    viewer.add_image(np.tile(movie, (1, 3, 3)), name="movie")
    job = unsure_dock.run("movie", steps=2, at=4, mode="sample", samples=16)
    qtbot.waitUntil(lambda: len(viewer.layers) > 1, timeout=120_000)
    unsure_dock._view.bar.cancel_button.click()
    with pytest.raises(JobCancelled):
        job.wait(60)
    (partial,) = [layer for layer in viewer.layers if layer.name != "movie"]
    assert "incomplete" in partial.name
    assert len(partial.data) == 16
    assert np.isfinite(partial.data[0, 0]).all()
    assert np.isnan(partial.data[15]).all()


def test_a_model_without_a_sampler_says_so(unsure_dock, movie, small_models):
    answers = unsure_dock._form.answers
    answers.answer.value = "sample"
    unsure_dock.choose_model(small_models / "small-sdcnet.safetensors")
    assert answers.answer.value == "mean"
    assert not answers.answer.enabled
    assert answers.seed.isHidden()
    assert "best estimate only" in answers.sentence.text()
    unsure_dock.viewer.add_image(movie, name="movie")
    with pytest.raises(CellSimError, match="no network 'sampler'"):
        unsure_dock.run(mode="sample")
    with pytest.raises(CellSimError, match="no answer 'both'"):
        unsure_dock.run(mode="both")
    assert unsure_dock.job is None


@pytest.mark.parametrize("samples", [0, 17])
def test_number_of_samples(unsure_dock, movie, samples):
    unsure_dock.viewer.add_image(movie, name="movie")
    with pytest.raises(CellSimError, match="choose 1 to 16"):
        unsure_dock.run(mode="sample", samples=samples)


def test_uncertainty_is_shown_when_ticked(unsure_dock, movie, small_models):
    viewer, view = unsure_dock.viewer, unsure_dock._view
    box = unsure_dock._form.overlays["uncertainty"]
    viewer.add_image(movie, name="movie")
    assert box.enabled
    assert not box.value
    unsure_dock.run(steps=2, at=4).wait(120)
    assert unsure_dock.result.uncertainty.shape == (2, 1, 64, 72)
    assert not part(viewer, "uncertainty")
    assert view.uncertainty_legend.isHidden()
    box.value = True
    (layer,) = part(viewer, "uncertainty")
    assert layer.visible
    assert layer.contrast_limits[0] == 0
    assert f"±{layer.contrast_limits[1]:.0f} intensity units" in view.uncertainty_legend.text
    assert not view.uncertainty_legend.isHidden()
    box.value = False
    assert not layer.visible
    assert view.uncertainty_legend.isHidden()
    box.value = True
    assert part(viewer, "uncertainty") == [layer]
    assert layer.visible
    unsure_dock.run(steps=1, at=4).wait(120)
    assert len(part(viewer, "uncertainty")) == 2
    assert all(one.visible for one in part(viewer, "uncertainty"))
    unsure_dock.run(steps=1, at=4, mode="sample").wait(120)
    assert unsure_dock.result.uncertainty is None
    assert len(part(viewer, "uncertainty")) == 2
    unsure_dock.choose_model(small_models / "small-sdcnet.safetensors")
    assert not box.enabled
