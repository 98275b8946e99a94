"""Between the movie's and the model's pixel grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cellsim.forecasting.grids import Grids
from napari_cellsim.ops import warp


def smooth_picture(height: int, width: int) -> torch.Tensor:
    y, x = np.mgrid[:height, :width] / 24.0
    picture = np.sin(x * 2.1) * np.cos(y * 1.7) + 0.3 * np.sin(3 * (x + y))
    return torch.from_numpy(picture.astype(np.float32))[None, None]


def test_equal_grids_change_nothing() -> None:
    grids = Grids.match(50, 61, 1.01)
    x = torch.rand(1, 1, 50, 61)
    assert grids.equal
    assert grids.images_to_model(x) is x


@pytest.mark.parametrize("zoom", [2.435, 1.686, 0.722])
def test_there_and_back_keeps_a_smooth_picture(zoom: float) -> None:
    x = smooth_picture(81, 58)
    grids = Grids.match(81, 58, zoom)
    assert (grids.model_height, grids.model_width) == (round(81 * zoom), round(58 * zoom))
    back = grids.images_to_movie(grids.images_to_model(x))
    assert (back - x)[..., 4:-4, 4:-4].abs().max() < 0.02


@pytest.mark.parametrize("zoom", [2.435, 0.722])
def test_a_flow_means_the_same_on_both_grids(zoom: float) -> None:
    x = smooth_picture(96, 120)
    grids = Grids.match(96, 120, zoom)
    flow = torch.tensor([3.0, -2.0])[None, :, None, None].expand(1, 2, 96, 120)
    on_movie = warp(x, flow.contiguous())
    on_model = warp(grids.images_to_model(x), grids.flow_to_model(flow))
    difference = (grids.images_to_movie(on_model) - on_movie)[..., 8:-8, 8:-8]
    assert difference.abs().max() < 0.03
    torch.testing.assert_close(
        grids.flow_to_movie(grids.flow_to_model(flow)), flow.contiguous(), atol=1e-4, rtol=1e-4
    )
