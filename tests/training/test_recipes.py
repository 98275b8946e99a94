from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cellsim import nets
from napari_cellsim.base import CellSimError
from napari_cellsim.models import Model, load_model
from napari_cellsim.training import (
    DataConfig,
    FitConfig,
    FlowConfig,
    FlowRecipe,
    RunFolder,
    SDCNetConfig,
    SDCNetRecipe,
    SegmentationConfig,
    SegmentationRecipe,
    StepLogged,
    fit,
    read_run,
    train,
    write_run,
)
from napari_cellsim.training.augmentation import Augmentation
from napari_cellsim.training.recipes.forecast import KERNEL_DECODERS, one_hot_kernels

TINY_SDC = {"widths": [8, 12], "decoder_widths": [8], "trunk_stride": 4}
TINY_PWC = {
    "channels": [8, 12, 16],
    "decoder_channels": [16],
    "context_channels": [16],
    "context_dilations": [1],
}
TINY_UNET = {"widths": [8, 16], "trunk_stride": 2}


@pytest.fixture
def data(store) -> DataConfig:
    return DataConfig(
        folder=str(store), batch=2, crop=64, augmentation=Augmentation.none(), validation_sequences=2
    )


@pytest.fixture(scope="module")
def partners(tmp_path_factory):
    folder = tmp_path_factory.mktemp("partners")
    torch.manual_seed(0)
    paths = {}
    for role, kind, overrides in (("flow", "pwcnet", TINY_PWC), ("segmentation", "unet", TINY_UNET)):
        paths[f"{role}_model"] = str(folder / f"{kind}.safetensors")
        Model.create(kind, kind, **overrides).save(paths[f"{role}_model"])
    return paths


def overfit(recipe, steps):
    """Train on one batch; return first and last loss."""
    batch = recipe.batch(0, 1.0)
    values = [recipe.train_step(batch, 0.5)["loss"] for _ in range(steps)]
    return values[0], values[-1]


def test_segmentation_learns_one_batch(data):
    torch.manual_seed(0)
    recipe = SegmentationRecipe(SegmentationConfig(data=data, overrides=TINY_UNET, lr=1e-2))
    before, after = overfit(recipe, 60)
    assert after < 0.5 * before
    assert set(recipe.validate()) == {"loss", "iou_trap", "iou_cell", "iou_cell_of_interest"}


def test_flow_learns_one_batch(data):
    torch.manual_seed(0)
    recipe = FlowRecipe(FlowConfig(data=data, overrides=TINY_PWC, lr=3e-3))
    before, after = overfit(recipe, 60)
    assert after < 0.6 * before
    metrics = recipe.validate()
    assert metrics["epe_cells_of_zero_flow"] > 0


@pytest.mark.parametrize("stage", ["flow", "fine_tune"])
def test_forecasts_learn_one_batch_and_start_as_copy_last(data, partners, stage):
    torch.manual_seed(0)
    config = SDCNetConfig(
        data=data,
        stage=stage,
        overrides=TINY_SDC,
        encoder_lr=5e-3,
        head_lr=5e-3,
        roll_out=((0, 1), (0.5, 3)),
        **partners,
    )
    recipe = SDCNetRecipe(config)
    assert recipe.batch(0, 0.2).images.shape == (2, 4, 1, 64, 64)
    batch = recipe.batch(0, 0.5)
    assert batch.images.shape == (2, 6, 1, 64, 64)
    history = batch.images[:, :3]
    start = recipe.predict(history, 2).frames
    tolerance = 0.0 if stage == "flow" else 0.05
    torch.testing.assert_close(
        start, history[:, -1:].expand(-1, 2, -1, -1, -1), rtol=0, atol=tolerance + 1e-6
    )
    values = [recipe.train_step(batch, 0.5) for _ in range(40)]
    assert values[-1]["mse"] < 0.85 * values[0]["mse"]
    assert values[-1]["loss"] < values[0]["loss"]
    assert values[-1]["scale"] != values[0]["scale"]


