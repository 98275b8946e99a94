"""The recipe of the classifier: batches, augmentation, early end, generated pictures, refusals."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError
from napari_cellsim.models import load_model
from napari_cellsim.training import (
    ClassifierConfig,
    ClassifierData,
    ClassifierRecipe,
    Finished,
    FitConfig,
    PictureChanges,
    Validated,
    fit,
    read_run,
    write_run,
)
from napari_cellsim.training.labelled_pictures import labelled, read_synthetic
from napari_cellsim.training.picture_changes import DRAWS, change_pictures
from napari_cellsim.training.specimen_pictures import fingerprints

CLASSES = ("spiral", "grain")
COLUMNS = ("flip", "quarter", "turn", "zoom", "x", "y", "hue", "saturation", "contrast", "brightness")
TINY = {"widths": [8, 16], "hidden": [16], "dropout": 0.1}


def write_shells(root: Path, counts: tuple[int, ...], seed: int = 0, size: int = 16) -> Path:
    for name, count in zip(CLASSES, counts, strict=True):
        (root / name).mkdir(parents=True)
        for number, picture in enumerate(
            phantom.simulate_shells(count, seed, size=size, classes=name).images
        ):
            Image.fromarray(picture.transpose(1, 2, 0)).save(root / name / f"{number:03d}.png")
    return root


@pytest.fixture(scope="module")
def shells(tmp_path_factory) -> Path:
    return write_shells(tmp_path_factory.mktemp("shells"), (30, 20))


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Path:
    return write_shells(tmp_path_factory.mktemp("generated"), (12, 12), seed=50)


def config(folder: Path, *, seed: int = 0, flip: bool = True, classes=(), **settings) -> ClassifierConfig:
    data = ClassifierData(folder=str(folder), size=16, batch=16, seed=seed, flip=flip, classes=classes)
    return ClassifierConfig(data=data, **{"overrides": TINY, **settings})


def draws(count: int, **columns: float) -> np.ndarray:
    """Random numbers of changes that change nothing, but for the named columns."""
    values = np.full((count, DRAWS), 0.5)
    values[:, COLUMNS.index("quarter")] = 0
    for name, value in columns.items():
        values[:, COLUMNS.index(name)] = value
    return values


PICTURES = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(1)) * 1.4 - 0.7


def test_changes_of_strength_nought_change_nothing():
    random = np.random.default_rng(0).random((3, DRAWS))
    same = change_pictures(PICTURES, PictureChanges.none(), False, random)
    torch.testing.assert_close(same, PICTURES, atol=1e-5, rtol=0)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_and_mirror_are_exact(turns):
    turned = change_pictures(PICTURES, PictureChanges(), False, draws(3, quarter=turns / 4 + 0.01))
    either = [torch.rot90(PICTURES, sign * turns, (2, 3)) for sign in (1, -1)]
    assert min(float((turned - one).abs().max()) for one in either) < 1e-4
    mirrored = change_pictures(PICTURES, PictureChanges(), True, draws(3, flip=0.2))
    torch.testing.assert_close(mirrored, PICTURES.flip(-1), atol=1e-4, rtol=0)


def test_shift_and_zoom_by_whole_pixels():
    shifted = change_pictures(PICTURES, PictureChanges(shift=1 / 12), False, draws(3, x=1.0))
    torch.testing.assert_close(shifted[..., :-1], PICTURES[..., 1:], atol=1e-4, rtol=0)
    torch.testing.assert_close(shifted[..., -1], PICTURES[..., -1], atol=1e-4, rtol=0)  # the border goes on
    spot = torch.full((1, 1, 32, 32), -1.0)
    spot[..., 12:20, 12:20] = 1
    large = change_pictures(spot, PictureChanges(zoom=0.5), False, draws(1, zoom=1.0))
    assert float((large > 0).sum()) == pytest.approx(64 * 1.5**2, rel=0.1)


def test_changes_of_colour():
    grey = torch.full((1, 3, 8, 8), 0.2)
    strong = PictureChanges(hue=0.5, saturation=0.9)
    for column in ("hue", "saturation"):  # grey has neither
        torch.testing.assert_close(
            change_pictures(grey, strong, False, draws(1, **{column: 0.9})), grey, atol=2e-3, rtol=0
        )
    red = torch.tensor([0.2, -0.6, -0.6])[None, :, None, None].expand(1, 3, 8, 8)
    turned = change_pictures(red, PictureChanges(hue=1 / 3), False, draws(1, hue=1.0))[0, :, 0, 0]
    assert int(turned.argmax()) != 0
    bright = change_pictures(grey, PictureChanges(brightness=0.1), False, draws(1, brightness=1.0))
    assert float(bright[0, 0, 0, 0] + 1) == pytest.approx(1.2 * 1.1, rel=1e-3)
    contrast = change_pictures(PICTURES * 0.5, PictureChanges(contrast=0.1), False, draws(3, contrast=1.0))
    assert float(contrast.std() / (PICTURES * 0.5).std()) == pytest.approx(1.1, rel=0.02)


def test_generated_pictures_change_neither_classes_nor_their_order(shells, generated):
    alone = ClassifierRecipe(config(shells))
    more = ClassifierRecipe(config(shells, synthetic=str(generated), per_class=10))
    assert (len(alone.feeder), len(more.feeder)) == (24 + 16, 40 + 20)
    labels = [[r.batch(step, 0.0).labels for step in range(40)] for r in (alone, more)]
    assert all(torch.equal(one, two) for one, two in zip(*labels, strict=True))
    assert float(torch.cat(labels[0]).float().mean()) == pytest.approx(
        24 / 40, abs=0.08
    )  # "spiral" is second
    assert not torch.equal(alone.batch(3, 0.0).images, more.batch(3, 0.0).images)
    assert torch.equal(more.batch(3, 0.0).images, more.batch(3, 0.7).images)
    share = more.batch(3, 0.0)
    more.feeder.share = slice(4, 8)
    torch.testing.assert_close(more.batch(3, 0.0).images, share.images[4:8], atol=1e-6, rtol=0)


def test_it_learns_two_classes_and_its_model_says_what_of(shells, tmp_path):
    torch.manual_seed(0)
    settings = config(shells, lr=0.01, changes=PictureChanges.none())
    list(fit(ClassifierRecipe(settings), FitConfig(steps=200), tmp_path))
    model = load_model(str(tmp_path / "final.safetensors"))
    assert model.kind == "classifier"
    assert model.card.training["class_names"] == ["grain", "spiral"]
    assert model.card.training["classes"] == {"grain": 16, "spiral": 24}
    assert len(model.card.training["fingerprints"].split()) == 40
    held_out = config(shells).data.read()
    assert model.card.training["chosen_by"] == fingerprints(held_out, held_out.rows("validation"))
    train = labelled(settings.data.read(), "train")
    with torch.no_grad():
        guess = model.network(torch.from_numpy(train.images).float() / 127.5 - 1).argmax(1)
    assert (guess.numpy() == train.labels).mean() >= 0.95  # 0.6 by always saying "spiral"


def test_ends_early_and_a_resumed_run_ends_at_the_same_step(shells, tmp_path):
    schedule = {"steps": 40, "validate_every": 1, "log_every": 1, "export": "best"}

    def run(folder, **more):
        torch.manual_seed(0)
        recipe = ClassifierRecipe(config(shells, lr=0.5))
        return list(fit(recipe, FitConfig(**schedule, **more), folder))

    events = run(tmp_path / "whole", patience=3)
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.stopped
    assert end.step == end.best_step + 3 < 40
    better = [event.step for event in events if isinstance(event, Validated) and event.best]
    assert better[-1] == end.best_step
    again = run(tmp_path / "whole", patience=3)  # nothing is left to do
    assert again[-1].step == end.step
    assert run(tmp_path / "free")[-1].step == 40


def test_from_a_run_file(shells, generated, tmp_path):
    settings = config(shells, synthetic=str(generated), changes=PictureChanges(turn=10))
    write_run(tmp_path, "classifier", settings, FitConfig(epochs=1, patience=2))
    recipe = read_run(tmp_path / "run.toml").make()
    assert isinstance(recipe, ClassifierRecipe)
    assert recipe.config == settings
    assert len(recipe.feeder) == 40 + 24


def test_refusals(shells, generated, tmp_path):
    with pytest.raises(CellSimError, match="at least two classes"):
        ClassifierRecipe(config(shells, classes=("grain",)))
    with pytest.raises(CellSimError, match=r"12 generated pictures of the class grain, but 13"):
        ClassifierRecipe(config(shells, synthetic=str(generated), per_class=13))
    shutil.copytree(generated / "grain", tmp_path / "one" / "grain")
    with pytest.raises(CellSimError, match="no generated pictures of the class spiral"):
        ClassifierRecipe(config(shells, synthetic=str(tmp_path / "one")))
    shutil.copytree(generated, tmp_path / "three")
    shutil.copytree(generated / "grain", tmp_path / "three" / "pebble")
    with pytest.raises(CellSimError, match="the same picture in the classes"):
        ClassifierRecipe(config(shells, synthetic=str(tmp_path / "three")))
    for picture in (tmp_path / "three" / "pebble").iterdir():
        Image.fromarray(np.asarray(Image.open(picture)) // 2).save(picture)
    with pytest.raises(CellSimError, match="pebble, which is no class"):
        ClassifierRecipe(config(shells, synthetic=str(tmp_path / "three")))


def test_a_held_out_picture_among_the_generated_is_found(shells, generated, tmp_path):
    settings = config(shells)
    specimens = settings.data.read()
    folder = shutil.copytree(generated, tmp_path / "leak")
    path = specimens.paths[specimens.rows("test")[0]]
    pixels = np.asarray(Image.open(shells / path))
    Image.fromarray(np.rot90(pixels)[:, ::-1]).save(folder / "grain" / "new.png")
    with pytest.raises(CellSimError, match=rf"new.png is the real picture {path} of the part test"):
        read_synthetic(folder, specimens, settings.data)
    # one of the training part is allowed: it adds nothing new, but nothing false either
    path = specimens.paths[specimens.rows("train", "grain")[0]]
    shutil.copy(shells / path, folder / "grain" / "new.png")
    assert len(read_synthetic(folder, specimens, settings.data)) == 25
