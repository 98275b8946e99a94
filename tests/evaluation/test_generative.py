"""Judging generated pictures: closed forms, counted parts, found copies."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import compare_distributions, domain_features, plausible, segment_pictures
from napari_cellsim.evaluation.generative import mean_pairwise_distance, nearest_distances
from napari_cellsim.models import Model


def test_the_same_distribution_is_near_its_bias_and_a_shifted_one_is_not():
    generator = np.random.default_rng(0)
    real, same = generator.normal(size=(400, 4)), generator.normal(size=(400, 4))
    alike, shifted = compare_distributions(real, same), compare_distributions(real, same + 3)
    assert alike.frechet < 2 * alike.frechet_bias
    assert alike.recall > 0.8
    assert alike.diversity == pytest.approx(1, abs=0.05)
    # four axes moved by 3: squared distance of the means 36
    assert shifted.frechet == pytest.approx(36, rel=0.15)
    assert shifted.recall < 0.2


def test_collapse_shows_in_diversity_and_recall():
    generator = np.random.default_rng(0)
    real = generator.normal(size=(300, 4))
    collapsed = compare_distributions(real, 0.01 * generator.normal(size=(300, 4)))
    assert collapsed.diversity < 0.02
    assert collapsed.recall < 0.1


def test_mean_pairwise_distance_by_hand():
    assert mean_pairwise_distance(np.array([[0.0], [1.0], [3.0]])) == pytest.approx((1 + 3 + 2) / 3)


def test_plausible_counts_large_parts():
    picture = np.zeros((64, 64), np.uint8)
    picture[10:30, 5:25] = picture[10:30, 35:55] = 1
    picture[40:55, 20:35] = 2
    one_pillar, no_cell, speck, three = (picture.copy() for _ in range(4))
    one_pillar[:, 35:][one_pillar[:, 35:] == 1] = 0
    no_cell[no_cell == 2] = 0
    speck[60:62, 60:62] = 1
    three[40:60, 40:60] = 1
    answers = plausible(np.stack([picture, one_pillar, no_cell, speck, three]))
    assert answers.tolist() == [True, False, False, True, False]


def test_copies_and_mirrored_copies_are_found():
    generator = np.random.default_rng(0)
    pictures = generator.normal(size=(5, 16, 16))
    assert nearest_distances(pictures).min() > 1
    copies = np.concatenate([pictures, 3 * pictures[:1] + 7])  # brightness and contrast do not hide a copy
    assert nearest_distances(copies)[[0, 5]] == pytest.approx([0, 0], abs=1e-6)
    assert nearest_distances(pictures[:, :, ::-1], pictures) == pytest.approx(np.zeros(5), abs=1e-6)
    assert nearest_distances(pictures[:, :, ::-1], pictures, mirror=False).min() > 1


def test_phantoms_are_plausible_to_the_bundled_segmentation():
    scenes = [phantom.simulate(2, seed, size=128, pixel_size=0.216) for seed in range(4)]
    images = np.concatenate([scene.images[:, 0] for scene in scenes])
    classes = segment_pictures(images, 0.216)
    assert classes.shape == (8, 256, 256)
    assert plausible(classes).mean() >= 0.75
    # blank fields with camera noise are not
    blank = np.random.default_rng(0).normal(1000, 5, (4, 128, 128))
    assert not plausible(segment_pictures(blank, 0.216)).any()


def test_features_tell_pictures_apart_and_ignore_brightness():
    scenes = [phantom.simulate(1, seed, size=64, pixel_size=0.432) for seed in range(3)]
    images = np.concatenate([scene.images[:, 0] for scene in scenes]).astype(np.float32)
    features = domain_features(images, 0.432)
    np.testing.assert_allclose(domain_features(2 * images + 100, 0.432), features, atol=1e-3)
    assert mean_pairwise_distance(features) > 0.1


def test_wrong_input_gets_a_sentence():
    with pytest.raises(CellSimError, match="shape"):
        domain_features(np.zeros((64, 64)))
    with pytest.raises(CellSimError, match="pwcnet"):
        domain_features(np.zeros((2, 64, 64)), model=Model.create("flow", "pwcnet"))
