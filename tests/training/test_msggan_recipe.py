"""The MSG-GAN recipe: steps, resume, what it watches, export, transfer, bad data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.io import imread, imsave

from napari_cellsim.base import CellSimError, JobCancelled, JobToken
from napari_cellsim.models import Model, load_model
from napari_cellsim.training import (
    CheckpointSaved,
    Finished,
    FitConfig,
    MSGGANConfig,
    MSGGANRecipe,
    SpecimenConfig,
    StepLogged,
    Validated,
    fit,
    read_run,
    write_run,
)
from napari_cellsim.training.duality import duality_gap
from napari_cellsim.training.recipes.msggan_watch import Likeness, ScaleChange
from napari_cellsim.training.stepping import Stepping

COLOURS = {"blue": (40, 60, 220), "red": (220, 50, 40)}
WIDTHS = [12, 10, 8, 6, 4, 4, 4, 4, 4]


def disc(colour: tuple[int, int, int], seed: int, size: int = 20) -> np.ndarray:
    """A coloured disc on a dark ground, (size, size, 3) uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    row, column = random.uniform(0.35, 0.65, 2) * size
    inside = np.hypot(y - row, x - column) < random.uniform(0.2, 0.35) * size
    return np.where(inside[..., None], colour, (12, 12, 12)).astype(np.uint8)