TRAINED = {
    "flow": {"encoder", "flow_decoder"},
    "kernel_init": {"kernel_v_decoder", "kernel_h_decoder"},
    "fine_tune": {"encoder", "flow_decoder", "kernel_v_decoder", "kernel_h_decoder"},
}


@pytest.mark.parametrize("stage", TRAINED)
def test_each_stage_changes_its_part_only(data, partners, stage):
    torch.manual_seed(0)
    recipe = SDCNetRecipe(SDCNetConfig(data=data, stage=stage, overrides=TINY_SDC, **partners))
    before = {name: value.clone() for name, value in recipe.modules.state_dict().items()}
    hashes = {role: partner.hash for role, partner in recipe.partners.items()}
    for step in range(3):
        recipe.train_step(recipe.batch(step, 0.0), 0.0)
    changed = {
        name.split(".")[1]
        for name, value in recipe.modules.state_dict().items()
        if name.startswith("network.") and not torch.equal(value, before[name])
    }
    assert changed == TRAINED[stage]
    robust_changed = not torch.equal(
        recipe.modules.state_dict()["robust.latent_scale"], before["robust.latent_scale"]
    )
    assert robust_changed == (stage != "kernel_init")
    assert {role: partner.hash for role, partner in recipe.partners.items()} == hashes


def test_kernel_init_drives_kernels_to_one_hot(data):
    torch.manual_seed(0)
    recipe = SDCNetRecipe(SDCNetConfig(data=data, stage="kernel_init", overrides=TINY_SDC, head_lr=2e-2))
    for name in KERNEL_DECODERS:
        torch.nn.init.normal_(getattr(recipe.network, name).head.weight, std=0.3)
        torch.nn.init.normal_(getattr(recipe.network, name).head.bias, std=0.3)
    before, after = overfit(recipe, 150)
    assert before > 0.5
    assert after < 0.05 * before
    predicted = recipe.predict(recipe.batch(0, 0.0).images[:, :3], 1)
    assert predicted.kernel_v.argmax(2).eq(3).all()


def test_one_hot_kernels_make_a_pure_warp_and_come_back(data):
    torch.manual_seed(0)
    network = nets.create("sdcnet", **TINY_SDC)
    torch.nn.init.normal_(network.flow_decoder.head.weight, std=0.05)
    own = network.kernel_v_decoder
    frames, flows, masks = (
        torch.rand(1, 3, 1, 40, 36),
        torch.zeros(1, 3, 2, 40, 36),
        torch.zeros(1, 3, 4, 40, 36),
    )
    with one_hot_kernels(network):
        frame, motion = network.predict_next(frames, flows, masks)
    assert motion.flow.abs().max() > 0.01
    expected = torch.zeros(7)
    expected[3] = 1
    assert torch.equal(motion.kernel_v, expected.view(1, 7, 1, 1).expand_as(motion.kernel_v))
    assert network.kernel_v_decoder is own
    torch.testing.assert_close(frame, cs_warp(frames[:, -1], motion.flow), rtol=0, atol=1e-5)


def cs_warp(image, flow):
    from napari_cellsim.ops import warp

    return warp(image, flow)


def test_stages_follow_each_other_and_the_model_names_its_partners(data, partners, tmp_path):
    common = {"data": data, "overrides": TINY_SDC, **partners}
    budget = FitConfig(steps=3, log_every=1, average=0.9)
    start = ""
    for stage in ("flow", "kernel_init", "fine_tune"):
        folder = tmp_path / stage
        write_run(folder, "sdcnet", SDCNetConfig(stage=stage, start=start, **common), budget)
        events = list(train(folder / "run.toml"))
        assert sum(isinstance(event, StepLogged) for event in events) == 3
        start = str(folder)
    # the flow learnt in the first stage is still there after the second, and so is the robust loss
    torch.manual_seed(0)
    carried = SDCNetRecipe(SDCNetConfig(stage="fine_tune", start=str(tmp_path / "kernel_init"), **common))
    flow_stage = load_model(tmp_path / "flow" / "final.safetensors").network.state_dict()
    kept = carried.network.state_dict()
    assert all(torch.equal(kept[k], v) for k, v in flow_stage.items() if k.startswith("flow_decoder"))
    assert carried.robust.latent_scale.item() != 0

    model = load_model(RunFolder(tmp_path / "fine_tune").final)
    assert model.card.partners["flow"]["hash"] == load_model(partners["flow_model"]).hash
    assert model.card.pixel_size == pytest.approx(0.108)
    assert model.card.metrics["mse_ratio_1"] > 0


