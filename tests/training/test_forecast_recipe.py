"""The last stage of SDC-Net++, the growth map, and how the stages follow each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.ndimage import binary_dilation

from napari_cellsim.base import CellSimError
from napari_cellsim.models import Model, load_model
from napari_cellsim.training import (
    DataConfig,
    FitConfig,
    RunFolder,
    SDCNetConfig,
    SDCNetRecipe,
    StepLogged,
    fit,
    read_run,
    sdcnet_run,
    train,
    write_run,
)
from napari_cellsim.training.augmentation import Augmentation
from napari_cellsim.training.checkpoints import list_checkpoints
from napari_cellsim.training.feeding import cut
from napari_cellsim.training.recipes.forecast_adversary import (
    Sequences,
    adversarial_term,
    discriminator_losses,
)
from napari_cellsim.training.recipes.forecast_settings import SDCNET_STAGES
from napari_cellsim.training.sequences import find_sequences
from napari_cellsim.training.stepping import Stepping

SDC = {"widths": [8, 12], "decoder_widths": [8], "trunk_stride": 4}
JUDGE = {"widths": [8, 8, 8], "trunk_stride": 4}
PWC = {"channels": [8, 12, 16], "decoder_channels": [16], "context_channels": [16], "context_dilations": [1]}
UNET = {"widths": [8, 16], "trunk_stride": 2}
STAGES = ("flow", "kernel_init", "fine_tune", "multi_frame")


@pytest.fixture
def data(store) -> DataConfig:
    return DataConfig(
        folder=str(store), batch=2, crop=64, augmentation=Augmentation.none(), validation_sequences=1
    )


@pytest.fixture(scope="module")
def partners(tmp_path_factory):
    folder = tmp_path_factory.mktemp("partners")
    torch.manual_seed(0)
    paths = {}
    for role, kind, overrides in (("flow", "pwcnet", PWC), ("segmentation", "unet", UNET)):
        paths[f"{role}_model"] = str(folder / f"{kind}.safetensors")
        Model.create(kind, kind, **overrides).save(paths[f"{role}_model"])
    return paths


@pytest.fixture
def settings(data, partners):
    """Return a function that makes settings of the last stage, small and with changes."""

    def make(**changes):
        usual = {"stage": "multi_frame", "roll_out": ((0.0, 2),), "discriminator_lr": 3e-3}
        small = {"overrides": SDC, "discriminator_overrides": JUDGE, "data": data}
        return SDCNetConfig(**(small | usual | partners | changes))

    return make


def new(config, kind=SDCNetRecipe):
    """Return a recipe, always with the same fresh weights, that moves and mixes from the start."""
    torch.manual_seed(0)
    recipe = kind(config)
    torch.manual_seed(1)  # the same with and without a discriminator
    torch.nn.init.normal_(recipe.network.flow_decoder.head.weight, std=0.02)
    return recipe


def gradients(module):
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def test_both_sides_learn_and_partners_do_not(settings):
    recipe = new(settings())
    before = {name: value.clone() for name, value in recipe.modules.state_dict().items()}
    hashes = {role: partner.hash for role, partner in recipe.partners.items()}
    for step in range(2):
        values = recipe.train_step(recipe.batch(step, 0.0), 0.0)
    after = recipe.modules.state_dict()
    changed = {".".join(n.split(".")[:2]) for n, v in after.items() if not torch.equal(v, before[n])}
    parts = ("encoder", "flow_decoder", "kernel_v_decoder", "kernel_h_decoder")
    assert {f"network.{part}" for part in parts} <= changed
    assert {
        "robust.latent_alpha",
        "robust.latent_scale",
        "discriminator.blocks",
        "discriminator.head",
    } <= changed
    assert {role: partner.hash for role, partner in recipe.partners.items()} == hashes
    assert values["loss"] == pytest.approx(values["robust"] + 0.01 * values["adversarial"], rel=1e-5)
    assert values["steps"] == 2
    assert {"discriminator", "real_logit", "fake_logit", "mse"} <= values.keys()


def test_the_discriminator_learns_to_tell_predictions_from_recordings(settings):
    recipe = new(settings())
    torch.nn.init.normal_(recipe.network.flow_decoder.head.weight, std=0.2)
    judge, batch = recipe.modules["discriminator"], recipe.batch(0, 0.0)
    pair = Sequences(batch.images, recipe._losses(batch)[1].detach())
    before = adversarial_term(judge, pair.predicted).item()
    found = [
        recipe.descend(pair, lambda part: discriminator_losses(judge, part), "discriminator")
        for _ in range(80)
    ]
    assert min(values["loss"] for values in found) < 0.7 * found[0]["loss"]
    assert found[-1]["real_logit"] > found[-1]["fake_logit"] + 0.5
    assert adversarial_term(judge, pair.predicted).item() > 1.2 * before  # to be seen through costs more


def test_adversarial_losses_have_known_values():
    undecided = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1))
    for parameter in undecided.parameters():
        torch.nn.init.zeros_(parameter)
    pair = Sequences(torch.rand(2, 3, 1, 2, 2), torch.rand(2, 3, 1, 2, 2))
    assert adversarial_term(undecided, pair.predicted).item() == pytest.approx(math.log(2))
    assert discriminator_losses(undecided, pair)["loss"].item() == pytest.approx(2 * math.log(2))
    torch.nn.init.constant_(undecided[1].bias, 3.0)  # takes all for recorded
    found = discriminator_losses(undecided, pair)
    assert found["loss"].item() == pytest.approx(math.log1p(math.exp(-3)) + math.log1p(math.exp(3)))
    assert adversarial_term(undecided, pair.predicted).item() == pytest.approx(math.log1p(math.exp(-3)))
    assert (found["real_logit"].item(), found["fake_logit"].item()) == (3.0, 3.0)


def test_weight_zero_turns_the_discriminator_off(settings):
    recipe = new(settings(adversarial=0.0))
    assert set(recipe.modules) == {"network", "robust"}
    assert set(recipe.optimisers) == {"network", "robust"}
    values = recipe.train_step(recipe.batch(0, 0.0), 0.0)
    assert "discriminator" not in values
    same = new(
        settings(adversarial=0.0, stage="fine_tune")
    )  # the supervised part is that of the stage before
    assert same.train_step(same.batch(0, 0.0), 0.0) == values


def test_the_adversarial_term_enters_the_gradient_with_its_weight(settings):
    def gradient(weight):
        recipe = new(settings(adversarial=weight))
        recipe.losses(recipe.batch(0, 0.0), 0.0)["loss"].backward()
        return gradients(recipe.network)

    plain, small, large = (gradient(weight) for weight in (0.0, 10.0, 20.0))
    assert (small - plain).norm() > 1e-4 * plain.norm()
    torch.testing.assert_close(large - plain, 2 * (small - plain), rtol=0.02, atol=1e-5)


def test_a_cut_roll_out_passes_no_gradient_to_earlier_steps(settings):
    def gradient(truncate, from_own=False):
        recipe = new(settings(truncate=truncate, adversarial=0.0, growth=1.0, roll_out=((0.0, 3),)))
        batch = recipe.batch(0, 0.0)
        past = batch.images[:, :3]
        if not from_own:
            frames = recipe.predict(past, 3).frames
            ((frames - batch.images[:, 3:]) ** 2).sum().backward()
        else:  # single steps, each from recorded and predicted pictures that are given
            with torch.no_grad():
                given = torch.cat([past, recipe.predict(past, 3).frames], 1)
            flow = recipe.partners["flow"].network
            with torch.no_grad():
                flows = torch.zeros(*given.shape[:2], 2, *given.shape[-2:])
                for t in range(1, 6):
                    flows[:, t] = flow(given[:, t], given[:, t - 1])
                segment = recipe._sources()[1]
                masks = torch.stack([segment(given[:, t]) for t in range(6)], 1)
            for t in range(3):
                seen = flows[:, t : t + 3].clone()
                seen[:, 0] = 0
                frame, _ = recipe.network.predict_next(given[:, t : t + 3], seen, masks[:, t : t + 3])
                ((frame - batch.images[:, t + 3]) ** 2).sum().backward()
        return gradients(recipe.network)

    torch.testing.assert_close(gradient(1), gradient(1, from_own=True), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(gradient(1), gradient(0), rtol=1e-2)
    assert torch.equal(gradient(3), gradient(0))  # a cut behind the last step changes nothing


@pytest.mark.parametrize("stepping", [Stepping(parts=2), Stepping("bfloat16")])
def test_micro_batches_and_bfloat16_give_about_the_same_gradients(settings, stepping):
    def step(how):
        recipe = new(settings())
        recipe.stepping = how
        values = recipe.train_step(recipe.batch(0, 0.0), 0.0)
        return values, gradients(recipe.network), gradients(recipe.modules["discriminator"])

    values, network, judge = step(Stepping())
    other_values, other_network, other_judge = step(stepping)
    assert other_network.dtype == other_judge.dtype == torch.float32
    assert other_values["discriminator"] == pytest.approx(values["discriminator"], rel=0.02)
    assert not torch.equal(network, other_network)
    assert torch.cosine_similarity(network, other_network, dim=0) > 0.9
    assert torch.cosine_similarity(judge, other_judge, dim=0) > 0.9


class FullOnce(SDCNetRecipe):
    """Runs out of memory in the second part of its first batch."""

    calls = 0

    def _losses(self, batch):
        self.calls += 1
        if self.calls == 2 and len(batch) > 1:
            raise torch.OutOfMemoryError("full")
        return super()._losses(batch)


def test_after_full_memory_the_discriminator_sees_each_sequence_once(settings, data):
    config = settings(data=data.model_copy(update={"batch": 4}))
    results = []
    for kind, parts in ((FullOnce, 2), (SDCNetRecipe, 4)):
        recipe = new(config, kind)
        recipe.stepping = Stepping(parts=parts)
        results.append(recipe.train_step(recipe.batch(0, 0.0), 0.0))
        assert recipe.stepping.parts == 4
    assert results[0] == pytest.approx(results[1], rel=1e-3, abs=1e-3)


def test_a_resumed_run_equals_an_uninterrupted_one_with_its_discriminator(settings, data, tmp_path):
    config = settings(data=data.model_copy(update={"augmentation": Augmentation()}))
    schedule = FitConfig(steps=5, log_every=1, checkpoint_every=2, average=0.9)
    list(fit(new(config), schedule, tmp_path / "whole"))
    for event in fit(new(config), schedule, tmp_path / "halved"):
        if isinstance(event, StepLogged) and event.step == 3:
            break
    torch.manual_seed(99)
    list(fit(SDCNetRecipe(config), schedule, tmp_path / "halved"))
    whole, halved = (
        load_file(list_checkpoints(tmp_path / name / "checkpoints")[-1] / "tensors.safetensors")
        for name in ("whole", "halved")
    )
    assert any(name.startswith("modules/discriminator.") for name in whole)
    assert any(name.startswith("optimisers/discriminator/") for name in whole)
    assert whole.keys() == halved.keys()
    assert all(torch.equal(value, halved[name]) for name, value in whole.items())


def test_stages_follow_each_other_and_each_can_be_entered_again(settings, tmp_path):
    schedule = FitConfig(steps=1, log_every=1)
    start = ""
    for stage in STAGES:
        config = settings(stage=stage, start=start, roll_out=((0.0, 1),))
        list(train(write_run(tmp_path / stage, "sdcnet", config, schedule)))
        start = str(tmp_path / stage)
        again = SDCNetRecipe(settings(stage=stage, start=start)).modules.state_dict()
        saved = load_file(list_checkpoints(tmp_path / stage / "checkpoints")[-1] / "tensors.safetensors")
        for name, value in again.items():
            assert torch.equal(value, saved[f"modules/{name}"]), (stage, name)
    # the earliest stage again, after the last one: nothing of the discriminator remains
    assert set(SDCNetRecipe(settings(stage="flow", start=start)).modules) == {"network", "robust"}

    model = load_model(RunFolder(tmp_path / "multi_frame").final)
    assert set(model.networks) == {"sdcnet"}
    assert model.card.training["settings"]["adversarial"] == 0.01
    from_file = SDCNetRecipe(settings(start=str(RunFolder(tmp_path / "multi_frame").final)))
    weights = from_file.network.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in model.network.state_dict().items())


def test_a_bundled_model_can_be_the_start_by_its_name(settings):
    expected = load_model("sdcnet-lite").network.state_dict()
    found = SDCNetRecipe(settings(start="sdcnet-lite", overrides={})).network.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    with pytest.raises(CellSimError, match="no model called 'sdcnet-huge'"):
        SDCNetRecipe(settings(start="sdcnet-huge"))
    with pytest.raises(CellSimError, match="has no checkpoint"):
        SDCNetRecipe(settings(start="/nowhere/run"))


def test_another_discriminator_than_the_earlier_run_had_is_refused(settings, tmp_path):
    list(fit(SDCNetRecipe(settings()), FitConfig(steps=1), tmp_path))
    with pytest.raises(CellSimError, match="another size"):
        SDCNetRecipe(settings(start=str(tmp_path), discriminator_overrides=JUDGE | {"widths": [8, 8, 12]}))


@pytest.mark.parametrize("radius", [0, 1, 2])
def test_the_growth_map_is_that_of_the_definition(settings, radius):
    recipe = new(settings(growth_radius=radius))
    batch = recipe.batch(0, 0.0)
    cells = (batch.semantic >= 2).numpy()  # cell of interest and auxiliary cells
    square = np.ones((2 * radius + 1,) * 2, bool)
    expected = np.ones((2, 2, 64, 64), np.float32)
    for b in range(2):
        for step in range(2):
            grown = cells[b, 3 + step] & ~cells[b, 2 + step]
            expected[b, step][binary_dilation(grown, square)] = 1.5
    assert (expected > 1).any()
    assert (expected == 1).any()
    assert np.array_equal(recipe._growth(batch).unflatten(0, (2, 2))[:, :, 0].numpy(), expected)
    assert new(settings(growth=1.0))._growth(batch) is None


def test_where_truth_is_missing_the_partner_says_where_cells_are(settings, store):
    recipe = new(settings())
    network = recipe.partners["segmentation"].network
    sequence = find_sequences(store / "train")[0]
    known = cut(sequence, slice(0, 5), slice(0, 64), slice(0, 64), 3)
    seen = network(known.images[0]).argmax(1) >= 2
    unknown = known.semantic.clone()
    unknown[:, 3:] = -1
    half = known.__class__(**{**vars(known), "semantic": unknown})
    cells = recipe._cells(half)
    assert torch.equal(cells[0, :3], known.semantic[0, :3] >= 2)
    assert torch.equal(cells[0, 3:], seen[3:])
    alone = new(settings(segmentation_model=""))
    assert not alone._cells(half)[0, 3:].any()  # nobody knows: nothing grows


def test_shape_and_scale_per_pixel_have_an_optimiser_of_their_own(settings):
    recipe = new(settings(robust_map=64, adversarial=0.0))
    own = list(recipe.robust.parameters())
    assert [p.shape for p in own] == [(1, 1, 64, 64)] * 2
    (group,) = recipe.optimisers["robust"].param_groups
    assert {id(p) for p in group["params"]} == {id(p) for p in own}
    assert group.get("weight_decay", 0) == 0
    others = {id(p) for g in recipe.optimisers["network"].param_groups for p in g["params"]}
    assert not others & {id(p) for p in own}
    batch = recipe.batch(0, 0.0)
    recipe.train_step(batch, 0.0)
    # The gradient of a pixel's pair comes from that pixel alone: from its residuals, in closed form for α = 1 + δ.
    residual = torch.zeros(1, 1, 64, 64)
    residual[..., 5, 7] = 1.0
    recipe.robust.zero_grad()
    base = recipe.robust(torch.zeros_like(residual))
    (recipe.robust(residual) - base).backward()
    for parameter in own:
        assert torch.nonzero(parameter.grad).tolist() == [[0, 0, 5, 7]]


@pytest.mark.parametrize("preset", ["thesis", "lite"])
def test_presets_name_all_four_stages_and_survive_a_file(preset, tmp_path):
    assert tuple(SDCNET_STAGES[preset]) == STAGES
    for stage in STAGES:
        config, schedule = sdcnet_run(preset, stage, "/data", start=tmp_path, growth=1.0, fit={"seed": 4})
        assert (config.stage, config.preset, config.growth, schedule.seed) == (stage, preset, 1.0, 4)
        path = write_run(tmp_path / stage, "sdcnet", config, schedule)
        run = read_run(path)
        assert SDCNetConfig.model_validate(run.settings) == config
        assert run.fit == schedule


def test_the_thesis_preset_is_the_printed_schedule():
    runs = {stage: sdcnet_run("thesis", stage, "/data") for stage in STAGES}
    assert [schedule.epochs for _, schedule in runs.values()] == [5, 1, 20, 5]
    assert [config.data.batch for config, _ in runs.values()] == [64, 64, 64, 1]
    for config, _ in runs.values():
        assert (config.head_lr, config.weight_decay, config.adversarial) == (3e-4, 1e-2, 0.01)
        assert config.robust_map == config.data.crop == 256
    with pytest.raises(KeyError):
        sdcnet_run("huge", "flow", "/data")