@pytest.fixture(scope="module")
def discs(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("discs")
    for number, (name, colour) in enumerate(COLOURS.items()):
        (root / name).mkdir()
        for seed in range(20):
            imsave(root / name / f"{seed:02d}.png", disc(colour, 100 * number + seed), check_contrast=False)
    return root


def config(
    folder: Path, size: int = 8, batch: int = 4, overrides=None, classes=(), **settings
) -> MSGGANConfig:
    data = SpecimenConfig(folder=str(folder), size=size, batch=batch, classes=classes)
    return MSGGANConfig(data=data, overrides={"latent": 6, "widths": WIDTHS, **(overrides or {})}, **settings)


def run(folder: Path, settings: MSGGANConfig, steps: int, **more):
    torch.manual_seed(0)
    recipe = MSGGANRecipe(settings)
    events = list(fit(recipe, FitConfig(steps=steps, log_every=1, average=0.9, **more), folder))
    return {name: value.clone() for name, value in recipe.modules.state_dict().items()}, events


def test_a_step_trains_both_networks_with_the_same_codes(discs):
    torch.manual_seed(0)
    recipe = MSGGANRecipe(config(discs))
    batch = recipe.batch(3, 0.0)
    assert batch.images.shape == (4, 3, 8, 8)
    assert float(batch.images.min()) >= -1
    assert float(batch.images.max()) <= 1
    assert torch.equal(batch.codes, recipe.batch(3, 0.5).codes)
    assert not torch.equal(batch.codes, recipe.batch(4, 0.0).codes)
    seen, plain = [], recipe.generator.forward
    recipe.generator.forward = lambda codes: seen.append(codes) or plain(codes)
    before = {name: value.clone() for name, value in recipe.modules.state_dict().items()}
    values = recipe.train_step(batch, 0.0)
    assert set(values) == {"discriminator", "penalty", "distance", "generator"}
    assert all(np.isfinite(list(values.values())))
    assert [torch.equal(codes, batch.codes) for codes in seen] == [True, True]
    after = recipe.modules.state_dict()
    assert all(not torch.equal(after[n], before[n]) for n in before if n.endswith("weight"))


def test_one_step_is_that_of_adam_on_the_stated_losses(discs):
    torch.manual_seed(0)
    recipe = MSGGANRecipe(config(discs))
    batch = recipe.batch(0, 0.0)
    critic, generator = recipe.discriminator, recipe.generator
    name, weight = "score.weight", critic.score.weight.detach().clone()
    torch.manual_seed(5)
    share = torch.rand(4, 1, 1, 1)
    fake = [picture.detach() for picture in generator(batch.codes)]
    real = [torch.nn.functional.avg_pool2d(batch.images, 2), batch.images]
    mixed = [(share * r + (1 - share) * f).requires_grad_() for r, f in zip(real, fake, strict=True)]
    slopes = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    norms = [(slope.square().sum((1, 2, 3)) + 1e-10).sqrt() for slope in slopes]
    scores = critic(real), critic(fake)
    loss = scores[1].mean() - scores[0].mean() + 0.001 * scores[0].square().mean()
    loss = loss + 10 * torch.stack([(norm - 1).square().mean() for norm in norms]).mean()
    (gradient,) = torch.autograd.grad(loss, critic.score.weight)
    torch.manual_seed(5)
    values = recipe.train_step(batch, 0.0)
    assert values["discriminator"] == pytest.approx(loss.item(), rel=1e-4)
    # the first step of Adam is the sign of the gradient times the rate
    expected = weight - 3e-3 * gradient.sign()
    torch.testing.assert_close(critic.state_dict()[name], expected, atol=1e-5, rtol=1e-4)


def test_resumed_equals_uninterrupted(discs, tmp_path):
    settings = config(discs, duality_steps=1)
    whole, events = run(tmp_path / "whole", settings, 6, checkpoint_every=2, validate_every=3)
    token = JobToken()
    torch.manual_seed(0)
    schedule = FitConfig(steps=6, log_every=1, average=0.9, checkpoint_every=2, validate_every=3)
    started = fit(MSGGANRecipe(settings), schedule, tmp_path / "cut", token)
    saved = (event for event in started if isinstance(event, CheckpointSaved) and event.step >= 4)
    next(saved)
    token.cancel()
    with pytest.raises(JobCancelled):
        list(started)
    resumed, later = run(tmp_path / "cut", settings, 6, checkpoint_every=2, validate_every=3)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    # what had changed since the validation before the interruption is known, too
    first, second = [event.metrics for event in events if isinstance(event, Validated)]
    (again,) = [event.metrics for event in later if isinstance(event, Validated)]
    assert again == second
    assert {"change_4", "change_8", "duality_gap"} <= set(second)
    assert "change_4" not in first


def test_a_validation_does_not_change_the_training(discs, tmp_path):
    settings = config(discs, duality_steps=2)
    watched, _ = run(tmp_path / "watched", settings, 4, validate_every=2)
    alone, _ = run(tmp_path / "alone", settings, 4)
    same = [name for name in alone if not name.startswith("change.")]
    assert all(torch.equal(watched[name], alone[name]) for name in same)


def test_micro_batches_see_every_picture_and_bfloat16_is_near(discs):
    def gradient(stepping):
        torch.manual_seed(0)
        recipe = MSGGANRecipe(config(discs, penalty=0))
        recipe.stepping = stepping
        batch = recipe.batch(0, 0.0)
        torch.manual_seed(1)
        recipe.train_step(batch, 0.0)
        return torch.cat([p.grad.flatten() for p in recipe.modules.parameters() if p.grad is not None])

    whole = gradient(Stepping())
    assert torch.cosine_similarity(whole, gradient(Stepping("bfloat16")), dim=0) > 0.95
    assert torch.cosine_similarity(whole, gradient(Stepping(parts=2)), dim=0) > 0.8


def test_it_learns_the_colour_and_place_of_discs(discs, tmp_path):
    settings = config(discs, batch=8, classes=("red",), lr=5e-3)
    torch.manual_seed(0)
    recipe = MSGGANRecipe(settings)
    untrained = recipe.validate()["patch_distance"]
    events = fit(recipe, FitConfig(steps=250, log_every=250, average=0.98, validate_every=250), tmp_path)
    (trained,) = [event.metrics for event in events if isinstance(event, Validated)]
    assert trained["patch_distance"] < 0.6 * untrained
    model = load_model(tmp_path / "final.safetensors")
    with torch.no_grad():
        drawn = model.network(torch.randn(64, 6, generator=torch.Generator().manual_seed(9)))[-1]
    middle, corner = drawn[:, :, 3:5, 3:5].mean((0, 2, 3)), drawn[:, :, 0, 0].mean(0)
    assert float(middle[0] - middle[2]) > 0.5  # red, not blue
    assert float(middle[0] - corner[0]) > 0.5  # in the middle


def test_images_are_a_budget(discs, tmp_path):
    recipe = MSGGANRecipe(config(discs))
    events = list(fit(recipe, FitConfig(images=10, log_every=1), tmp_path))
    assert max(event.step for event in events if isinstance(event, StepLogged)) == 3  # 4 pictures a step
    assert load_model(tmp_path / "final.safetensors").card.training["images_shown"] == 12


def test_the_saved_model_knows_its_classes_and_units(discs, tmp_path):
    run(tmp_path, config(discs, size=16), 2, validate_every=2)
    model = load_model(tmp_path / "final.safetensors")
    assert model.kind == "msggan"
    assert set(model.networks) == {"msggan", "discriminator"}
    assert model.card.input_size == (16, 16)
    assert model.card.training["classes"] == {"blue": 16, "red": 16}
    assert model.card.normalisation["mean"] == model.card.normalisation["std"] == 127.5
    assert {"patch_distance", "copies", "deviation"} <= set(model.card.metrics)
    preview = imread(tmp_path / "previews" / "step-00000002.png")
    assert preview.shape == (3 * 16, 8 * 16, 3)  # a row for each of 4, 8 and 16 px
    assert np.array_equal(preview[::4, ::4][:4], preview[3::4, 3::4][:4])  # 4 px, enlarged


def test_grey_pictures(discs, tmp_path):
    data = SpecimenConfig(folder=str(discs), size=8, channels=1, batch=4)
    settings = MSGGANConfig(data=data, overrides={"latent": 6, "widths": WIDTHS})
    run(tmp_path, settings, 1, validate_every=1)
    assert load_model(tmp_path / "final.safetensors").network.config.channels == 1
    assert imread(tmp_path / "previews" / "step-00000001.png").ndim == 2


def test_the_switches_run(discs, tmp_path):
    settings = config(
        discs, overrides={"deviation": "batch_and_channels"}, reduction="bilinear", schedule="cosine"
    )
    recipe = MSGGANRecipe(settings)
    assert recipe.discriminator.config.deviation == "batch_and_channels"
    assert np.isfinite(list(recipe.train_step(recipe.batch(0, 0.0), 0.0).values())).all()
    recipe.set_learning_rates(1.0)
    assert all(o.param_groups[0]["lr"] < 1e-4 for o in recipe.optimisers.values())


def test_a_smaller_model_starts_a_larger_one(discs, tmp_path):
    path = tmp_path / "small.safetensors"
    small = Model.create("small", "msggan", size=8, latent=6, widths=WIDTHS)
    small.save(path)
    recipe = MSGGANRecipe(config(discs, size=16, start=str(path)))
    old, new = small.network.state_dict(), recipe.generator.state_dict()
    assert len(new) > len(old)
    assert all(torch.equal(old[name], new[name]) for name in old)
    Model.create("other", "unet").save(path)
    with pytest.raises(CellSimError, match="no network 'msggan'"):
        MSGGANRecipe(config(discs, start=str(path)))


def test_from_a_run_file(discs, tmp_path):
    write_run(tmp_path, "msggan", config(discs), FitConfig(images=4))
    recipe = read_run(tmp_path / "run.toml").make()
    assert isinstance(recipe, MSGGANRecipe)
    assert recipe.config == config(discs)


def test_change_of_pictures_is_the_squared_difference_over_their_variance():
    random = torch.Generator().manual_seed(0)
    pictures = [torch.randn(200, 3, side, side, generator=random) for side in (4, 8)]
    watch = ScaleChange(pictures)
    assert watch(pictures) == {}
    assert watch(pictures) == {"change_4": 0, "change_8": 0}
    others = [torch.randn(200, 3, side, side, generator=random) for side in (4, 8)]
    # unrelated pictures: 2 σ² over the variance within a picture, (n - 1)/n of it
    found = watch(others)
    assert found["change_4"] == pytest.approx(2 * 16 / 15, rel=0.05)
    assert found["change_8"] == pytest.approx(2 * 64 / 63, rel=0.05)


def test_copies_and_grids_are_found():
    random = torch.Generator().manual_seed(0)
    real = torch.rand(60, 3, 32, 32, generator=random) * 2 - 1
    fresh = torch.rand(40, 3, 32, 32, generator=random) * 2 - 1
    likeness = Likeness(real)
    assert likeness(fresh)["copies"] < 0.1
    assert likeness(fresh)["patch_distance"] < 0.2
    half = torch.cat([fresh[:20], real[:20]])
    assert likeness(half)["copies"] >= 0.5
    checks = fresh + 0.5 * (torch.arange(32)[:, None] + torch.arange(32)) % 2
    assert likeness(checks)["grid"] > 3 * likeness(fresh)["grid"]
    assert likeness(fresh[:1].expand(8, -1, -1, -1))["deviation"] == 0


class Number(torch.nn.Module):
    """A player with one number."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value))


def test_duality_gap_of_a_saddle():
    # M(d, g) = d · g - d²/2 + g²/2, which d wants large and g small: the equilibrium is (0, 0), d* = g and g* = -d
    def value(d, g):
        return d.value * g.value - d.value**2 / 2 + g.value**2 / 2

    losses = (lambda d, g, step: -value(d, g), lambda d, g, step: value(d, g))

    def gap(d, g):
        return duality_gap(
            Number(d),
            Number(g),
            losses,
            lambda d, g: float(value(d, g)),
            steps=400,
            lr=0.02,
            betas=(0.5, 0.9),
        )

    assert gap(0.0, 0.0) == pytest.approx(0, abs=1e-3)
    assert gap(1.0, 0.5) == pytest.approx(1.0**2 + 0.5**2, rel=0.02)


def test_the_duality_gap_can_say_what_is_best_and_when_to_stop(discs, tmp_path):
    settings = config(discs, duality_steps=2, judge="duality_gap")
    _, events = run(tmp_path, settings, 60, validate_every=2, patience=3, export="best")
    gaps = [event.metrics["duality_gap"] for event in events if isinstance(event, Validated)]
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.best == min(gaps)
    assert end.best_step == 2 * (1 + int(np.argmin(gaps)))
    assert end.step == end.best_step + 2 * 3, "three validations in a row were not better"
    training = load_model(tmp_path / "final.safetensors").card.training
    assert training["best"]["metric"] == "duality_gap"
    assert training["exported_step"] == end.best_step
    # it costs nothing unless it is asked for, and cannot judge then
    assert "duality_gap" not in MSGGANRecipe(config(discs)).validate()
    run_file = write_run(
        tmp_path / "other",
        "msggan",
        config(discs).model_dump() | {"judge": "duality_gap"},
        FitConfig(steps=1),
    )
    with pytest.raises(CellSimError, match="not usable: the duality gap can only judge if duality_steps"):
        read_run(run_file).make()


def test_not_a_number_stops_with_a_sentence(discs, tmp_path):
    recipe = MSGGANRecipe(config(discs))
    with torch.no_grad():
        recipe.generator.start.bias.fill_(float("nan"))
    with pytest.raises(CellSimError, match="not finite"):
        list(fit(recipe, FitConfig(steps=2), tmp_path))


def test_bad_settings_and_data_get_a_sentence(discs, tmp_path):
    with pytest.raises(CellSimError, match="no class 'green'"):
        MSGGANRecipe(config(discs, classes=("green",)))
    with pytest.raises(CellSimError, match="no folder"):
        MSGGANRecipe(config(tmp_path / "nothing"))
    with pytest.raises(CellSimError, match="must be one of 4, 8"):
        MSGGANRecipe(config(discs, size=12))
    with pytest.raises(CellSimError, match="has the setting lattent"):
        MSGGANRecipe(config(discs, overrides={"lattent": 3}))
    few = tmp_path / "few"
    (few / "red").mkdir(parents=True)
    for number in range(3):
        imsave(few / "red" / f"{number}.png", disc((9, 9, 99), number), check_contrast=False)
    with pytest.raises(CellSimError, match="red"):
        MSGGANRecipe(config(few))


def test_classes_are_learnt_apart_or_together_and_only_from_their_training_part(discs):
    one, both = (MSGGANRecipe(config(discs, classes=classes)) for classes in (("red",), ()))
    assert (len(one.feeder), len(both.feeder)) == (16, 32)
    parts = [one.config.data.pictures(part).all() for part in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [16, 2, 2]
    assert all((part[:, 0].amax((1, 2)) > part[:, 2].amax((1, 2))).all() for part in parts)  # red
    shown = {tuple(p.flatten().tolist()) for part in parts for p in part}
    assert len(shown) == 20  # none in two parts
