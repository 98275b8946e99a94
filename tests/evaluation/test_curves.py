"""Error of a forecast beside its baselines, as the dock draws it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim import open_timelapse
from napari_cellsim.evaluation import error_curve
from napari_cellsim.forecasting import Forecast


def movie_and_forecast(at: int, steps: int, box=(0, 24, 0, 30), frames: int = 8):
    rng = np.random.default_rng(2)
    pictures = rng.normal(100, 20, (frames, 24, 30)).astype(np.float32)
    y0, y1, x0, x1 = box
    guess = np.full((1, steps, 1, y1 - y0, x1 - x0), 100, np.float32)
    flow = np.zeros((steps, 2, y1 - y0, x1 - x0), np.float32)
    seen = {"input": {"frames": list(range(max(0, at - 2), at + 1))}}
    return pictures, Forecast(guess, flow, at, origin=(y0, x0), provenance=seen)


def test_errors_are_those_of_the_definition() -> None:
    pictures, forecast = movie_and_forecast(at=4, steps=5)
    curve = error_curve(open_timelapse(pictures, axes="TYX"), [forecast])
    assert curve.steps.tolist() == [1, 2, 3]  # the movie has three more frames
    truth = pictures[5:].astype(float)
    np.testing.assert_allclose(curve.model, np.sqrt(((truth - 100) ** 2).mean((1, 2))), rtol=1e-5)
    np.testing.assert_allclose(curve.copy_last, np.sqrt(((truth - pictures[4]) ** 2).mean((1, 2))), rtol=1e-5)
    # pure noise: blurring the last frame must help, and no motion can be extrapolated
    assert (curve.blurred_copy_last < curve.copy_last).all()
    assert (curve.constant_flow > 0).all()


def test_regions_are_pooled_by_pixel() -> None:
    pictures, left = movie_and_forecast(4, 2, box=(0, 24, 0, 10))
    _, right = movie_and_forecast(4, 2, box=(0, 24, 10, 30))
    _, whole = movie_and_forecast(4, 2)
    movie = open_timelapse(pictures, axes="TYX")
    parts, one = error_curve(movie, [left, right]), error_curve(movie, [whole])
    np.testing.assert_allclose(parts.model, one.model, rtol=1e-6)
    np.testing.assert_allclose(parts.copy_last, one.copy_last, rtol=1e-6)


def test_baselines_never_see_the_truth() -> None:
    pictures, forecast = movie_and_forecast(4, 1)
    static = pictures.copy()
    static[:5] = pictures[4]
    curve = error_curve(open_timelapse(static, axes="TYX"), [forecast])
    # a past without change tunes the blur to none, whatever comes later
    assert curve.blurred_copy_last == pytest.approx(curve.copy_last, rel=1e-6)


def test_no_frame_follows() -> None:
    pictures, forecast = movie_and_forecast(7, 3)
    assert error_curve(open_timelapse(pictures, axes="TYX"), [forecast]) is None


def test_true_frames_without_numbers_count_for_nothing() -> None:
    pictures, forecast = movie_and_forecast(4, 2)
    pictures[5] = np.nan
    pictures[6, :4] = np.nan
    curve = error_curve(open_timelapse(pictures, axes="TYX"), [forecast])
    assert np.isnan(curve.model[0])
    np.testing.assert_allclose(curve.model[1], np.sqrt(np.nanmean((pictures[6] - 100) ** 2)), rtol=1e-5)
