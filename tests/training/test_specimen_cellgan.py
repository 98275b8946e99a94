"""Cell-GAN on a folder of photographs: colour, one class or all, what is watched, the finished model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.io import imread, imsave

from napari_cellsim import generation, phantom
from napari_cellsim.base import CellSimError
from napari_cellsim.models import load_model
from napari_cellsim.training import (
    CellGANConfig,
    CellGANRecipe,
    FitConfig,
    PictureConfig,
    SpecimenConfig,
    Validated,
    fit,
    read_run,
    write_run,
)

QUICK = {"latent": 8}


@pytest.fixture(scope="module")
def shells(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("shells")
    made = phantom.simulate_shells(48, 1, size=32)
    for number, (pixels, label) in enumerate(zip(made.images, made.labels, strict=True)):
        home = root / made.class_names[label]
        home.mkdir(exist_ok=True)
        imsave(home / f"{number:03d}.png", pixels.transpose(1, 2, 0), check_contrast=False)
    return root


def config(folder: Path, channels: int = 3, classes: tuple[str, ...] = (), **settings) -> CellGANConfig:
    data = SpecimenConfig(folder=str(folder), size=32, channels=channels, classes=classes, batch=4)
    lazy = {"r1": 1.0, "r1_every": 2, "path_length_every": 2, "cutmix_every": 2}
    return CellGANConfig(data=data, overrides=QUICK, **(lazy | settings))


@pytest.mark.parametrize(
    "settings", [{}, {"ada": 0.6, "hessian": 0.1}, {"loss": "wasserstein"}, {"channels": 1}]
)
def test_a_step_trains_every_network_on_photographs(shells, settings):
    torch.manual_seed(0)
    recipe = CellGANRecipe(config(shells, **settings))
    batch = recipe.batch(0, 0.0)
    assert batch.images.shape == (4, settings.get("channels", 3), 32, 32)
    assert batch.images.min() >= -1
    assert batch.images.max() <= 1
    before = {name: value.clone() for name, value in recipe.modules.state_dict().items()}
    values = recipe.train_step(batch, 0.0)
    assert np.isfinite(list(values.values())).all()
    changed = {n for n, value in recipe.modules.state_dict().items() if not torch.equal(value, before[n])}
    assert {name for name in before if name.endswith("weight")} <= changed


def test_the_finished_model_draws_colour_pictures_of_its_class(shells, tmp_path):
    torch.manual_seed(0)
    recipe = CellGANRecipe(config(shells, classes=("spiral",)))
    assert len(recipe.feeder) == recipe.config.data.read().counts["spiral"]["train"]
    schedule = FitConfig(steps=2, validate_every=2, export="best", log_every=1)
    (seen,) = [event for event in fit(recipe, schedule, tmp_path) if isinstance(event, Validated)]
    assert {"patch_distance", "copies", "deviation"} <= set(seen.metrics)
    preview = imread(tmp_path / "previews" / "step-00000002.png")
    assert preview.shape == (4 * 32, 8 * 32, 3)
    model = load_model(tmp_path / "final.safetensors")
    assert model.card.training["best"]["metric"] == "patch_distance"
    assert list(model.card.training["classes"]) == ["spiral"]
    assert model.card.training["fingerprints"]
    assert "single specimens: spiral" in model.card.description
    drawn = generation.generate(model, n=3, seed=1, truncation=1.0)
    assert drawn.colour
    assert drawn.images.shape == (3, 1, 3, 32, 32)
    assert drawn.images.min() >= 0
    assert drawn.images.max() <= 255
    # the picture is what the network says, in bytes
    with torch.no_grad():
        latents = torch.from_numpy(drawn.latents)
        noise = [torch.zeros(3, 1, *shape) for shape in model.network.noise_shapes]
        for i, seed in enumerate(drawn.noise_seeds):
            source = torch.Generator().manual_seed(int(seed))
            for one, shape in zip(noise, model.network.noise_shapes, strict=True):
                one[i, 0] = torch.randn(shape, generator=source)
        said = model.network(latents, noise).numpy()
    np.testing.assert_allclose(drawn.images[:, 0], np.clip(127.5 + 127.5 * said, 0, 255), atol=0.01)


def test_it_learns_the_ground_of_shells(shells, tmp_path):
    torch.manual_seed(0)
    recipe = CellGANRecipe(config(shells, lr=4e-3, mapping_lr=4e-5, r1=0.5))
    real = torch.stack([recipe.batch(step, 0.0).images for step in range(8)])[..., :3, :3].mean()

    def seen() -> tuple[float, float]:
        ground = recipe.fixed_samples(32)[:, :, :3, :3].mean()
        return abs(float(ground - real)), recipe.validate()["patch_distance"]

    before = seen()
    list(fit(recipe, FitConfig(steps=100, log_every=100, average=0.95), tmp_path))
    after = seen()
    assert after[0] < 0.6 * before[0]
    assert after[1] < before[1]


def test_run_files_of_either_kind_are_told_apart(shells, tmp_path):
    write_run(tmp_path / "specimens", "cellgan", config(shells), FitConfig(steps=1))
    recipe = read_run(tmp_path / "specimens" / "run.toml").make()
    assert isinstance(recipe, CellGANRecipe)
    assert recipe.config == config(shells)
    for written in ({"channels": 3}, {"classes": ["spiral"]}, {"fit": "pad"}):
        parsed = CellGANConfig.model_validate({"data": {"folder": "x", **written}})
        assert isinstance(parsed.data, SpecimenConfig)
    for written in ({}, {"frames": 3}, {"size": 64, "batch": 2}):
        parsed = CellGANConfig.model_validate({"data": {"folder": "x", **written}})
        assert isinstance(parsed.data, PictureConfig)


def test_photographs_without_saying_so_get_a_sentence(shells, tmp_path):
    with pytest.raises(CellSimError, match=r"holds photographs .*spiral.* channels = 3"):
        CellGANRecipe(CellGANConfig(data=PictureConfig(folder=str(shells), size=32)))
    with pytest.raises(CellSimError, match="no training sequences"):
        CellGANRecipe(CellGANConfig(data=PictureConfig(folder=str(tmp_path), size=32)))
    with pytest.raises(CellSimError, match="no class 'snail'"):
        CellGANRecipe(config(shells, classes=("snail",)))
