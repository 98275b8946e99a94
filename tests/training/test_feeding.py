from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from napari_cellsim.base import CellSimError
from napari_cellsim.ops import warp
from napari_cellsim.training.augmentation import (
    Augmentation,
    change_appearance,
    flip_flow,
    gaussian_blur,
    resize_images,
    rotate_flow,
)
from napari_cellsim.training.feeding import UNKNOWN, Feeder, Prefetcher, cut
from napari_cellsim.training.sequences import find_sequences, import_frames, write_sequence
from napari_cellsim.training.simulated import generate_phantoms


def smooth(generator, *shape):
    return gaussian_blur(torch.rand(*shape, generator=generator), 2.0)


@pytest.mark.parametrize(
    ("transform", "flow_transform"),
    [
        (lambda x: x.flip(-1), flip_flow),
        *[(lambda x, k=k: torch.rot90(x, k, (-2, -1)), lambda f, k=k: rotate_flow(f, k)) for k in (1, 2, 3)],
    ],
)
def test_geometry_moves_pictures_and_flow_alike(transform, flow_transform):
    generator = torch.Generator().manual_seed(0)
    image, flow = smooth(generator, 1, 24, 24)[None], 4 * (smooth(generator, 2, 24, 24)[None] - 0.5)
    together = warp(transform(image), flow_transform(flow))
    torch.testing.assert_close(together, transform(warp(image, flow)), rtol=0, atol=1e-5)


def test_phantom_flow_explains_the_next_frame_after_augmentation(store):
    settings = Augmentation.none().model_copy(update={"flip": True, "rotate": True, "zoom": (0.8, 1.25)})
    feeder = Feeder(
        [(1.0, find_sequences(store / "train"), (1,))],
        batch=16,
        crop=64,
        augmentation=settings,
        history=2,
        seed=1,
    )
    batch = feeder(0, 2)
    still = (batch.images[:, 1] - batch.images[:, 0]).square()
    moved = (batch.images[:, 1] - warp(batch.images[:, 0], batch.flow[:, 0])).square()
    where = batch.valid[:, :1] & (batch.flow.square().sum(2) > 0.25)
    assert where.sum() > 200
    assert moved[where].mean() < 0.8 * still[where].mean()


def test_batches_follow_from_seed_and_step_alone(store):
    def feeder(seed):
        groups = [(1.0, find_sequences(store / "train"), (1,))]
        return Feeder(groups, batch=3, crop=48, augmentation=Augmentation(), history=3, seed=seed)

    first, again, later, other = feeder(4)(7, 5), feeder(4)(7, 5), feeder(4)(8, 5), feeder(5)(7, 5)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.flow, again.flow)
    assert not torch.equal(first.images, later.images)
    assert not torch.equal(first.images, other.images)
    assert first.images.shape == (3, 5, 1, 48, 48)
    assert first.flow.shape == (3, 4, 2, 48, 48)


def test_intensities_are_scaled_by_the_history_alone(tmp_path):
    frames = np.random.default_rng(0).normal(500, 20, (6, 32, 32)).astype(np.float32)
    brighter = frames.copy()
    brighter[3:] *= 10
    for name, images in (("a", frames), ("b", brighter)):
        write_sequence(tmp_path / name, {"images": images}, {"pixel_size": 0.1})
    a, b = (cut(s, slice(0, 6), slice(None), slice(None), history=3) for s in find_sequences(tmp_path))
    assert torch.equal(a.images[:, :3], b.images[:, :3])
    assert (a.semantic == UNKNOWN).all()


def test_real_frames_come_in_at_the_training_pixel_size(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (12, 40, 60)).astype(np.uint8)
    import_frames(tmp_path, "movie", frames, pixel_size=0.216, interval=None, strides=(2, 3))
    (sequence,) = find_sequences(tmp_path)
    assert sequence.images.shape == (12, 80, 120)
    assert not sequence.known
    feeder = Feeder(
        [(1.0, [sequence], (2, 3))], batch=4, crop=64, augmentation=Augmentation(), history=3, seed=0
    )
    batch = feeder(0, 4)
    assert batch.images.isfinite().all()
    assert not batch.valid.any()
    with pytest.raises(CellSimError, match=r"12 frames, but 9 are needed"):
        feeder(0, 9)


def test_generation_continues_where_it_was_and_repeats_itself(store, tmp_path):
    known = find_sequences(store / "train")
    assert [s.info["seed"] for s in known] == [0, 1, 2, 3]
    assert list(generate_phantoms(store / "train", range(4), frames=9, size=96)) == []
    list(generate_phantoms(tmp_path, [2], frames=9, size=96, processes=1))
    (again,) = find_sequences(tmp_path)
    assert np.array_equal(again.images, known[2].images)
    assert np.array_equal(again.semantic, known[2].semantic)


def test_missing_and_damaged_sequences_get_a_sentence(tmp_path):
    with pytest.raises(CellSimError, match="no training sequences"):
        find_sequences(tmp_path)
    write_sequence(tmp_path / "one", {"images": np.zeros((3, 8, 8))}, {})
    (tmp_path / "one" / "images.npy").write_bytes(b"")
    with pytest.raises(CellSimError, match=r"no readable images\.npy"):
        _ = find_sequences(tmp_path)[0].images
    with pytest.raises(CellSimError, match=r"no training sequence .*two"):
        find_sequences(tmp_path, ["two"])


def test_no_augmentation_changes_nothing():
    images = torch.rand(3, 20, 20)
    changed = change_appearance(images, Augmentation.none(), np.random.default_rng(0))
    torch.testing.assert_close(changed, images, rtol=0, atol=1e-6)


def test_a_coarse_camera_loses_fine_structure_only():
    x = torch.linspace(0, 1, 64)
    coarse, fine = torch.sin(2 * torch.pi * x), torch.sin(2 * torch.pi * 28 * x)
    both = (coarse + fine).expand(1, 64, 64)
    seen = resize_images(resize_images(both, (26, 26)), (64, 64))[0, 32]
    assert (seen - coarse)[8:-8].abs().max() < 0.35
    settings = Augmentation.none().model_copy(update={"invert": 1.0})
    inverted = change_appearance(torch.rand(2, 16, 16), settings, np.random.default_rng(0))
    assert inverted.min() >= -1e-6
    assert inverted.max() <= 1 + 1e-6


def test_prefetching_gives_the_right_items_in_any_order():
    asked = []

    def make(step):
        asked.append(step)
        return step * 10

    prefetcher = Prefetcher(make)
    assert [prefetcher(step) for step in (3, 4, 5, 9, 10)] == [30, 40, 50, 90, 100]
    prefetcher.close()
    assert len(asked) <= 8


def test_the_split_keeps_its_parts_apart():
    from pathlib import Path

    split = json.loads((Path(__file__).parents[2] / "scripts" / "training_split.json").read_text())
    parts = [range(first, last + 1) for first, last in split["phantom"].values()]
    assert all(not set(a) & set(b) for i, a in enumerate(parts) for b in parts[i + 1 :])
    last_test_frames = {"trap_alcatras_dic_part1_T058": (58, 18), "colony_phylocell_phase_T100": (100, 20)}
    for real in split["real"]:
        count, test = last_test_frames[real["file"].split(".")[0]]
        assert real["frames"][1] <= count - test
    assert len(parts[2]) >= 48
