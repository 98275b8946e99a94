"""Photographs of shells: the same by seed, whatever is asked for; classes that can be told apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError, JobCancelled, JobToken
from napari_cellsim.phantom.shell_forms import Chambers, raup_coil
from napari_cellsim.phantom.solid_noise import Pebbles, SolidNoise


@pytest.fixture(scope="module")
def shells() -> phantom.ShellPictures:
    return phantom.simulate_shells(240, 5, size=32, ground="both")


def test_types_sizes_and_balance(shells):
    assert shells.images.shape == (240, 3, 32, 32)
    assert shells.images.dtype == np.uint8
    assert shells.masks.shape == (240, 32, 32)
    assert shells.class_names == phantom.SHELL_CLASSES
    assert np.bincount(shells.labels).tolist() == [60] * 4
    assert len({picture.tobytes() for picture in shells.images}) == 240


def test_same_seed_same_pictures_and_more_begin_with_the_same(shells):
    again = phantom.simulate_shells(9, 5, size=32, ground="both")
    np.testing.assert_array_equal(again.images, shells.images[:9])
    np.testing.assert_array_equal(again.masks, shells.masks[:9])
    other = phantom.simulate_shells(9, 6, size=32, ground="both")
    assert all((a != b).any() for a, b in zip(other.images, shells.images, strict=False))


def test_a_class_alone_is_the_same(shells):
    alone = phantom.simulate_shells(3, 5, size=32, classes=["agglutinated"], ground="both")
    np.testing.assert_array_equal(alone.images, shells.images[2:12:4])
    assert alone.class_names == ("agglutinated",)
    assert not alone.labels.any()


def test_another_size_shows_the_same_specimens():
    fine = phantom.simulate_shells(8, 2, size=96)
    coarse = phantom.simulate_shells(8, 2, size=48)
    reduced = fine.images.reshape(8, 3, 48, 2, 48, 2).mean((3, 5))
    for a, b in zip(reduced, coarse.images, strict=True):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.98
    overlap = fine.masks[:, ::2, ::2] & coarse.masks
    assert overlap.sum() > 0.95 * coarse.masks.sum()


def test_specimens_lie_within_the_picture(shells):
    border = np.ones((32, 32), bool)
    border[1:-1, 1:-1] = False
    assert not shells.masks[:, border].any()
    shares = shells.masks.mean((1, 2))
    assert shares.min() > 0.03
    assert shares.max() < 0.8


def test_grounds():
    dark, bright, both = (
        phantom.simulate_shells(24, 1, size=32, ground=g) for g in ("dark", "bright", "both")
    )

    def level(pictures):
        return np.array([np.median(p[:, ~m]) for p, m in zip(pictures.images, pictures.masks, strict=True)])

    assert level(dark).max() < 80 < 130 < level(bright).min()
    np.testing.assert_array_equal(dark.masks, bright.masks)
    same = [(both.images[i] == one.images[i]).all() for i in range(24) for one in (dark, bright)]
    assert sum(same) == 24
    assert 0 < (level(both) < 100).sum() < 24


def test_grey_is_the_colour_pictures_luma():
    colour = phantom.simulate_shells(4, 3, size=32).images
    grey = phantom.simulate_shells(4, 3, size=32, channels=1).images
    assert grey.shape == (4, 1, 32, 32)
    luma = 0.299 * colour[:, 0] + 0.587 * colour[:, 1] + 0.114 * colour[:, 2]
    assert np.abs(grey[:, 0] - luma).max() < 0.51


def features(pictures: np.ndarray) -> np.ndarray:
    """Return a few numbers of each picture (C, H, W): colour, brightness, roughness."""
    p = pictures.astype(np.float64) / 255
    bright = p.mean(1)
    rough = np.abs(np.diff(bright, axis=1)).mean((1, 2)) / bright.std((1, 2))
    centre = p[:, :, 10:22, 10:22]
    inner = centre.mean(1)
    return np.stack(
        [
            rough,
            bright.std((1, 2)),
            inner.mean((1, 2)),
            inner.std((1, 2)),
            (centre[:, 0] - centre[:, 2]).mean((1, 2)),
            np.abs(np.diff(inner, n=2, axis=1)).mean((1, 2)),
        ],
        1,
    )


def test_classes_can_be_told_apart_by_nearest_centroid():
    shells = phantom.simulate_shells(320, 11, size=32)
    values = features(shells.images)
    learned, judged = slice(0, 160), slice(160, None)
    mean, deviation = values[learned].mean(0), values[learned].std(0)
    values = (values - mean) / deviation
    centroids = np.stack([values[learned][shells.labels[learned] == c].mean(0) for c in range(4)])
    guessed = np.linalg.norm(values[judged][:, None] - centroids, axis=-1).argmin(1)
    accuracy = (guessed == shells.labels[judged]).mean()
    assert accuracy > 0.55  # chance is 0.25
    for c in range(4):
        assert (guessed[shells.labels[judged] == c] == c).mean() > 0.3


@settings(max_examples=15, deadline=None)
@given(
    w=st.floats(1.2, 5),
    d=st.floats(-0.1, 0.6),
    t=st.floats(0, 2),
    per_whorl=st.integers(3, 14),
    first=st.integers(0, 9),
)
def test_coil_keeps_raups_parameters(w, d, t, per_whorl, first):
    angles = np.arange(first, first + 2 * per_whorl + 1) * 2 * np.pi / per_whorl
    coil = raup_coil(angles, w=w, d=d, t=t, width=0.8, flat=1.0)
    distance = np.hypot(*coil.centres[:, :2].T)
    np.testing.assert_allclose(distance[per_whorl:] / distance[:-per_whorl], w, rtol=1e-6)
    inner, outer = distance - coil.radii[:, 0], distance + coil.radii[:, 0]
    np.testing.assert_allclose(inner / outer, d, atol=1e-6)
    np.testing.assert_allclose(np.diff(coil.centres[:, 2]), t * np.diff(distance), atol=1e-6 * distance.max())


def test_surface_of_one_globe_is_known():
    size, radius = 64, 0.7
    globe = Chambers(np.zeros((1, 3)), np.eye(3)[None], np.full((1, 3), radius))
    surface = globe.surface(size)
    places = (np.arange(size) + 0.5) * 2 / size - 1
    y, x = np.meshgrid(places, places, indexing="ij")
    inside = x**2 + y**2 < radius**2
    np.testing.assert_array_equal(surface.mask, inside)
    z = np.sqrt(np.maximum(radius**2 - x**2 - y**2, 0))
    np.testing.assert_allclose(surface.height[inside], z[inside], atol=1e-3)
    np.testing.assert_allclose(surface.thickness[inside], 2 * z[inside], atol=2e-3)
    truth = np.stack([x, y, z])[:, inside] / radius
    np.testing.assert_allclose(surface.normal[:, inside], truth, atol=5e-3)
    assert surface.ground == pytest.approx(-radius)


def test_placed_shell_has_the_size_and_place_asked_for():
    coil = raup_coil(np.arange(20) * 0.7, w=2, d=0.2, t=0.3, width=0.8, flat=0.7)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    surface = coil.placed(turn, 0.6, np.array([0.1, -0.2])).surface(200)
    rows, columns = np.nonzero(surface.mask)
    sides = [(np.ptp(axis) + 1) * 2 / 200 for axis in (columns, rows)]
    assert max(sides) == pytest.approx(1.2, abs=0.02)
    middle = [(axis.min() + axis.max() + 1) / 200 - 1 for axis in (columns, rows)]
    np.testing.assert_allclose(middle, [0.1, -0.2], atol=0.015)


def test_noise_is_standard_and_smooth():
    rng = np.random.default_rng(0)
    where = rng.uniform(-1, 1, (3, 20000)).astype(np.float32)
    noise = SolidNoise(rng)
    for octaves in (1, 3):
        values = noise(where, 0.3, octaves)
        assert abs(values.mean()) < 0.15
        assert 0.8 < values.std() < 1.2
    near = np.abs(noise(where + np.float32(0.003), 0.3) - noise(where, 0.3))
    assert near.mean() < 0.08


def test_pebbles_match_a_search_through_all_centres():
    where = np.random.default_rng(1).uniform(-1, 1, (3, 300)).astype(np.float32)
    pebbles = Pebbles(np.random.default_rng(2), where, 0.2)
    block = Pebbles.number ** (1 / 3)
    centres = np.random.default_rng(2).uniform(0, block, (Pebbles.number, 3))
    away = where.T[:, None] / 0.2 - centres
    away -= block * np.round(away / block)
    distances = np.sort(np.linalg.norm(away, axis=-1), 1)
    np.testing.assert_allclose(np.linalg.norm(pebbles.outward, axis=0), distances[:, 0], atol=1e-4)
    np.testing.assert_allclose(pebbles.edge, distances[:, 1] - distances[:, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"n": 0}, "at least 1"),
        ({"n": 2, "seed": -1}, "seed"),
        ({"n": 2, "size": 8}, "16 to 1024"),
        ({"n": 2, "classes": ["spiral", "snail"]}, "snail"),
        ({"n": 2, "classes": []}, "none"),
        ({"n": 2, "classes": ["grain", "grain"]}, "once"),
        ({"n": 2, "channels": 2}, "channel"),
        ({"n": 2, "ground": "blue"}, "blue"),
    ],
)
def test_what_cannot_be_drawn_is_said(arguments, word):
    with pytest.raises(CellSimError, match=word):
        phantom.simulate_shells(**arguments)


def test_stops_when_told():
    token = JobToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        phantom.simulate_shells(4, token=token)
