"""Classifiers that start from an imported ResNet-18: what keeps still, what learns, and wrong starts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from napari_cellsim.base import CellSimError
from napari_cellsim.models import Model, import_weights, load_model
from napari_cellsim.training import (
    ClassifierConfig,
    ClassifierData,
    ClassifierRecipe,
    FitConfig,
    PictureChanges,
    fit,
)

CLASSES = {"red": (200, 60, 60), "blue": (60, 60, 200)}
SIZE = 32


@pytest.fixture(scope="module")
def discs(tmp_path_factory) -> Path:
    """Noisy discs anywhere on a dark ground, in the colour of their class."""
    root, random = tmp_path_factory.mktemp("discs"), np.random.default_rng(0)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for name, colour in CLASSES.items():
        (root / name).mkdir()
        for number in range(60):
            y, x = random.uniform(10, 22, 2)
            inside = np.hypot(rows - y, columns - x) < random.uniform(5, 9)
            pixels = np.where(inside[..., None], colour, 30) + random.integers(0, 40, (SIZE, SIZE, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{number:03d}.png")
    return root


@pytest.fixture(scope="module")
def backbone(resnet18_file: Path, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models") / "backbone.safetensors"
    import_weights(resnet18_file).save(path)
    return path


def config(discs: Path, start: Path | str = "", **settings) -> ClassifierConfig:
    data = ClassifierData(folder=str(discs), size=SIZE, batch=8)
    given = {
        "preset": "resnet18",
        "overrides": {"hidden": [16], "dropout": 0.1},
        "changes": PictureChanges.none(),
    }
    return ClassifierConfig(data=data, start=str(start), **{**given, **settings})


def accuracy(model: Model, settings: ClassifierConfig) -> float:
    """Share of the pictures that are neither trained nor validated on."""
    specimens = settings.data.read()
    rows = specimens.rows("test")
    with torch.no_grad():
        guesses = model.network(torch.from_numpy(specimens.images[rows]).float() / 127.5 - 1).argmax(1)
    return float((guesses.numpy() == specimens.labels[rows]).mean())


def changed(model: Model, state: dict[str, torch.Tensor]) -> set[str]:
    """Return the parts of a classifier's backbone of which any bit differs from the weights it started with."""
    own = model.network.backbone.state_dict()
    assert set(own) == set(state) - {"fc.weight", "fc.bias"}
    return {key.partition(".")[0] for key, value in own.items() if not torch.equal(value, state[key])}


def test_the_last_stage_learns_and_the_rest_keeps_still(discs, backbone, resnet18_state, tmp_path):
    torch.manual_seed(0)
    settings = config(discs, backbone, lr=0.001)
    schedule = FitConfig(steps=40, validate_every=20, checkpoint_every=0, export="best", average=0.5)
    list(fit(ClassifierRecipe(settings), schedule, tmp_path))
    model = load_model(tmp_path / "final.safetensors")
    assert changed(model, resnet18_state) == {"layer4"}
    assert accuracy(model, settings) >= 10 / 12  # 1/2 by chance
    assert model.network.config.hidden == (16,)
    card = model.card
    assert card.training["started_from"] == {"name": "resnet18-f37072fd", "hash": load_model(backbone).hash}
    assert "Brought by the user" in card.licence, "the licence of the weights goes with them"

    # and what was learnt can itself be started from
    again = ClassifierRecipe(config(discs, tmp_path / "final.safetensors"))
    own, learnt = again.network.state_dict(), model.network.state_dict()
    assert all(torch.equal(own[key], learnt[key]) for key in learnt)


@pytest.mark.parametrize(("frozen", "moving"), [(0, "conv1 bn1 layer1 layer2 layer3 layer4"), (4, "")])
def test_as_many_stages_keep_still_as_are_asked_for(
    discs, backbone, resnet18_state, tmp_path, frozen, moving
):
    recipe = ClassifierRecipe(config(discs, backbone, frozen=frozen))
    before = recipe.network.head[1].weight.detach().clone()
    list(fit(recipe, FitConfig(steps=1), tmp_path))
    model = load_model(tmp_path / "final.safetensors")
    assert changed(model, resnet18_state) == set(moving.split())
    assert not torch.equal(model.network.head[1].weight, before)


def test_the_backbone_learns_at_a_tenth_of_the_heads_rate(discs, backbone):
    recipe = ClassifierRecipe(config(discs, backbone, lr=0.01))
    head, body = recipe.optimisers["network"].param_groups
    assert (head["lr"], body["lr"]) == (0.01, pytest.approx(0.001))
    assert sum(p.numel() for p in body["params"]) == 8_393_728  # layer4
    recipe.set_learning_rates(0.5)
    assert body["lr"] == pytest.approx(head["lr"] / 10)


def test_a_resumed_run_ends_with_the_same_weights(discs, backbone, tmp_path):
    settings = config(discs, backbone, frozen=3)

    def run() -> str:
        torch.manual_seed(0)
        schedule = FitConfig(steps=4, checkpoint_every=2, validate_every=2, export="last")
        list(fit(ClassifierRecipe(settings), schedule, tmp_path))
        return load_model(tmp_path / "final.safetensors").hash

    whole = run()
    shutil.rmtree(tmp_path / "checkpoints" / "step-00000004")
    (tmp_path / "final.safetensors").unlink()
    assert run() == whole


def test_grey_pictures_are_taken(discs, backbone):
    data = ClassifierData(folder=str(discs), size=SIZE, batch=8, channels=1)
    recipe = ClassifierRecipe(config(discs, backbone).model_copy(update={"data": data}))
    assert recipe.batch(0, 0.0).images.shape == (8, 1, SIZE, SIZE)
    assert np.isfinite(float(recipe.losses(recipe.batch(0, 0.0), 0.0)["loss"].detach()))


def test_wrong_starts_get_one_sentence(discs, backbone, tmp_path):
    with pytest.raises(CellSimError, match="cannot start from fresh weights: bring torchvision's"):
        ClassifierRecipe(config(discs))
    with pytest.raises(
        CellSimError, match="is a backbone, which only the network of the preset 'resnet18' has"
    ):
        ClassifierRecipe(config(discs, backbone, preset="lite"))
    with pytest.raises(CellSimError, match="frozen is 2, but this network has no backbone"):
        ClassifierRecipe(config(discs, preset="lite", frozen=2))
    Model.create("small", "classifier", hidden=(8,)).save(tmp_path / "small.safetensors")
    with pytest.raises(CellSimError, match=r"Most weights of 'classifier' in the model .*small\.safetensors"):
        ClassifierRecipe(config(discs, tmp_path / "small.safetensors"))
    Model.create("classes", "unet", "lite").save(tmp_path / "unet.safetensors")
    with pytest.raises(CellSimError, match=r"unet\.safetensors has no network 'classifier'"):
        ClassifierRecipe(config(discs, tmp_path / "unet.safetensors"))
    with pytest.raises(CellSimError, match="no model called 'resnet18'"):
        ClassifierRecipe(config(discs, "resnet18"))
    with pytest.raises(ValidationError, match="less than or equal to 4"):
        config(discs, backbone, frozen=5)
