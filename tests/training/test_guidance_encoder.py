"""Training the guidance encoder of a finished generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from discs import write_discs

from napari_cellsim.base import CellSimError
from napari_cellsim.models import Model, ModelCard, load_model
from napari_cellsim.training import FitConfig, StepLogged, fit, train, write_run
from napari_cellsim.training.pictures import PictureConfig
from napari_cellsim.training.recipes.guidance_encoder import GuidanceEncoderConfig, GuidanceEncoderRecipe

TINY = {"widths": [8, 12, 16, 16]}
SMALL_GAN = {"latent": 8, "size": 32}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PictureConfig:
    store = write_discs(tmp_path_factory.mktemp("discs"))
    return PictureConfig(folder=str(store), size=32, batch=6)


def write_gan(path: Path, **overrides: object) -> str:
    """A generator that was not trained, but draws pictures of about unit deviation."""
    torch.manual_seed(3)
    card = ModelCard(description="test", pixel_size=0.5, metrics={"kid": 1.0}, training={"steps": 7})
    whole = Model.create("tiny", "cellgan", "lite", card=card, **{**SMALL_GAN, **overrides})
    Model("tiny", "cellgan", {role: whole.networks[role] for role in ("cellgan", "mapping")}, card).save(path)
    return str(path)


@pytest.fixture(scope="module")
def gan(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_gan(tmp_path_factory.mktemp("gan") / "gan.safetensors")


def new_recipe(data: PictureConfig, gan: str, **settings: object) -> GuidanceEncoderRecipe:
    torch.manual_seed(0)
    fields = {"data": data, "model": gan, "overrides": TINY, "lr": 5e-3, **settings}
    return GuidanceEncoderRecipe(GuidanceEncoderConfig.model_validate(fields))


def test_it_learns_to_find_pictures_and_latents(data: PictureConfig, gan: str) -> None:
    recipe = new_recipe(data, gan)
    frozen = recipe.model.hash
    before = recipe.validate()
    for step in range(60):
        recipe.train_step(recipe.batch(step, 0.5), 0.5)
    after = recipe.validate()
    assert after["latent"] < 0.85 * before["latent"]
    assert after["image_w"] < before["image_w"]
    assert after["image_w_plus"] < 0.97 * after["guess"]
    assert recipe.model.hash == frozen


def test_both_heads_learn_and_the_generator_gets_no_gradient(data: PictureConfig, gan: str) -> None:
    recipe = new_recipe(data, gan)
    recipe.train_step(recipe.batch(0, 0.0), 0.0)
    assert all(p.grad is not None for p in recipe.encoder.parameters())
    assert all(p.grad is None for network in recipe.model.networks.values() for p in network.parameters())
    alone = new_recipe(data, gan, plus=False)
    assert set(alone.validate()) == {"loss", "image_w", "latent", "guess"}
    assert alone.preview().shape == (2 * 32, 6 * 32)


def test_the_losses_are_those_of_the_thesis(data: PictureConfig, gan: str) -> None:
    recipe = new_recipe(data, gan, plus=False, latent_weight=0.5)
    batch = recipe.batch(0, 0.0)
    torch.manual_seed(9)
    values = recipe.losses(batch, 0.0)
    torch.manual_seed(9)
    w = recipe.mapping(torch.randn(6, 8))
    regression = (recipe.encoder(recipe.generator(w))[:, 0] - w).abs().mean()
    image = (recipe.generator(recipe.encoder(batch.images)) - batch.images).abs().mean()
    torch.testing.assert_close(values["latent"], regression)
    torch.testing.assert_close(values["image"], image)
    torch.testing.assert_close(values["loss"], image + 0.5 * regression)


def test_validation_changes_nothing(data: PictureConfig, gan: str) -> None:
    recipe = new_recipe(data, gan)
    state = torch.get_rng_state()
    first, sheet = recipe.validate(), recipe.preview()
    assert recipe.validate() == first
    assert sheet.dtype == np.uint8
    assert sheet.shape == (3 * 32, 6 * 32)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_resumed_run_equals_an_uninterrupted_one_and_extends_the_model(
    data: PictureConfig, gan: str, tmp_path: Path
) -> None:
    config = FitConfig(steps=6, log_every=1, checkpoint_every=2, average=0.9)
    list(fit(new_recipe(data, gan), config, tmp_path / "whole"))
    for event in fit(new_recipe(data, gan), config, tmp_path / "halved"):
        if isinstance(event, StepLogged) and event.step == 3:
            break
    list(fit(new_recipe(data, gan), config, tmp_path / "halved"))
    whole, halved = (load_model(tmp_path / name / "final.safetensors") for name in ("whole", "halved"))
    assert whole.hash == halved.hash
    given = load_model(gan)
    assert set(whole.networks) == {"cellgan", "mapping", "encoder"}
    for role, network in given.networks.items():
        weights = whole.networks[role].state_dict()
        assert all(torch.equal(weights[key], value) for key, value in network.state_dict().items())
    assert (whole.name, whole.card.pixel_size, whole.card.metrics["kid"]) == ("tiny", 0.5, 1.0)
    assert whole.card.training["steps"] == 7
    assert whole.card.training["encoder"]["images_shown"] == 36
    assert whole.card.training["encoder"]["generator_hash"] == given.hash
    encoder = whole.networks["encoder"]
    slots = whole.network.slots
    assert encoder(torch.zeros(1, 1, 32, 32), plus=True).shape == (1, slots, 8)


def test_from_toml_and_from_an_earlier_encoder(data: PictureConfig, gan: str, tmp_path: Path) -> None:
    settings = GuidanceEncoderConfig(data=data, model=gan, overrides=TINY)
    list(train(write_run(tmp_path, "guidance_encoder", settings, FitConfig(steps=1))))
    start = str(tmp_path / "final.safetensors")
    again = GuidanceEncoderRecipe(settings.model_copy(update={"start": start}))
    weights = load_model(start).networks["encoder"].state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in again.encoder.state_dict().items())
    list(train(write_run(tmp_path / "more", "guidance_encoder", again.config, FitConfig(steps=2))))
    account: Any = load_model(tmp_path / "more" / "final.safetensors").card.training["encoder"]
    assert account["before"]["training"]["images_shown"] == 6  # of the encoder, not of its generator
    assert account["images_shown_in_all"] == 6 + 12
    with pytest.raises(CellSimError, match="Most weights of 'encoder'"):
        new_recipe(data, gan, overrides={"widths": [5, 6, 7, 9]}, plus=False, start=start)


def test_an_unfitting_model_gets_a_sentence(data: PictureConfig, gan: str, tmp_path: Path) -> None:
    other = tmp_path / "unet.safetensors"
    Model.create("unet", "unet", widths=(8, 8)).save(other)
    with pytest.raises(CellSimError, match="kind 'unet'"):
        new_recipe(data, str(other))
    with pytest.raises(CellSimError, match="64 px"):
        new_recipe(data.model_copy(update={"size": 16}), write_gan(tmp_path / "large.safetensors", size=64))
    with pytest.raises(CellSimError, match="no network 'encoder'"):
        new_recipe(data, gan, start=gan)
    with pytest.raises(CellSimError, match="3 frame"):
        new_recipe(data, write_gan(tmp_path / "three.safetensors", frames=3))
