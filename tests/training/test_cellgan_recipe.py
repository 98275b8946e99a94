"""The Cell-GAN recipe: steps, resume, running average, export, and bad data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_cellsim.base import CellSimError, JobCancelled, JobToken
from napari_cellsim.models import Model, load_model
from napari_cellsim.ops import fir_kernel, upfirdn
from napari_cellsim.training import (
    CheckpointSaved,
    FitConfig,
    StepLogged,
    Validated,
    fit,
    read_run,
    write_run,
)
from napari_cellsim.training.pictures import PictureConfig, PictureFeeder
from napari_cellsim.training.recipes import CellGANConfig, CellGANRecipe
from napari_cellsim.training.repulsion import Repulsion
from napari_cellsim.training.simulated import generate_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    for part, seeds in (("train", range(4)), ("validation", range(100, 101))):
        list(generate_pictures(root / part, seeds, frames=3, size=64, pixel_size=0.432, processes=2))
    return root


def config(folder: Path, frames: int = 1, activation: str = "leaky_relu", **settings) -> CellGANConfig:
    return CellGANConfig(
        data=PictureConfig(folder=str(folder), size=32, batch=4, frames=frames),
        overrides={"latent": 16, "activation": activation},
        r1=1.0,
        r1_every=2,
        path_length_every=2,
        cutmix_every=2,
        **settings,
    )


def run(folder: Path, settings: CellGANConfig, steps: int, **more) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    recipe = CellGANRecipe(settings)
    for _ in fit(recipe, FitConfig(steps=steps, log_every=1, average=0.9, **more), folder):
        pass
    return {name: value.clone() for name, value in recipe.modules.state_dict().items()}


def test_pictures_are_standardised_and_a_function_of_the_step(pictures):
    data = PictureConfig(folder=str(pictures), size=32, batch=8, frames=3)
    samples = data.pictures("train")
    assert len(samples) == 4 * 3  # scenes times planes, one start each
    assert samples.pixel_size == pytest.approx(0.864)
    batch = PictureFeeder(samples, data)(7)
    assert batch.images.shape == (8, 3, 32, 32)
    torch.testing.assert_close(batch.images.mean((1, 2, 3)), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(batch.images.std((1, 2, 3)), torch.ones(8), atol=1e-3, rtol=0)
    torch.testing.assert_close(PictureFeeder(data.pictures("train"), data)(7).images, batch.images)
    assert not torch.equal(PictureFeeder(samples, data)(8).images, batch.images)


def test_a_step_trains_every_network(pictures):
    torch.manual_seed(0)
    recipe = CellGANRecipe(config(pictures))
    before = {name: value.clone() for name, value in recipe.modules.state_dict().items()}
    values = recipe.train_step(recipe.batch(0, 0.0), 0.0)
    assert {"discriminator", "generator", "r1", "cutmix", "path_length"} <= set(values)
    changed = {
        name for name, value in recipe.modules.state_dict().items() if not torch.equal(value, before[name])
    }
    weights = {name for name in before if name.endswith("weight")}
    assert weights <= changed


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "wasserstein"},
        {"ada": 0.6},
        {"hessian": 0.1},
        {"top_k": 0.5},
        {"repulsion": 10.0, "frames": 3},
        {"activation": "pau"},
    ],
)
def test_the_switches_run(pictures, settings):
    recipe = CellGANRecipe(config(pictures, **settings))
    for step in range(3):
        values = recipe.train_step(recipe.batch(step, step / 3), step / 3)
        assert all(np.isfinite(value) for value in values.values())


def test_resumed_equals_uninterrupted(pictures, tmp_path):
    settings = config(pictures, ada=0.6, repulsion=10.0)
    whole = run(tmp_path / "whole", settings, 6, checkpoint_every=2)
    token = JobToken()
    torch.manual_seed(0)
    schedule = FitConfig(steps=6, log_every=1, average=0.9, checkpoint_every=2)
    events = fit(CellGANRecipe(settings), schedule, tmp_path / "cut", token)
    while not isinstance(next(events), CheckpointSaved):
        pass
    token.cancel()
    with pytest.raises(JobCancelled):
        list(events)
    # the fresh weights below are overwritten by the checkpoint's
    resumed = run(tmp_path / "cut", settings, 6, checkpoint_every=2)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_repulsion_acts_once_its_memory_is_full_and_on_the_generator_alone(pictures):
    slopes = {}
    for weight in (1e-6, 1e3):
        torch.manual_seed(0)
        recipe = CellGANRecipe(config(pictures, repulsion=weight))
        recipe.repulsion = recipe.modules["repulsion"] = Repulsion(1, memory=8)
        for step in range(3):
            torch.manual_seed(step)
            values = recipe.train_step(recipe.batch(step, 0.0), 0.0)
            assert (values["repulsion"] > 0) == (step == 2)
        slopes[weight] = {
            name: torch.cat(
                [p.grad.flatten() for p in getattr(recipe, name).parameters() if p.grad is not None]
            )
            for name in ("generator", "discriminator")
        }
    assert torch.equal(slopes[1e-6]["discriminator"], slopes[1e3]["discriminator"])
    assert slopes[1e3]["generator"].norm() > 10 * slopes[1e-6]["generator"].norm()


def test_running_average_follows_its_formula(pictures, tmp_path):
    settings, decay = config(pictures), 0.9
    torch.manual_seed(0)
    recipe = CellGANRecipe(settings)
    name = "convs.0.conv.weight"
    expected = recipe.generator.state_dict()[name].clone()
    for event in fit(recipe, FitConfig(steps=5, log_every=1, average=decay), tmp_path):
        if isinstance(event, StepLogged):
            share = min(decay, (1 + event.step) / (10 + event.step))
            expected = share * expected + (1 - share) * recipe.generator.state_dict()[name]
    saved = load_model(tmp_path / "final.safetensors").networks["cellgan"].state_dict()[name]
    torch.testing.assert_close(saved, expected)


def test_the_saved_model_knows_its_data_and_the_previews_show_it(pictures, tmp_path):
    settings = config(pictures)
    torch.manual_seed(0)
    events = list(fit(CellGANRecipe(settings), FitConfig(steps=2, validate_every=2, log_every=1), tmp_path))
    (validated,) = [event for event in events if isinstance(event, Validated)]
    assert validated.metrics["domain_frechet_distance"] > 0
    model = load_model(tmp_path / "final.safetensors")
    assert model.kind == "cellgan"
    assert set(model.networks) == {"cellgan", "mapping", "discriminator"}
    assert model.card.pixel_size == pytest.approx(0.864)
    assert model.card.input_size == (32, 32)
    assert model.card.training["images_shown"] == 8
    normalisation = model.card.normalisation
    assert normalisation["method"] == "standard"
    assert normalisation["std"] > 0
    assert (tmp_path / "previews" / "step-00000002.png").is_file()


def test_weights_of_half_the_size_start_a_larger_network(pictures, tmp_path):
    small = Model.create("small", "cellgan", "lite", size=32, latent=16)
    path = tmp_path / "small.safetensors"
    small.save(path)
    data = PictureConfig(folder=str(pictures), size=64, batch=2)
    recipe = CellGANRecipe(CellGANConfig(data=data, overrides={"latent": 16}, start=str(path)))
    old, new = small.networks["cellgan"].state_dict(), recipe.generator.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in old)
    assert len(new) > len(old)
    # the pictures are at first those of the small network, enlarged
    w = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    noise = [torch.zeros(3, 1, *shape) for shape in recipe.generator.noise_shapes]
    with torch.no_grad():
        large, drawn = recipe.generator(w, noise), small.networks["cellgan"](w, noise[:7])
        enlarged = upfirdn(drawn, fir_kernel(), up=2, pad=(2, 1), gain=4.0)
    torch.testing.assert_close(large, enlarged)
    # and what is new learns
    recipe.generator(w, noise).square().mean().backward()
    assert recipe.generator.images[-1].conv.weight.grad.abs().max() > 0
    other = Model.create("other", "unet")
    other.save(path)
    with pytest.raises(CellSimError, match="no network"):
        CellGANRecipe(CellGANConfig(data=data, start=str(path)))


def test_a_model_remembers_the_trainings_it_went_through(pictures, tmp_path):
    settings = config(pictures)
    torch.manual_seed(0)
    list(fit(CellGANRecipe(settings), FitConfig(steps=2), tmp_path / "first"))
    first = tmp_path / "first" / "final.safetensors"
    again = settings.model_copy(update={"start": str(first)})
    list(fit(CellGANRecipe(again), FitConfig(steps=1), tmp_path / "second"))
    training = load_model(tmp_path / "second" / "final.safetensors").card.training
    assert training["images_shown"] == 4
    assert training["images_shown_in_all"] == 12
    assert training["before"]["hash"] == load_model(first).hash
    assert training["before"]["training"]["images_shown"] == 8


def test_not_a_number_stops_with_a_sentence(pictures, tmp_path):
    recipe = CellGANRecipe(config(pictures))
    with torch.no_grad():
        recipe.generator.constant.fill_(float("nan"))
    with pytest.raises(CellSimError, match="not finite"):
        list(fit(recipe, FitConfig(steps=2), tmp_path))


def test_bad_data_gets_a_sentence(pictures, tmp_path):
    with pytest.raises(CellSimError, match="smaller size"):
        CellGANRecipe(CellGANConfig(data=PictureConfig(folder=str(pictures), size=128)))
    with pytest.raises(CellSimError, match="no training sequences"):
        CellGANRecipe(CellGANConfig(data=PictureConfig(folder=str(tmp_path), size=32)))


def test_from_a_run_file(pictures, tmp_path):
    write_run(tmp_path, "cellgan", config(pictures), FitConfig(steps=1))
    recipe = read_run(tmp_path / "run.toml").make()
    assert isinstance(recipe, CellGANRecipe)
    assert recipe.config == config(pictures)
