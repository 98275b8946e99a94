"""napari layers: calibration read again from their file, or from the layer where its units are real."""

from __future__ import annotations

import napari.plugins
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points

from napari_cellsim.base import CellSimError
from napari_cellsim.data import open_timelapse

_DATA = np.random.default_rng(4).integers(0, 999, (6, 2, 20, 30)).astype(np.uint16)
_METADATA = {
    "axes": "TCYX",
    "PhysicalSizeX": 0.1,
    "PhysicalSizeY": 0.1,
    "TimeIncrement": 300.0,
    "TimeIncrementUnit": "s",
}


@pytest.fixture
def opened(tmp_path):
    """Write an OME-TIFF and open it with napari's own reader, without a window."""

    def write_and_open(data, axes):
        tifffile.imwrite(tmp_path / "movie.ome.tif", data, metadata=_METADATA | {"axes": axes})
        napari.plugins._initialize_plugins()  # what starting a viewer window does first
        (layer,) = ViewerModel().open(tmp_path / "movie.ome.tif", plugin="napari")
        return layer

    return write_and_open


def test_calibration_comes_back_from_the_file(opened):
    layer = opened(_DATA, "TCYX")
    movie = open_timelapse(layer)
    assert (movie.pixel_size, movie.interval, movie.axes) == (0.1, 5.0, "TCYX")
    assert movie.source == str(layer.source.path)
    assert movie.name == layer.name
    np.testing.assert_array_equal(movie.frames[:, :, 0], _DATA)


def test_placement_is_the_layers_own(opened):
    layer = opened(_DATA, "TCYX")
    layer.translate = (10, 0, 3, 4)
    placement = open_timelapse(layer).placement
    assert placement.scale == (
        1,
        1,
        1,
        1,
    )  # napari's reader drops the calibration, and results must lie on this layer
    assert placement.translate == (10, 0, 3, 4)
    assert placement.units == ("pixel",) * 4
    assert placement.axis_labels == layer.axis_labels


def test_pixel_size_survives_splitting_channels(opened):
    whole = opened(_DATA, "TCYX")
    viewer = ViewerModel()
    layer = viewer.add_image(_DATA[:, 0])
    layer._source = whole.source
    movie = open_timelapse(layer)
    assert (movie.axes, movie.pixel_size, movie.interval) == ("TYX", 0.1, 5.0)


def test_a_changed_grid_loses_the_calibration(opened):
    layer = opened(_DATA, "TCYX")
    layer.data = _DATA[::2, :, ::2, ::2]
    movie = open_timelapse(layer)
    assert (movie.pixel_size, movie.interval) == (None, None)


def test_real_units_of_the_layer_count(opened):
    layer = opened(_DATA[:, 0], "TYX")
    layer.scale = (120, 200, 200)
    layer.units = ("s", "nm", "nm")
    movie = open_timelapse(layer)
    assert (movie.pixel_size, movie.interval) == (pytest.approx(0.2), pytest.approx(2))
    assert open_timelapse(layer, pixel_size=0.3).pixel_size == 0.3


def test_scale_in_pixels_is_no_calibration():
    movie = open_timelapse(Image(_DATA[:, 0], scale=(5, 0.1, 0.1)))
    assert (movie.pixel_size, movie.interval) == (None, None)


def test_axis_labels_name_the_axes():
    movie = open_timelapse(Image(_DATA, axis_labels=("t", "c", "y", "x")))
    assert (movie.n_channels, movie.n_planes) == (2, 1)
    assert open_timelapse(Image(_DATA)).n_planes == 2
    assert open_timelapse(Image(_DATA), axes="TCYX").n_channels == 2


def test_layer_of_a_file_that_is_gone(opened, tmp_path):
    layer = opened(_DATA, "TCYX")
    (tmp_path / "movie.ome.tif").unlink()
    movie = open_timelapse(layer)
    assert (movie.pixel_size, movie.axes) == (None, "TZYX")


def test_multiscale_and_labels():
    pyramid = Image([_DATA[:, 0], _DATA[:, 0, ::2, ::2]], multiscale=True)
    assert open_timelapse(pyramid).width == 30
    assert open_timelapse(Labels(_DATA[:, 0].astype(int))).n_times == 6


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (Points(np.zeros((4, 3)), name="cells"), "'cells' is a Points layer"),
        (Image(np.zeros((5, 20, 30, 3), np.uint8), rgb=True, name="photo"), "'photo' holds colour"),
    ],
)
def test_wrong_layers_get_a_sentence(layer, sentence):
    with pytest.raises(CellSimError, match=sentence):
        open_timelapse(layer)
