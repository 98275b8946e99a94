"""Several possible futures, and the uncertainty of one, as napari layers."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cellsim.data import TimeLapse, open_timelapse
from napari_cellsim.evaluation import error_curve
from napari_cellsim.forecasting.files import open_result
from napari_cellsim.forecasting.forecast import Forecast

UNITS = {"T": "minute", "C": "pixel", "Z": "um", "Y": "um", "X": "um"}
SCALES = {"T": 10.0, "C": 1.0, "Z": 2.0, "Y": 0.2, "X": 0.2}


def samples_of(layer, count=3, steps=2, **place):
    """Return `count` samples that follow frame 4 of a layer; sample s, step t holds 10 s + t."""
    movie = open_timelapse(layer)
    value = 10 * np.arange(count)[:, None] + np.arange(steps)
    return Forecast(
        frames=np.broadcast_to(value[:, :, None, None, None], (count, steps, 1, 6, 8)).astype(np.float32),
        flow=np.zeros((steps, 2, 6, 8), np.float32),
        at=4,
        n_channels=movie.n_channels,
        n_planes=movie.n_planes,
        pixel_size=movie.pixel_size,
        interval=movie.interval,
        placement=movie.placement,
        **place,
    )


@pytest.mark.parametrize(
    ("axes", "place"),
    [("TYX", {}), ("TZYX", {"plane": 1}), ("TCYX", {"channel": 2}), ("TCZYX", {"plane": 1})],
)
def test_samples_are_one_layer_with_a_named_slider(axes, place):
    viewer = ViewerModel()
    sizes = {"T": 6, "C": 3, "Z": 2, "Y": 6, "X": 8}
    movie = viewer.add_image(
        np.zeros([sizes[a] for a in axes], np.uint16),
        scale=[SCALES[a] for a in axes],
        units=[UNITS[a] for a in axes],
        axis_labels=[a.lower() for a in axes],
    )
    frames, *overlays = samples_of(movie, **place).add_to(viewer)
    assert frames.ndim == movie.ndim + 1
    assert viewer.dims.axis_labels == ("sample", *(a.lower() for a in axes))
    assert viewer.dims.nsteps[:2] == (3, 7)
    assert viewer.layers.units is not None
    assert all(layer.ndim == movie.ndim for layer in overlays)
    where = [0.0] * frames.ndim
    start = {"T": 50.0, "C": 1.0 * place.get("channel", 0), "Z": 2.0 * place.get("plane", 0), "Y": 0, "X": 0}
    np.testing.assert_allclose(frames.data_to_world(where), [0, *(start[a] for a in axes)])
    for sample in range(3):
        for step in range(2):
            world = [sample, *(start[a] + (10 * step if a == "T" else 0) for a in axes)]
            viewer.dims.point = world
            assert frames.get_value(world, world=True) == 10 * sample + step


def test_one_sample_needs_no_slider():
    viewer = ViewerModel()
    movie = viewer.add_image(np.zeros((6, 6, 8), np.uint16))
    frames, *_ = samples_of(movie, 1).add_to(viewer)
    assert frames.ndim == viewer.dims.ndim == 3
    assert frames.name.startswith("forecast (predicted)")


def test_uncertainty_veils_what_the_forecast_is_not_sure_of():
    viewer = ViewerModel()
    movie = viewer.add_image(np.zeros((6, 6, 8), np.uint16))
    forecast = samples_of(movie, 1)
    forecast.frames[..., :4] = 1000.0
    width = np.zeros((2, 1, 6, 8), np.float32)
    width[1, :, :3] = 250.0
    sure = Forecast(**{**vars(forecast), "uncertainty": width})
    (layer,) = [one for one in sure.add_to(viewer) if one.name.startswith("uncertainty")]
    assert layer.contrast_limits == [0.0, 250.0]
    veil = layer.colormap.map(np.linspace(0, 1, 9))[:, 3]
    assert veil[0] == 0
    assert (np.diff(veil) > 0).all()
    legend = layer.metadata["napari_cellsim"]["legend"]["uncertainty"]
    assert legend["brightest"] == 250.0
    assert legend["share"] == pytest.approx(0.25, rel=0.05)
    certain = Forecast(**{**vars(forecast), "uncertainty": np.zeros_like(width)})
    assert certain.to_layers()[-1][1]["contrast_limits"] == (0.0, 1.0)


def test_samples_are_saved_with_their_axis_and_restored_whole(tmp_path):
    import tifffile

    forecast = samples_of(ViewerModel().add_image(np.zeros((6, 6, 8), np.uint16)))
    path = forecast.save(tmp_path / "samples.ome.tif")
    again = open_result(path)
    assert np.array_equal(again.frames, forecast.frames)
    assert again.to_layers()[0][1]["axis_labels"][0] == "sample"
    with tifffile.TiffFile(path) as file:
        assert file.series[0].axes[0] == "Q"
        assert file.series[0].shape[0] == 3


def test_error_of_samples_is_that_of_one_to_expect():
    rng = np.random.default_rng(0)
    frames = rng.normal(100, 10, (7, 6, 8)).astype(np.float32)
    movie = open_timelapse(frames)
    assert isinstance(movie, TimeLapse)
    forecast = samples_of(ViewerModel().add_image(frames))
    curve = error_curve(movie, [forecast])
    expected = [
        np.sqrt(np.mean([(forecast.frames[s, t, 0] - frames[5 + t]) ** 2 for s in range(3)]))
        for t in range(2)
    ]
    np.testing.assert_allclose(curve.model, expected, rtol=1e-6)
