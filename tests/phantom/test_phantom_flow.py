"""Backward flow: sign, axis order, size and validity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from skimage.registration import optical_flow_ilk

from napari_cellsim import phantom
from napari_cellsim.phantom.grid import Grid
from napari_cellsim.phantom.ground_truth import backward_flow
from napari_cellsim.phantom.raster import Raster
from napari_cellsim.phantom.scene import DrawnCell, Snapshot


def warp(frame, flow, order=0):
    rows, columns = np.indices(frame.shape)
    return map_coordinates(frame, [rows + flow[1], columns + flow[0]], order=order, mode="nearest")


def moved(before: dict, after: dict, shift_before=(0.0, 0.0), shift_after=(0.0, 0.0)):
    """Draw one cell twice and return flow, validity and both label pictures."""
    config = phantom.PhantomConfig().changed(chip={"debris": 0})
    grid = Grid.of((80, 90), 0.2, config)
    raster = Raster(config, grid, [], np.random.default_rng(0))
    common = {"identity": 1, "z": 0.0, "seed": 1, "mother": None, "long": 2.4, "short": 2.2, "angle": 0.0}
    shots = [
        Snapshot((DrawnCell(**{**common, **cell}),), shift, frozenset())
        for cell, shift in ((before, shift_before), (after, shift_after))
    ]
    labels = [raster.draw(shot, 0.0).labels for shot in shots]
    flow, valid = backward_flow(shots[0], shots[1], labels[0], labels[1], grid)
    return flow, valid, labels


def test_a_cell_moving_right_points_left():
    flow, valid, (first, second) = moved({"x": 0, "y": 0}, {"x": 0.6, "y": 0})
    inside = second == 1
    np.testing.assert_allclose(flow[0][inside], -3, atol=1e-4)
    np.testing.assert_allclose(flow[1][inside], 0, atol=1e-4)
    np.testing.assert_array_equal(flow[:, ~inside], 0)
    assert valid[inside].all()
    np.testing.assert_array_equal(~valid, (first == 1) & (second == 0)), "uncovered background was hidden"


def test_a_cell_moving_down_points_up():
    flow, _, (_, second) = moved({"x": 0, "y": 0}, {"x": 0, "y": 0.8})
    np.testing.assert_allclose(flow[1][second == 1], -4, atol=1e-4)


def test_growth_points_inwards():
    flow, _, (_, second) = moved(
        {"x": 0, "y": 0, "long": 2.0, "short": 2.0}, {"x": 0, "y": 0, "long": 2.5, "short": 2.5}
    )
    rows, columns = np.nonzero(second == 1)
    dx, dy = columns + 0.5 - 45, rows + 0.5 - 40
    np.testing.assert_allclose(flow[0][rows, columns], (2.0 / 2.5 - 1) * dx, atol=1e-3)
    np.testing.assert_allclose(flow[1][rows, columns], (2.0 / 2.5 - 1) * dy, atol=1e-3)


def test_rotation_turns_back():
    turn = 0.3
    flow, _, (_, second) = moved({"x": 0, "y": 0}, {"x": 0, "y": 0, "angle": turn})
    rows, columns = np.nonzero(second == 1)
    dx, dy = columns + 0.5 - 45, rows + 0.5 - 40
    c, s = math.cos(turn), math.sin(turn)
    np.testing.assert_allclose(flow[0][rows, columns], c * dx + s * dy - dx, atol=1e-3)
    np.testing.assert_allclose(flow[1][rows, columns], c * dy - s * dx - dy, atol=1e-3)


def test_the_stage_moves_everything():
    flow, _, _ = moved({"x": 0, "y": 0}, {"x": 0, "y": 0}, (0.0, 0.0), (0.4, -0.2))
    np.testing.assert_allclose(flow[0], -2, atol=1e-4)
    np.testing.assert_allclose(flow[1], 1, atol=1e-4)


def test_a_new_cell_is_not_valid():
    config = phantom.PhantomConfig()
    grid = Grid.of((40, 40), 0.2, config)
    cell = DrawnCell(2, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 1, None)
    labels = (
        Raster(config, grid, [], np.random.default_rng(0))
        .draw(Snapshot((cell,), (0.0, 0.0), frozenset()), 0.0)
        .labels
    )
    flow, valid = backward_flow(
        Snapshot((), (0.0, 0.0), frozenset()),
        Snapshot((cell,), (0.0, 0.0), frozenset()),
        np.zeros_like(labels),
        labels,
        grid,
    )
    np.testing.assert_array_equal(valid, labels == 0)
    assert np.isfinite(flow).all()


def test_warped_labels_are_the_next_labels(sequence):
    right = total = 0
    for t in range(len(sequence.flow)):
        cells = (sequence.labels[t + 1] > 0) & sequence.valid[t]
        right += (warp(sequence.labels[t], sequence.flow[t]) == sequence.labels[t + 1])[cells].sum()
        total += cells.sum()
    assert total > 1000
    assert right / total >= 0.95


@pytest.mark.parametrize("seed", range(3))
def test_warped_labels_under_varied_settings(seed):
    config = phantom.PhantomConfig.varied(seed).changed(biology={"empty_trap": 0})
    s = phantom.simulate(6, seed, size=80, pixel_size=0.25, config=config)
    right = total = 0
    for t in range(len(s.flow)):
        cells = (s.labels[t + 1] > 0) & s.valid[t]
        right += (warp(s.labels[t], s.flow[t]) == s.labels[t + 1])[cells].sum()
        total += cells.sum()
    assert right / total >= 0.95


def test_most_pixels_are_valid(sequence):
    assert sequence.valid.mean() > 0.95


def test_motion_is_mostly_smooth(sequence):
    """Typical cells move by a fraction of their radius per frame."""
    speed = np.hypot(sequence.flow[:, 0], sequence.flow[:, 1]) * sequence.pixel_size
    cells = (sequence.labels[1:] > 0) & sequence.valid
    assert 0.01 < np.median(speed[cells]) < 1.0


def test_an_independent_estimator_agrees_with_the_flow():
    """Iterative Lucas-Kanade on the pictures finds the true flow: sign, axis order and scale are right."""
    s = phantom.simulate(5, 21, size=128, pixel_size=0.216)
    pictures = s.images[:, 0].astype(np.float32)
    pictures /= pictures.mean()
    errors, lengths = [], []
    for t in range(4):
        # skimage finds v with moving(x + v) = reference(x), order (y, x): the backward flow on the later frame.
        v, u = optical_flow_ilk(pictures[t + 1], pictures[t], radius=6)
        cells = (s.labels[t + 1] > 0) & s.valid[t]
        errors.append(np.hypot(u - s.flow[t, 0], v - s.flow[t, 1])[cells])
        lengths.append(np.hypot(s.flow[t, 0], s.flow[t, 1])[cells])
    assert np.concatenate(errors).mean() < 0.7 * np.concatenate(lengths).mean()


def test_warping_the_picture_explains_it_better_than_standing_still(sequence):
    still = warped = 0.0
    for t in range(len(sequence.flow)):
        before, after = (sequence.images[i, 0].astype(float) for i in (t, t + 1))
        cells = (sequence.labels[t + 1] > 0) & sequence.valid[t]
        still += ((after - before)[cells] ** 2).sum()
        warped += ((after - warp(before, sequence.flow[t], order=1))[cells] ** 2).sum()
    assert warped < 0.75 * still
