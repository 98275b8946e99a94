"""Guide pictures of any size, depth and calibration, as the model sees them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_cellsim.base import CellSimError
from napari_cellsim.data import TimeLapse
from napari_cellsim.generation import match_guides


def still(array, **fields) -> TimeLapse:
    return TimeLapse(np.asarray(array)[None, None, None], **{"name": "still", **fields})


def coordinates(height, width):
    return np.add.outer(1000.0 * np.arange(height), np.arange(width))


def test_equal_pixels_are_cut_out_around_the_centre(gan):
    guides = match_guides(still(coordinates(48, 40), pixel_size=0.5), gan)
    np.testing.assert_array_equal(guides.images[0, 0, 0], coordinates(48, 40)[8:40, 4:36])
    assert guides.records[0]["region"] == [8, 40, 4, 36]
    assert any("central 32×32 px" in note for note in guides.notes)
    assert not any("resampled" in note for note in guides.notes)


def test_a_region_gives_the_centre_but_the_window_stays_inside(gan):
    regions = [(0, 10, 0, 10), (20, 30, 16, 26)]
    guides = match_guides(still(coordinates(48, 40), pixel_size=0.5), gan, regions=regions)
    np.testing.assert_array_equal(guides.images[0, 0, 0], coordinates(48, 40)[:32, :32])
    np.testing.assert_array_equal(guides.images[1, 0, 0], coordinates(48, 40)[9:41, 5:37])


@pytest.mark.parametrize("zoom", [0.5, 1.6, 2.0])
def test_pixel_size_is_brought_to_the_models(gan, zoom):
    # a wave of 8 µm, in pixels of any size, must be one of 16 model pixels
    x = np.arange(round(40 / zoom)) * 0.5 * zoom
    wave = np.tile(np.cos(2 * np.pi * x / 8), (len(x), 1))
    guides = match_guides(still(wave, pixel_size=0.5 * zoom), gan)
    assert guides.images.shape == (1, 1, 1, 32, 32)
    left, right = guides.records[0]["region"][2:]
    expected = np.cos(2 * np.pi * (x[left:right].mean() + (np.arange(32) - 15.5) * 0.5) / 8)
    np.testing.assert_allclose(guides.images[0, 0, 0, 16, 4:-4], expected[4:-4], atol=0.12)
    assert guides.pixel_size == 0.5
    assert any("resampled" in note for note in guides.notes)


@pytest.mark.parametrize(("zoom", "coarse"), [(0.2, False), (1.0, False), (2.5, True)])
def test_only_coarse_pixels_are_worth_a_word(gan, zoom, coarse):
    guides = match_guides(still(coordinates(200, 200), pixel_size=0.5 * zoom), gan)
    assert any("lacks fine detail" in note for note in guides.notes) == coarse


def test_a_stated_pixel_size_outranks_the_pictures_own(gan):
    picture = coordinates(64, 64)
    stated = match_guides(still(picture, pixel_size=9.0), gan, pixel_size=0.25)
    assert stated.records[0]["region"] == [0, 64, 0, 64]


def test_without_calibration_the_picture_is_the_field(gan):
    guides = match_guides(still(coordinates(64, 80)), gan)
    assert guides.records[0]["region"] == [0, 64, 8, 72]
    assert any("pixel size of 'still' is unknown" in note for note in guides.notes)
    wide = match_guides(still(coordinates(64, 80)), gan, regions=[(20, 40, 10, 40)])
    assert wide.records[0]["region"] == [15, 45, 10, 40]


def test_a_slightly_small_picture_is_mirrored_and_said_so(gan):
    guides = match_guides(still(coordinates(32, 28), pixel_size=0.5), gan)
    np.testing.assert_array_equal(guides.images[0, 0, 0, :, 2:30], coordinates(32, 28))
    np.testing.assert_array_equal(guides.images[0, 0, 0, :, :2], coordinates(32, 28)[:, 1::-1])
    assert any("mirrored" in note for note in guides.notes)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_any_depth_is_standardised(gan, pictures, dtype):
    values = np.asarray(pictures(frames=2).frames).astype(np.float64)
    values = ((values - values.min()) / np.ptp(values) * 200).astype(dtype)
    guides = match_guides(TimeLapse(values), gan)
    standard = guides.standardised
    np.testing.assert_allclose(standard.mean(axis=(1, 2, 3, 4)), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std(axis=(1, 2, 3, 4)), 1, atol=1e-5)
    scale = guides.intensity[:, None, :, :, None, None]
    np.testing.assert_allclose(scale[:, :, :, 0] + scale[:, :, :, 1] * standard, guides.images, rtol=1e-4)


def test_every_frame_is_a_guide_unless_one_is_chosen(gan, movie):
    assert [r["frame"] for r in match_guides(movie, gan).records] == [0, 1, 2, 3]
    chosen = match_guides(movie, gan, at=[3, 1])
    assert [r["frame"] for r in chosen.records] == [3, 1]
    np.testing.assert_array_equal(chosen.images[1], match_guides(movie, gan, at=1).images[0])


def test_sequences_are_windows_of_the_movie(sequence_gan, pictures):
    movie = pictures(frames=5, channels=3, interval=10.0, channel_names=("a", "b", "c"))
    guides = match_guides(movie, sequence_gan, channel=1)
    assert guides.images.shape == (3, 3, 2, 32, 32)
    assert [r["frame"] for r in guides.records] == [2, 3, 4]
    assert (guides.channel_names, guides.interval) == (("b", "c"), 10.0)
    frames = np.asarray(movie.frames)[1:4, 1:3, 0, 8:40, 4:36]
    np.testing.assert_array_equal(guides.images[1], frames)
    # each channel by itself, but all its frames together
    np.testing.assert_allclose(guides.standardised[0].mean(axis=(0, 2, 3)), 0, atol=1e-5)
    assert np.abs(guides.standardised[0].mean(axis=(2, 3))).max() > 1e-3


def test_independent_pictures_of_a_file_are_taken_as_such(gan, tmp_path):
    stack = np.random.default_rng(0).integers(0, 200, (3, 40, 40)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "stills.ome.tif", stack, metadata={"axes": "QYX"})
    guides = match_guides(tmp_path / "stills.ome.tif", gan)
    assert len(guides.images) == 3
    assert any("independent of each other" in note for note in guides.notes)


@pytest.mark.parametrize(
    ("movie", "options", "sentence"),
    [
        (still(np.eye(20), pixel_size=0.5), {}, "10.0 µm only.*16.0 µm wide"),
        (still(np.eye(7)), {}, "smaller than the trap"),
        (still(np.ones((40, 40))), {}, "same value everywhere"),
        (still(np.full((40, 40), np.nan)), {}, "not numbers"),
        (still(np.eye(40)), {"at": 1}, "no frame 1"),
        (still(np.eye(40)), {"at": []}, "No frame is given"),
        (still(np.eye(40)), {"channel": 1}, "no channel 1"),
        (still(np.eye(40)), {"plane": 2}, "no plane 2"),
        (still(np.eye(40)), {"regions": []}, "No region"),
        (still(np.eye(40)), {"regions": [(50, 70, 0, 20)]}, "larger one inside"),
        (still(np.eye(40)), {"pixel_size": -1}, "positive number"),
    ],
)
def test_what_is_no_guide_gets_a_sentence(gan, movie, options, sentence):
    with pytest.raises(CellSimError, match=sentence):
        match_guides(movie, gan, **options)


def test_wrong_channels_and_short_movies_get_a_sentence(sequence_gan, pictures):
    with pytest.raises(CellSimError, match=r"takes 2 channel.*it has 1"):
        match_guides(pictures(), sequence_gan)
    with pytest.raises(CellSimError, match="needs 3 consecutive"):
        match_guides(pictures(frames=2, channels=2), sequence_gan)


def test_real_stills_become_guides(gan, shared_data):
    guides = match_guides(shared_data / "stills_darmstadt_celldetr_N3.ome.tif", gan)
    assert guides.images.shape == (3, 1, 1, 32, 32)
    trap = match_guides(shared_data / "trap_baby_prime95b_pos005_trap048_T5Z5.ome.tif", gan, at=0, plane=2)
    assert trap.records[0]["region"][1] - trap.records[0]["region"][0] == round(16 / 0.18208)
