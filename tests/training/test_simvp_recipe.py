"""Training SimVP, and what its model is not for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from napari_cellsim.base import CellSimError
from napari_cellsim.data import TimeLapse
from napari_cellsim.forecasting import forecast_job
from napari_cellsim.models import load_model
from napari_cellsim.training import (
    DataConfig,
    FitConfig,
    SimVPRecipe,
    SimVPSettings,
    StepLogged,
    fit,
    train,
    write_run,
)
from napari_cellsim.training.augmentation import Augmentation
from napari_cellsim.training.checkpoints import list_checkpoints
from napari_cellsim.training.recipes.forecast_validation import ForecastValidation

TINY = {"hid_s": 8, "hid_t": 16, "n_t": 2, "groups": 4, "horizon": 4}


@pytest.fixture
def data(store: Path) -> DataConfig:
    return DataConfig(
        folder=str(store), batch=2, crop=32, augmentation=Augmentation.none(), validation_sequences=1
    )


def new(data: DataConfig, **settings: object) -> SimVPRecipe:
    torch.manual_seed(0)
    return SimVPRecipe(SimVPSettings.model_validate({"data": data, "overrides": TINY, **settings}))


def test_the_loss_is_the_mean_squared_error_of_all_frames_of_a_pass(data: DataConfig) -> None:
    recipe = new(data)
    batch = recipe.batch(0, 0.0)
    assert batch.images.shape == (2, 3 + 4, 1, 32, 32)
    values = recipe.losses(batch, 0.0)
    errors = ((recipe.network(batch.images[:, :3]) - batch.images[:, 3:]) ** 2).detach().numpy()
    assert values["loss"].item() == pytest.approx(errors.mean(), rel=1e-5)
    assert values["first_mse"].item() == pytest.approx(errors[:, 0].mean(), rel=1e-5)
    assert values["last_mse"].item() == pytest.approx(errors[:, -1].mean(), rel=1e-5)


def test_it_learns_one_batch(data: DataConfig) -> None:
    recipe = new(data, lr=5e-3)
    batch = recipe.batch(0, 0.0)
    losses = [recipe.train_step(batch, 0.5)["loss"] for _ in range(40)]
    assert losses[-1] < 0.1 * losses[0]
    copied = (batch.images[:, 2:3] - batch.images[:, 3:]).square().mean().item()
    assert losses[-1] < 5 * copied  # it has gone most of the way from noise to pictures of these cells


def test_a_resumed_run_equals_an_uninterrupted_one(data: DataConfig, tmp_path: Path) -> None:
    changed = data.model_copy(update={"augmentation": Augmentation()})
    schedule = FitConfig(steps=5, log_every=1, checkpoint_every=2, average=0.9)
    list(fit(new(changed), schedule, tmp_path / "whole"))
    for event in fit(new(changed), schedule, tmp_path / "halved"):
        if isinstance(event, StepLogged) and event.step == 3:
            break
    torch.manual_seed(99)
    again = SimVPRecipe(SimVPSettings(data=changed, overrides=TINY))
    list(fit(again, schedule, tmp_path / "halved"))
    whole, halved = (
        load_file(list_checkpoints(tmp_path / name / "checkpoints")[-1] / "tensors.safetensors")
        for name in ("whole", "halved")
    )
    assert any(name.startswith("optimisers/network/") for name in whole)
    assert whole.keys() == halved.keys()
    assert all(torch.equal(value, halved[name]) for name, value in whole.items())


def test_validation_is_that_of_forecasts_and_changes_nothing(data: DataConfig) -> None:
    recipe = new(data)
    weights = {name: value.clone() for name, value in recipe.modules.state_dict().items()}
    metrics, sheet = recipe.validate(), recipe.preview()
    checks = ForecastValidation(data, 3)
    (item,), (future,) = checks.items, checks.future
    with torch.no_grad():  # the fifth frame is fed back: one pass gives four
        predicted = recipe.network.predict(item.images[:, :3], 5)[0, :, 0].numpy()
    errors = ((predicted - future) ** 2).mean((1, 2))
    assert metrics["mse_5"] == pytest.approx(errors[4], rel=1e-5)
    ratios = [errors[h - 1] / checks.best[h - 1] for h in (1, 3, 5)]
    assert metrics["mse_ratio"] == pytest.approx(np.mean(ratios), rel=1e-5)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (2 * 96, 6 * 96)
    assert all(torch.equal(value, weights[name]) for name, value in recipe.modules.state_dict().items())


def test_from_toml_to_a_model_that_starts_another_run_and_forecasts_nothing(
    data: DataConfig, tmp_path: Path
) -> None:
    settings = SimVPSettings(data=data, overrides=TINY, model_name="my-simvp")
    list(train(write_run(tmp_path / "first", "simvp", settings, FitConfig(steps=1))))
    path = tmp_path / "first" / "final.safetensors"
    model = load_model(path)
    assert (model.name, model.kind) == ("my-simvp", "simvp")
    assert model.card.metrics["mse_ratio"] > 0
    assert model.card.training["settings"]["overrides"] == TINY
    again = SimVPRecipe(settings.model_copy(update={"start": str(path)}))
    own = model.network.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in again.network.state_dict().items())
    movie = TimeLapse(np.zeros((4, 1, 1, 32, 32), np.float32), name="black")
    with pytest.raises(CellSimError, match="'my-simvp' is a simvp, which cannot forecast; choose an SDC-Net"):
        list(forecast_job(movie, model))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"overrides": {"hid_t": 24}}, "hid_t must be a multiple of twice the groups"),
        ({"lr": 0.0}, "settings of recipe 'simvp' are not usable: lr"),
        ({"start": "unet-lite"}, "of kind 'unet', but 'simvp' is needed"),
        ({"overrides": {"horizon": 40}}, "frames"),
    ],
)
def test_settings_that_cannot_be(
    data: DataConfig, tmp_path: Path, settings: dict[str, object], sentence: str
) -> None:
    run = write_run(
        tmp_path / "run",
        "simvp",
        {"data": data.model_dump(mode="json", exclude_none=True), **settings},
        FitConfig(steps=1),
    )
    with pytest.raises(CellSimError, match=sentence):
        list(train(run))
