"""The segmentation recipe on somebody's own, incomplete labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cellsim.base import CellSimError
from napari_cellsim.models import load_model
from napari_cellsim.training import DataConfig, SegmentationConfig, SegmentationRecipe
from napari_cellsim.training.augmentation import Augmentation
from napari_cellsim.training.feeding import UNKNOWN
from napari_cellsim.training.labels import write_labelled
from napari_cellsim.training.losses import cross_entropy_dice
from napari_cellsim.training.movies import write_movie

TINY = {"widths": [8, 16], "trunk_stride": 2}


def discs(frames=8, size=48):
    """Bright discs on a dark, noisy ground: pictures and labels."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((frames, size, size), np.int32)
    for t in range(frames):
        for number, (cy, cx) in enumerate(random.uniform(8, size - 8, (2, 2)), 1):
            labels[t][(y - cy) ** 2 + (x - cx) ** 2 < 36] = number
    images = 100 + 80 * (labels > 0) + random.normal(0, 5, labels.shape)
    return images.astype(np.float32), labels


def recipe(folder, **more):
    torch.manual_seed(0)
    data = DataConfig(folder=str(folder), batch=4, crop=32, augmentation=Augmentation.none(), **more)
    return SegmentationRecipe(SegmentationConfig(data=data, overrides=TINY, lr=2e-2))


def test_loss_and_gradient_are_blind_to_unknown_pixels():
    torch.manual_seed(0)
    logits, weights = torch.randn(2, 4, 6, 6, requires_grad=True), torch.tensor([1.0, 1.0, 1.5, 1.5])
    target = torch.randint(0, 4, (2, 6, 6))
    target[:, :, 3:] = UNKNOWN
    part = cross_entropy_dice(logits[..., :3], target[..., :3], weights)
    loss = cross_entropy_dice(logits, target, weights)
    assert loss.item() == pytest.approx(part.item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[..., :3].abs().min() > 0
    assert not gradient[..., 3:].any()
    nothing = cross_entropy_dice(logits, torch.full_like(target, UNKNOWN))
    (gradient,) = torch.autograd.grad(nothing, logits)
    assert torch.isfinite(nothing)
    assert not gradient.any()


def test_cells_are_learned_from_partly_labelled_frames(tmp_path):
    images, labels = discs()
    labels[3] = 0  # nobody has looked at this frame
    labels[:, :6] = 99  # nor at this border
    write_labelled(tmp_path, images, labels, ignore=99, validation=0.3)
    trained = recipe(tmp_path)
    batch = trained.batch(0, 0.0)
    assert (batch.semantic == UNKNOWN).any()
    assert set(batch.semantic.unique().tolist()) <= {UNKNOWN, 0, 2}
    for step in range(40):
        trained.train_step(trained.batch(step, 0.3), 0.3)
    metrics = trained.validate()
    assert set(metrics) == {"loss", "iou_cell", "iou_cell_of_interest"}  # no trap, so nothing about traps
    assert metrics["iou_cell"] > 0.8
    trained.save(tmp_path / "own.safetensors", {})
    card = load_model(tmp_path / "own.safetensors").card
    assert card.trained_on == "2 sequences of labels"
    assert (card.pixel_size, card.modality, card.licence) == (None, "", "")


def test_what_lies_in_unknown_pixels_is_not_judged(tmp_path):
    images, labels = discs()
    labels[:, :, 24:] = 99
    write_labelled(tmp_path, images, labels, ignore=99)
    one = recipe(tmp_path)
    found = one.validate()["iou_cell"]
    hits = unions = 0
    for item in one.config.data.validation(1, 1):
        guess, truth = one.network(item.images[:, 0]).argmax(1), item.semantic[:, 0]
        assert (truth[..., 24:] == UNKNOWN).all()
        assert (guess[..., 24:] >= 2).any()  # an untrained network finds cells there too
        hits += ((guess >= 2) & (truth >= 2))[..., :24].sum().item()
        unions += ((guess >= 2) | (truth >= 2))[..., :24].sum().item()
    assert found == pytest.approx(hits / unions)


def test_unlabelled_movies_are_passed_over_and_none_is_an_error(tmp_path):
    images, labels = discs()
    write_movie(tmp_path, images, name="unlabelled")
    with pytest.raises(CellSimError, match="come without classes: label some frames"):
        recipe(tmp_path)
    write_labelled(tmp_path, images, labels, name="mine")
    batch = recipe(tmp_path).batch(0, 0.0)
    assert (batch.semantic != UNKNOWN).all()


def test_frames_after_the_last_one_are_neither_trained_on_nor_judged(tmp_path):
    images, labels = discs()
    write_labelled(tmp_path, images, labels, validation=0.5)
    early = DataConfig(folder=str(tmp_path), last_frame=5)
    assert [len(s.images) for s in early.sequences("train")] == [4]
    assert [len(s.semantic) for s in early.sequences("validation")] == [2]
    assert len(early.validation(1, 1)) == 2
    assert early.description() == "1 sequence of labels, frames up to 5"
    with pytest.raises(CellSimError, match="begins before frame 4: choose a later last_frame"):
        DataConfig(folder=str(tmp_path), last_frame=3).validation(1, 1)
