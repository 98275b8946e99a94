"""Single cells: split, followed, counted, matched."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellsim import phantom
from napari_cellsim.datasets.measures import count_cells
from napari_cellsim.evaluation.instances import count_tracked, iou, split_cells, track_cells


def disc(centre, radius=8, size=80):
    y, x = np.indices((size, size))
    return np.hypot(y - centre[0], x - centre[1]) <= radius


def numbered(*masks):
    labels = np.zeros(masks[0].shape, np.int32)
    for number, mask in enumerate(masks, 1):
        labels[mask] = number
    return labels


def test_touching_cells_are_parted_in_the_middle():
    mask = disc((40, 25)) | disc((40, 39))
    labels = split_cells(mask, 0.25)
    assert labels.max() == count_cells(mask, 0.25) == 2
    assert ((labels > 0) == mask).all()
    left = labels[40, 25]
    assert (labels[mask & (np.indices(mask.shape)[1] < 31)] == left).all()
    assert (labels[mask & (np.indices(mask.shape)[1] > 33)] == 3 - left).all()


def test_specks_vanish():
    labels = split_cells(disc((40, 25)) | disc((10, 60), 1.5), 0.25)
    assert labels.max() == 1
    assert not labels[disc((10, 60), 1.5)].any()
    assert not split_cells(np.zeros((30, 30), bool), 0.25).any()


def test_phantom_cells_are_found_again():
    """Splitting the true mask of a simulated scene gives back most of its true cells."""
    scene = phantom.simulate(4, 11, size=128, pixel_size=0.216)
    for truth in scene.labels:
        labels = split_cells(truth > 0, 0.216)
        cells = [n for n in np.unique(truth[truth > 0]) if (truth == n).sum() * 0.216**2 > 4]
        best = [max(iou(truth == n, labels == k) for k in range(1, labels.max() + 1)) for n in cells]
        assert np.mean(np.array(best) > 0.6) >= 0.75


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_iou_is_that_of_sets(seed):
    first, second = np.random.default_rng(seed).random((2, 9, 9)) < 0.3
    one, two = (set(map(tuple, np.argwhere(mask))) for mask in (first, second))
    expected = len(one & two) / len(one | two) if one | two else np.nan
    np.testing.assert_equal(iou(first, second), expected)


def test_nothing_in_nothing_is_undefined():
    assert np.isnan(iou(np.zeros((3, 3), bool), np.zeros((3, 3), bool)))


def test_cells_keep_their_number_whatever_they_are_called():
    pairs = [(disc((20 + 2 * t, 20)), disc((50, 50 - 2 * t))) for t in range(3)]
    frames = [numbered(*pair[:: 1 - 2 * (t % 2)]) for t, pair in enumerate(pairs)]
    tracked = track_cells(np.stack(frames))
    assert set(np.unique(tracked)) == {0, 1, 2}
    assert len({tracked[t, 20 + 2 * t, 20] for t in range(3)}) == 1
    assert len({tracked[t, 50, 50 - 2 * t] for t in range(3)}) == 1


def test_true_identities_of_a_phantom_are_recovered():
    scene = phantom.simulate(6, 3, size=128, pixel_size=0.216)
    truth = np.maximum(scene.labels, 0)
    generator = np.random.default_rng(0)
    shuffled = np.stack([np.r_[0, 1 + generator.permutation(truth.max())][frame] for frame in truth])
    tracked = track_cells(shuffled)
    for name in np.unique(truth[truth > 0]):
        present = [t for t in range(6) if (truth[t] == name).any()]
        assert len({int(np.median(tracked[t][truth[t] == name])) for t in present}) == 1


def test_flickering_specks_and_latecomers_are_not_counted():
    cell, speck, bud = disc((20, 20)), disc((60, 60), 4), disc((20, 34), 5)
    frames = [numbered(cell), numbered(cell, speck), numbered(cell, bud), numbered(cell, bud, speck)]
    tracked = track_cells(np.stack(frames))
    assert count_tracked(tracked).tolist() == [1, 1, 2, 2]
    assert tracked[1][60, 60] != tracked[3][60, 60]  # gone and back is another one
    assert count_tracked(np.zeros((2, 8, 8), np.int32)).tolist() == [0, 0]