def test_training_from_toml_repeats_itself(data, tmp_path):
    results = []
    for name in ("a", "b"):
        settings = SegmentationConfig(
            data=data.model_copy(update={"augmentation": Augmentation()}), overrides=TINY_UNET
        )
        path = write_run(tmp_path / name, "segmentation", settings, FitConfig(steps=4, log_every=1, seed=7))
        losses = [e.losses["loss"] for e in train(path) if isinstance(e, StepLogged)]
        results.append((losses, load_model(tmp_path / name / "final.safetensors").hash))
    assert results[0] == results[1]


def test_a_resumed_recipe_equals_an_uninterrupted_one(data, partners, tmp_path):
    def recipe():
        torch.manual_seed(1)
        lively = data.model_copy(update={"augmentation": Augmentation()})
        schedule = ((0.0, 1), (0.5, 2))
        return SDCNetRecipe(
            SDCNetConfig(data=lively, stage="fine_tune", overrides=TINY_SDC, roll_out=schedule, **partners)
        )

    config = FitConfig(steps=6, log_every=1, checkpoint_every=2, average=0.9)
    list(fit(recipe(), config, tmp_path / "whole"))
    for event in fit(recipe(), config, tmp_path / "halved"):
        if isinstance(event, StepLogged) and event.step == 3:
            break
    list(fit(recipe(), config, tmp_path / "halved"))
    whole, halved = (load_model(tmp_path / name / "final.safetensors") for name in ("whole", "halved"))
    assert whole.hash == halved.hash


def test_bad_run_files_get_a_sentence(data, tmp_path):
    with pytest.raises(CellSimError, match="cannot be read"):
        next(train(tmp_path / "run.toml"))
    (tmp_path / "run.toml").write_text("recipe = ")
    with pytest.raises(CellSimError, match="not valid TOML"):
        next(train(tmp_path))
    (tmp_path / "run.toml").write_text('recipe = "cooking"\nsettings = {}\nfit = {steps = 1}\n')
    with pytest.raises(CellSimError, match="no recipe 'cooking'"):
        next(train(tmp_path))
    path = write_run(tmp_path, "flow", FlowConfig(data=data), FitConfig(steps=1))
    path.write_text(path.read_text().replace("lr = 0.001", 'lr = "fast"'))
    with pytest.raises(CellSimError, match=r"recipe 'flow' are not usable: lr"):
        read_run(path).make()


def test_a_model_of_another_kind_cannot_be_the_start(data, partners):
    with pytest.raises(CellSimError, match="kind 'pwcnet'"):
        SegmentationRecipe(SegmentationConfig(data=data, start=partners["flow_model"]))


def test_validation_compares_with_the_best_baseline(data):
    from napari_cellsim.training.recipes.forecast_validation import ForecastValidation

    validation = ForecastValidation(data, history=3)
    copied = validation(lambda history, steps: history[:, -1:].expand(-1, steps, -1, -1, -1))
    expected = validation.baselines["copy_last"][[0, 2, 4]] / validation.best[[0, 2, 4]]
    np.testing.assert_allclose([copied[f"mse_ratio_{h}"] for h in (1, 3, 5)], expected, rtol=1e-6)
    assert copied["mse_ratio"] >= 1
