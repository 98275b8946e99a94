from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellsim.base import CellSimError
from napari_cellsim.data.trap_geometry import TRAP_KINDS, TrapGeometry, pixel_axes

kinds = pytest.mark.parametrize("kind", TRAP_KINDS)


@kinds
def test_nominal_pair_is_symmetric(kind):
    trap = TrapGeometry.nominal(kind)
    x, y = np.meshgrid(np.linspace(-9, 9, 91), np.linspace(-8, 8, 81))
    left, right = trap.distances(x, y)
    np.testing.assert_allclose(left, right[:, ::-1], atol=1e-9)
    np.testing.assert_array_equal(trap.distance(x, y), np.minimum(left, right))


@kinds
@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_distance_never_overestimates(kind, seed):
    """A signed distance changes by at most the step taken; more would let cells enter pillars."""
    rng = np.random.default_rng(seed)
    trap = TrapGeometry.random(kind, rng, (rng.uniform(-3, 3), rng.uniform(-3, 3)), rng.uniform(0.8, 1.3))
    start = rng.uniform(-12, 12, (2, 200))
    step = rng.normal(0, 0.5, (2, 200))
    change = trap.distances(*(start + step)) - trap.distances(*start)
    assert (np.abs(change) <= np.hypot(*step) + 1e-6).all()


@kinds
def test_distance_to_the_outline_is_metric_outside(kind):
    """Walking towards the pillar by the stated distance ends on its outline."""
    trap = TrapGeometry.nominal(kind)
    pillar = trap.pillars[1]
    for angle in np.linspace(0, 2 * math.pi, 16, endpoint=False):
        x, y = pillar.x + 9 * math.cos(angle), pillar.y + 9 * math.sin(angle)
        for _ in range(60):
            d = float(trap.distances(x, y)[1])
            x, y = x - d * math.cos(angle), y - d * math.sin(angle)
        assert abs(float(trap.distances(x, y)[1])) < 0.02


def test_round_pillar_is_a_stadium():
    trap = TrapGeometry.nominal("round")
    pillar = trap.pillars[1]
    assert float(trap.distances(pillar.x, pillar.y)[1]) == pytest.approx(-pillar.width / 2)
    area = (trap.mask((800, 800), 0.02)).sum() * 0.02**2
    stadium = math.pi * (pillar.width / 2) ** 2 + pillar.width * (pillar.length - pillar.width)
    assert area == pytest.approx(2 * stadium, rel=0.01)


def test_rectangular_gap_and_extent():
    trap = TrapGeometry.nominal("rectangular")
    pillar = trap.pillars[1]
    assert trap.gap == pytest.approx(2 * (pillar.x - pillar.width / 2), abs=0.02)
    assert trap.half_width == pytest.approx(pillar.x + pillar.width / 2)
    assert (trap.top, trap.bottom) == pytest.approx((-pillar.length / 2, pillar.length / 2), abs=0.02)


def test_foot_of_an_l_narrows_the_gap_downstream_only():
    trap = TrapGeometry.nominal("l_foot")
    y = np.array([-2.0, 2.5])
    widths = trap.distances(np.zeros(2), y).sum(0)
    assert widths[1] < widths[0] - 1.0
    assert trap.gap == pytest.approx(widths[1], abs=0.3)


@kinds
def test_tear_drop_and_oval_pillars_form_a_funnel(kind):
    trap = TrapGeometry.nominal(kind)
    above = trap.distances(0.0, trap.top).sum()
    assert above > trap.gap or kind == "rectangular"
    assert 1.5 < trap.gap < 5


@kinds
def test_moving_and_scaling(kind):
    trap = TrapGeometry.nominal(kind)
    points = np.random.default_rng(0).uniform(-6, 6, (2, 50))
    moved = trap.moved((2.0, -1.0))
    np.testing.assert_allclose(
        moved.distances(points[0] + 2, points[1] - 1), trap.distances(*points), atol=1e-9
    )
    assert moved.seat == pytest.approx((trap.seat[0] + 2, trap.seat[1] - 1), abs=0.06)
    large = TrapGeometry.nominal(kind, scale=2.0)
    if kind != "l_foot":  # the fillet of the L keeps its radius
        np.testing.assert_allclose(large.distances(*(2 * points)), 2 * trap.distances(*points), atol=1e-9)


@kinds
def test_seat_is_where_a_cell_fits(kind):
    trap = TrapGeometry.nominal(kind)
    x, y = trap.seat
    assert x == 0
    assert trap.top - 2.6 <= y <= trap.bottom
    assert 1.5 < float(trap.distance(x, y)) < 2.5


def test_cell_of_interest_rule():
    trap = TrapGeometry.nominal("tear_drop", (1.0, 2.0))
    seat = trap.seat
    assert trap.cell_of_interest([], []) is None
    assert trap.cell_of_interest([seat[0] + 20], [seat[1]]) is None
    assert trap.cell_of_interest([seat[0] + 20, seat[0] + 0.4, seat[0] + 1], [seat[1]] * 3) == 1


def test_pictures_have_the_origin_in_their_middle():
    trap = TrapGeometry.nominal("round")
    for shape in ((80, 100), (81, 101)):
        mask = trap.mask(shape, 0.2)
        assert mask.shape == shape
        np.testing.assert_array_equal(mask, mask[:, ::-1])
    y, x = pixel_axes((3, 4), 0.5)
    np.testing.assert_allclose(y, [-0.5, 0, 0.5])
    np.testing.assert_allclose(x, [-0.75, -0.25, 0.25, 0.75])
    assert trap.distance_map((8, 8), 0.2).dtype == np.float32


def test_random_traps_differ_and_repeat():
    first, again, other = (TrapGeometry.random("tear_drop", np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == again
    assert first != other
    assert first.pillars[0].width != first.pillars[1].width


def test_bad_arguments_get_a_sentence():
    with pytest.raises(CellSimError, match=r"hexagonal.*tear_drop"):
        TrapGeometry.nominal("hexagonal")
    with pytest.raises(CellSimError, match="positive"):
        TrapGeometry.nominal("round", scale=0)


def test_needs_no_torch():
    code = "import sys, napari_cellsim.data.trap_geometry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
