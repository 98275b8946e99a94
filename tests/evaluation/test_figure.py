"""The PNG of a forecast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import draw_figure
from napari_cellsim.forecasting import predict

OPTIONS = {"flow": "classical", "segmentation": "none", "device": "cpu"}


def test_figure_shows_columns_and_rows(movie, untrained, tmp_path):
    forecast = predict(movie, untrained, steps=3, at=5, **OPTIONS)  # the third step has no truth
    path = draw_figure(tmp_path / "figure.png", movie, forecast)
    picture = np.asarray(Image.open(path))
    assert picture.ndim == 3
    assert picture.shape[1] > 4 * 192  # last frame and three steps
    assert picture.shape[0] > 4 * 192  # truth, prediction, difference, motion
    assert list(tmp_path.iterdir()) == [path]
    corner = picture[30:200, -150:-20]  # truth of the last step: blank paper
    assert (corner == 255).all()


def test_oblong_region_and_unwritable_target(movie, untrained, tmp_path):
    forecast = predict(movie, untrained, steps=1, at=5, regions=[(0, 16, 0, 48)], **OPTIONS)[0]
    picture = np.asarray(Image.open(draw_figure(tmp_path / "figure.png", movie, forecast)))
    assert picture.shape[0] < 4 * 100 + 22
    with pytest.raises(CellSimError, match="no folder"):
        draw_figure(tmp_path / "absent" / "figure.png", movie, forecast)


def test_of_several_samples_the_first_is_drawn(movie, untrained, tmp_path):
    one = predict(movie, untrained, steps=1, at=5, **OPTIONS)
    two = replace(one, frames=np.concatenate([one.frames, 0 * one.frames]))
    first, several = (
        np.asarray(Image.open(draw_figure(tmp_path / f"{n}.png", movie, forecast)))
        for n, forecast in enumerate((one, two))
    )
    assert (first[:, 130:] == several[:, 130:]).all()
    assert (first[:, :130] != several[:, :130]).any()  # the row is called by its sample
