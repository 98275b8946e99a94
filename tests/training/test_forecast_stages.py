"""The stages default, uncertainty and sampler of the recipe sdcnet, and what becomes of them in a forecast."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_cellsim as cs
from napari_cellsim.base import CellSimError
from napari_cellsim.models import Model, load_model
from napari_cellsim.training import DataConfig, SDCNetConfig, SDCNetRecipe, sdcnet_run
from napari_cellsim.training.augmentation import Augmentation

SMALL = {"widths": [8, 12], "decoder_widths": [8], "trunk_stride": 2, "block": 3}


@pytest.fixture
def make(store):
    """Return a function that makes the recipe of a stage, small."""

    def recipe(stage: str, **changes) -> SDCNetRecipe:
        data = {"batch": 2, "crop": 64, "augmentation": Augmentation.none(), "validation_sequences": 1}
        usual = {"roll_out": ((0.0, 3),), "overrides": SMALL}
        torch.manual_seed(0)
        config, _ = sdcnet_run("default", stage, store, data=data, **usual | changes)
        return SDCNetRecipe(config)

    return recipe


@pytest.fixture(scope="module")
def mean_model(tmp_path_factory):
    """A model that moves and mixes a little."""
    torch.manual_seed(0)
    model = Model.create("mean", "sdcnet", "default", **SMALL)
    for name, value in model.network.named_parameters():
        if name.endswith("head.weight"):
            torch.nn.init.normal_(value, std=0.02)
    path = tmp_path_factory.mktemp("mean") / "mean.safetensors"
    model.save(path)
    return str(path)


def test_the_default_stage_lowers_its_loss_on_a_batch(make):
    recipe = make("default", smoothness=0.01, flow_truth=0.1, pyramid=1)
    batch = recipe.batch(0, 0.0)
    first = recipe.train_step(batch, 0.5)
    for _ in range(15):
        last = recipe.train_step(batch, 0.5)
    assert last["loss"] < 0.95 * first["loss"]
    assert {"mse", "roughness", "flow"} <= last.keys()


def test_uncertainty_trains_its_decoder_and_nothing_else(make, mean_model):
    recipe = make("uncertainty", start=mean_model)
    before = {name: value.clone() for name, value in recipe.network.state_dict().items()}
    batch = recipe.batch(0, 0.0)
    losses = [recipe.train_step(batch, 0.5)["loss"] for _ in range(12)]
    changed = {
        n.split(".")[0] for n, v in recipe.network.state_dict().items() if not torch.equal(v, before[n])
    }
    assert changed == {"scale_decoder"}
    assert losses[-1] < losses[0]


def test_a_calibrated_width_reaches_the_forecast(make, mean_model, tmp_path):
    recipe = make("uncertainty", start=mean_model)
    recipe.save(tmp_path / "sure.safetensors", {})
    movie = np.random.default_rng(0).random((5, 64, 64)).astype(np.float32) * 1000
    forecast = cs.predict(movie, str(tmp_path / "sure.safetensors"), 4, segmentation="none")
    plain = cs.predict(movie, mean_model, 4, segmentation="none")
    assert np.array_equal(forecast.frames, plain.frames)
    assert plain.uncertainty is None
    # a fresh decoder says 0.03 of the intensity range at each step; steps add up
    low, high = np.percentile(movie[-3:], [0.1, 99.9])
    expected = 0.03 * (high - low) * -np.log(1 - 0.6827) * np.arange(1, 5)
    assert forecast.uncertainty.mean((1, 2, 3)) == pytest.approx(expected, rel=0.02)


def test_a_sampler_begins_with_the_motion_of_the_mean_and_learns_to_differ(make, mean_model):
    recipe = make("sampler", start=mean_model)
    history = recipe.batch(0, 0.0).images[:, :3]
    mean = cs.nets.roll_out(load_model(mean_model).network, history, 3, None, None)
    drawn = recipe.predict(history, 3)
    assert torch.allclose(drawn.flow, mean.flow, atol=1e-5)
    assert drawn.kernel_v.shape[2] == 1, "made of motion alone"
    batch = recipe.batch(0, 0.0)
    differences = [recipe.train_step(batch, 0.5)["difference"] for _ in range(12)]
    assert differences[0] < 1e-10
    assert differences[-1] > 100 * max(differences[0], 1e-12)


def test_a_saved_sampler_draws_futures_by_seed(make, mean_model, tmp_path):
    recipe = make("sampler", start=mean_model)
    batch = recipe.batch(0, 0.0)
    for _ in range(4):
        recipe.train_step(batch, 0.5)
    path = tmp_path / "both.safetensors"
    recipe.save(path, {})
    assert set(load_model(path).networks) == {"sdcnet", "sampler"}
    movie = np.random.default_rng(0).random((5, 64, 64)).astype(np.float32)
    both = cs.predict(movie, str(path), 2, mode="sample", samples=2, seed=7, segmentation="none")
    assert both.frames.shape == (2, 2, 1, 64, 64)
    assert not np.array_equal(both.frames[0], both.frames[1])
    second = cs.predict(movie, str(path), 2, mode="sample", seed=8, segmentation="none")
    assert np.array_equal(second.frames[0], both.frames[1])
    mean = cs.predict(movie, str(path), 2, segmentation="none")
    assert np.array_equal(mean.frames, cs.predict(movie, mean_model, 2, segmentation="none").frames)
    assert both.provenance["config"]["seed"] == 7
    shown = cs.predict(movie, str(path), 2, mode="sample", samples=2, seed=7)
    assert np.array_equal(shown.frames, both.frames)
    alone = cs.predict(movie, str(path), 2, mode="sample", seed=7)
    assert np.array_equal(shown.segmentation, alone.segmentation)
    assert shown.provenance["segmentation"] == alone.provenance["segmentation"]


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"mode": "sample"}, "makes mean forecasts only"),
        ({"mode": "median"}, "'mean' or 'sample'"),
        ({"samples": 3}, "only one mean forecast"),
        ({"mode": "sample", "samples": 0}, "at least 1"),
        ({"mode": "sample", "seed": -1}, "at least 0"),
    ],
)
def test_what_a_model_cannot_do_is_said(mean_model, choices, said):
    movie = np.zeros((4, 32, 32), np.float32) + np.arange(32)
    with pytest.raises(CellSimError, match=said):
        cs.predict(movie, mean_model, 1, **choices)


@pytest.mark.parametrize("stage", ["flow", "kernel_init"])
def test_stages_of_kernels_need_kernels(store, stage):
    settings = SDCNetConfig(
        data=DataConfig(folder=str(store)), stage=stage, preset="lite", overrides={"motion": "flow"}
    )
    with pytest.raises(CellSimError, match="is for networks of flow and kernels"):
        SDCNetRecipe(settings)


def test_later_stages_need_a_model_to_go_on_from(make):
    for stage in ("uncertainty", "sampler"):
        with pytest.raises(CellSimError, match="goes on from a trained model"):
            make(stage)
        with pytest.raises(CellSimError, match="'sdcnet' is needed"):
            make(stage, start="unet-lite")


def test_a_model_of_frames_alone_needs_no_partner_and_still_shows_cells(mean_model):
    movie = cs.phantom.simulate(frames=4, seed=1, size=96, pixel_size=0.216).as_timelapse()
    forecast = cs.predict(movie, mean_model, 2)
    assert forecast.segmentation is not None
    assert forecast.provenance["flow"]["source"].startswith("none")
    assert forecast.provenance["segmentation"]["source"] == "unet-lite"
    assert np.array_equal(forecast.frames, cs.predict(movie, mean_model, 2, segmentation="none").frames)
