"""Finding traps and following their drift."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_cellsim import datasets
from napari_cellsim.base import CellSimError, JobCancelled, JobToken
from napari_cellsim.data import TrapGeometry

PIXEL = 0.25
TRAP = TrapGeometry.nominal("tear_drop")


def matches(found: np.ndarray, truth: np.ndarray, within: float) -> np.ndarray:
    """Distance of each true centre to the nearest found one, where it is near."""
    away = np.hypot(*(truth[:, None] - found[None]).transpose(2, 0, 1)).min(1)
    return away[away < within]


@pytest.mark.parametrize("plane", [0, 1])
@pytest.mark.parametrize("drawn", [False, True])
def test_all_traps_of_a_phantom_chip_are_found(field, plane, drawn):
    truth = field.centres + field.shifts[0]
    image = field.images[0, plane]
    template = TRAP
    if drawn:
        y, x = truth[4].round().astype(int)
        template = datasets.TrapTemplate.from_region(image, (y - 22, y + 23, x - 30, x + 31))
    found = datasets.find_traps(image, template, PIXEL)
    assert len(found) == 9
    near = matches(found.centres, truth, 4)
    assert len(near) == 9
    assert np.median(near) < 1
    assert found.scores.min() > 0.4


def test_a_rotated_chip_is_found_and_its_angle_told(field):
    image = field.images[0, 0].astype(float)
    turned = ndimage.rotate(image, 4.0, reshape=False, mode="nearest")
    found = datasets.find_traps(turned, TRAP, PIXEL)
    middle = (np.array(image.shape) - 1) / 2
    c, s = np.cos(np.deg2rad(4)), np.sin(np.deg2rad(4))
    truth = middle + (field.centres + field.shifts[0] - middle) @ np.array([[c, s], [-s, c]])
    assert len(matches(found.centres, truth, 4)) == len(found) == 9
    assert found.angles == pytest.approx(4, abs=1)


def test_raising_the_threshold_needs_no_new_search(field):
    image = field.images[0, 0]
    many = datasets.find_traps(image, TRAP, PIXEL, threshold=0.2)
    fewer = datasets.find_traps(image, TRAP, PIXEL, threshold=0.6)
    np.testing.assert_array_equal(many.above(0.6).centres, fewer.centres)
    assert (np.diff(many.centres[:, 0]) > -20).all()


def test_hits_do_not_depend_on_brightness_or_contrast(field):
    image = field.images[0, 0]
    found, other = (datasets.find_traps(i, TRAP, PIXEL) for i in (image, 40.0 + 0.01 * image))
    np.testing.assert_allclose(found.centres, other.centres, atol=0.01)


def test_nothing_is_found_where_nothing_is():
    noise = np.random.default_rng(0).normal(100, 5, (200, 220))
    assert len(datasets.find_traps(noise, TRAP, PIXEL)) == 0
    assert len(datasets.find_traps(np.full((200, 220), 7), TRAP, PIXEL)) == 0


def test_shapes_edited_by_hand_become_traps_again():
    traps = datasets.Traps.from_centres([(30.0, 40.0), (80.5, 90.0)], (20, 31))
    rectangles = traps.rectangles()
    assert np.ptp(rectangles[0], axis=0) == pytest.approx((19, 30))
    again = datasets.Traps.from_rectangles(rectangles + np.array([3, -2]), traps.size)
    np.testing.assert_allclose(again.centres, traps.centres + np.array([3, -2]))
    assert len(traps.above(0.9)) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((np.zeros((3, 50, 50)), TRAP, PIXEL), "one picture"),
        ((np.zeros((20, 20)), TRAP, PIXEL), "larger than the picture"),
        ((np.zeros((90, 90)), TRAP), "pixel size of the picture is unknown"),
        ((np.zeros((90, 90)), TRAP, -1.0), "between 0.02 and 1"),
        ((np.zeros((90, 90)), np.zeros((20, 20))), "one brightness"),
        ((np.zeros((90, 90)), np.eye(5)), "larger rectangle"),
        ((np.full((90, 90), np.nan), np.eye(12)), "not numbers"),
    ],
)
def test_bad_input_gets_a_sentence(arguments, sentence):
    with pytest.raises(CellSimError, match=sentence):
        datasets.find_traps(*arguments)


@pytest.mark.parametrize(("option", "value"), [("rotation", 90), ("rotation", -1), ("threshold", 2)])
def test_bad_options_get_a_sentence(option, value):
    with pytest.raises(CellSimError, match=option):
        datasets.find_traps(np.zeros((90, 90)), np.eye(12), **{option: value})


def test_a_rectangle_outside_the_picture_gets_a_sentence():
    with pytest.raises(CellSimError, match="does not lie inside"):
        datasets.TrapTemplate.from_region(np.zeros((50, 50)), (0, 20, 40, 60))


def test_the_search_can_be_cancelled(field):
    token = JobToken()
    job = datasets.find_traps_job(field.images[0, 0], TRAP, PIXEL, token=token)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        list(job)


def test_drift_is_followed_to_a_fraction_of_a_pixel(field, located):
    truth = field.shifts - field.shifts[0]
    assert np.abs(located.track.shifts - truth).max() < 0.15
    assert (located.track.scores > 0.5).all()


def test_a_jump_is_followed_backwards_and_forwards(field):
    jumps = [(0, 0), (11, -7), (-9, 30), (-9, 31)]
    frames = [ndimage.shift(field.images[0, 0].astype(float), jump, mode="nearest") for jump in jumps]
    traps = datasets.find_traps(frames[2], TRAP, PIXEL)
    track = datasets.track_traps(lambda t: frames[t], 4, traps, reference=2)
    np.testing.assert_allclose(track.shifts, np.array(jumps) - jumps[2], atol=0.1)


def test_without_traps_the_whole_picture_is_followed():
    rng = np.random.default_rng(3)
    scene = ndimage.gaussian_filter(rng.normal(size=(200, 200)), 2)
    frames = [scene[20 - 3 * t : 170 - 3 * t, 10 + 2 * t : 170 + 2 * t] for t in range(3)]
    nothing = datasets.Traps.from_centres([], (20, 20))
    track = datasets.track_traps(lambda t: frames[t], 3, nothing)
    np.testing.assert_allclose(track.shifts, [(3 * t, -2 * t) for t in range(3)], atol=0.3)
    assert np.isnan(track.scores).all()


def test_a_frame_that_does_not_exist_gets_a_sentence(field):
    with pytest.raises(CellSimError, match="frame 9"):
        datasets.track_traps(
            lambda t: field.images[t, 0], 4, datasets.Traps.from_centres([], (9, 9)), reference=9
        )
