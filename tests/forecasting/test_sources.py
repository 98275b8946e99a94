"""Flow and segmentation that the user brings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_cellsim.base import CellSimError
from napari_cellsim.forecasting.sources import (
    check_flow_source,
    check_segmentation_source,
    classical_flow,
    labels_to_classes,
)
from napari_cellsim.ops import warp


def test_classical_flow_points_to_where_each_pixel_was() -> None:
    rng = np.random.default_rng(0)
    second = torch.from_numpy(gaussian_filter(rng.random((64, 64)), 3).astype(np.float32))[None, None] * 10
    shift = torch.tensor([-2.0, 1.0])[None, :, None, None].expand(1, 2, 64, 64).contiguous()
    first = warp(second, shift)  # first(x) = second(x + shift)
    found = classical_flow(first, second)
    error = (found - shift)[..., 12:-12, 12:-12].abs().mean()
    assert error < 0.15


def test_labels_become_classes() -> None:
    labels = np.zeros((40, 40), int)
    labels[20:38, 4:12] = labels[20:38, 28:36] = -1  # a pair of pillars: its middle is (28.5, 19.5)
    labels[22:30, 15:25] = 7
    labels[4:12, 10:20] = 3
    classes = labels_to_classes(labels).argmax(0)
    assert (classes[labels == -1] == 1).all()
    assert (classes[labels == 7] == 2).all()
    assert (classes[labels == 3] == 3).all()
    assert (classes[labels == 0] == 0).all()


def test_without_a_trap_the_cell_of_interest_is_nearest_to_the_middle() -> None:
    labels = np.zeros((40, 40), int)
    labels[2:8, 2:8] = 1
    labels[18:24, 18:24] = 2
    classes = labels_to_classes(labels).argmax(0)
    assert (classes[labels == 2] == 2).all()
    assert (classes[labels == 1] == 3).all()


def test_no_cell_at_all_is_background() -> None:
    assert (labels_to_classes(np.zeros((5, 6), int)).argmax(0) == 0).all()


def test_only_past_frames_of_given_maps_are_read() -> None:
    flow = np.random.default_rng(0).random((6, 2, 8, 9)).astype(np.float32)
    assert np.array_equal(check_flow_source(flow, [2, 3, 4], (8, 9)), flow[2:5])
    labels = np.zeros((6, 8, 9), int)
    labels[5] = 1  # after the forecast's start
    assert check_segmentation_source(labels, [2, 3, 4], (8, 9))[:, 0].all()
    assert check_segmentation_source(labels[0], [2, 3, 4], (8, 9)).shape == (3, 4, 8, 9)


@pytest.mark.parametrize(
    ("check", "source", "words"),
    [
        (check_flow_source, np.zeros((3, 2, 8, 8)), "must be"),
        (check_flow_source, np.zeros((6, 3, 8, 9)), "must be"),
        (check_flow_source, "farneback", "'farneback' is unknown"),
        (check_flow_source, 3, "int is unknown"),
        (check_segmentation_source, np.zeros((8, 8), int), "must be labels"),
        (check_segmentation_source, np.zeros((2, 8, 9), int), "must reach to frame 4"),
        (check_segmentation_source, np.zeros((6, 3, 8, 9)), "4 classes, not 3"),
        (check_segmentation_source, "cellpose", "'cellpose' is unknown"),
    ],
)
def test_bad_sources_get_a_sentence(check, source, words: str) -> None:
    with pytest.raises(CellSimError, match=words):
        check(source, [2, 3, 4], (8, 9))
