"""Training the variational autoencoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from discs import write_discs

from napari_cellsim.models import load_model
from napari_cellsim.training import FitConfig, StepLogged, fit, train, write_run
from napari_cellsim.training.pictures import PictureConfig
from napari_cellsim.training.recipes.vae import VAEConfig, VAERecipe

TINY = {"widths": [8, 8, 12, 12], "latent": 8}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PictureConfig:
    store = write_discs(tmp_path_factory.mktemp("discs"))
    return PictureConfig(folder=str(store), size=32, batch=6)


def new_recipe(data: PictureConfig, **settings: object) -> VAERecipe:
    torch.manual_seed(0)
    return VAERecipe(VAEConfig.model_validate({"data": data, "overrides": TINY, "lr": 5e-3, **settings}))


def test_it_learns_a_few_pictures(data: PictureConfig) -> None:
    recipe = new_recipe(data)
    before = recipe.validate()
    values = [recipe.train_step(recipe.batch(step, 0.5), 0.5) for step in range(80)]
    after = recipe.validate()
    assert values[-1]["loss"] < 0.4 * values[0]["loss"]
    assert values[-1]["kl"] > 1  # the codes say something
    assert after["mse"] < 0.3 * before["mse"]
    assert after["loss"] == pytest.approx(after["mse"] / 2 + after["kl"] / 32**2, rel=1e-4)


def test_the_weight_of_the_divergence_makes_codes_shorter(data: PictureConfig) -> None:
    ends = {}
    for weight in (0.0, 100.0):
        recipe = new_recipe(data, kl=weight)
        for step in range(30):
            recipe.train_step(recipe.batch(step, 0.5), 0.5)
        ends[weight] = recipe.validate()["kl"]
    assert ends[100.0] < 0.2 * ends[0.0]


def test_validation_changes_nothing(data: PictureConfig) -> None:
    recipe = new_recipe(data)
    state = torch.get_rng_state()
    first, sheet = recipe.validate(), recipe.preview()
    assert recipe.validate() == first
    assert sheet.dtype == np.uint8
    assert sheet.shape == (3 * 32, 6 * 32)
    assert torch.equal(torch.get_rng_state(), state)
    assert recipe.network.training


def test_a_resumed_run_equals_an_uninterrupted_one_and_its_model_loads(
    data: PictureConfig, tmp_path: Path
) -> None:
    config = FitConfig(steps=6, log_every=1, validate_every=3, checkpoint_every=2, average=0.9)
    list(fit(new_recipe(data), config, tmp_path / "whole"))
    for event in fit(new_recipe(data), config, tmp_path / "halved"):
        if isinstance(event, StepLogged) and event.step == 3:
            break
    list(fit(new_recipe(data), config, tmp_path / "halved"))
    whole, halved = (load_model(tmp_path / name / "final.safetensors") for name in ("whole", "halved"))
    assert whole.hash == halved.hash
    assert whole.kind == "vae"
    assert whole.card.pixel_size == pytest.approx(0.5)
    assert whole.card.training["images_shown"] == 36
    assert whole.card.metrics["mse"] > 0
    assert whole.network.decode(torch.zeros(1, 8)).shape == (1, 1, 32, 32)


def test_from_toml_with_three_frames_and_from_an_earlier_model(data: PictureConfig, tmp_path: Path) -> None:
    three = data.model_copy(update={"frames": 3})
    settings = VAEConfig(data=three, overrides=TINY)
    list(train(write_run(tmp_path / "first", "vae", settings, FitConfig(steps=1))))
    start = str(tmp_path / "first" / "final.safetensors")
    again = VAERecipe(settings.model_copy(update={"start": start}))
    weights = load_model(start).network.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in again.network.state_dict().items())
