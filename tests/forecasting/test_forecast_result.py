"""The Forecast noun: shape contract, layers in world coordinates, pasting, saving bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_cellsim.base import CellSimError
from napari_cellsim.data import open_timelapse
from napari_cellsim.forecasting.files import open_result
from napari_cellsim.forecasting.forecast import Forecast
from napari_cellsim.forecasting.layers import paste

_ARRAYS = ("frames", "flow", "kernels_v", "kernels_h", "kernel_deviation", "segmentation", "uncertainty")


def make(steps=3, height=20, width=30, samples=1, taps=5, kept=True, seed=0, **fields):
    rng = np.random.default_rng(seed)

    def noise(*shape):
        return rng.normal(100, 20, shape).astype(np.float32)

    return Forecast(
        frames=noise(samples, steps, 1, height, width),
        flow=noise(steps, 2, height, width) / 50,
        kernels_v=noise(steps, taps, height, width) if kept else None,
        kernels_h=noise(steps, taps, height, width) if kept else None,
        kernel_deviation=noise(steps, height, width),
        segmentation=rng.integers(0, 4, (steps, height, width)).astype(np.uint8),
        uncertainty=noise(steps, 1, height, width) if kept else None,
        **{"at": 4, **fields},
    )


def layers(forecast):
    """Return the forecast's layers as napari makes them, by what they hold."""
    made = [Layer.create(*layer_data) for layer_data in forecast.to_layers()]
    return {layer.metadata["napari_cellsim"]["what"]: layer for layer in made}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frames", np.zeros((3, 1, 20, 30), np.float32)),
        ("flow", np.zeros((3, 20, 30), np.float32)),
        ("flow", np.zeros((2, 2, 20, 30), np.float32)),
        ("kernels_v", np.zeros((3, 5, 20, 31), np.float32)),
        ("kernel_deviation", np.zeros((3, 1, 20, 30), np.float32)),
        ("segmentation", np.zeros((20, 30), np.uint8)),
        ("uncertainty", np.zeros((3, 20, 30), np.float32)),
        ("kernels_h", None),
        ("at", -1),
        ("channel", 1),
        ("plane", 1),
        ("n_channels", 2),
    ],
)
def test_what_does_not_belong_together_is_refused(field, value):
    with pytest.raises(CellSimError):
        replace(make(), **{field: value})


@pytest.mark.parametrize(
    ("axes", "shape", "channel", "plane"),
    [
        ("TYX", (8, 20, 30), 0, 0),
        ("TZYX", (8, 5, 20, 30), 0, 3),
        ("TCYX", (8, 3, 20, 30), 2, 0),
        ("CTYX", (3, 8, 20, 30), 1, 0),
        ("TCZYX", (8, 3, 5, 20, 30), 1, 4),
        ("YXT", (20, 30, 8), 0, 0),
    ],
)
def test_layers_lie_where_the_movie_goes_on(axes, shape, channel, plane):
    units = {"T": "s", "C": "pixel", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
    scales = {"T": 300.0, "C": 1.0, "Z": 0.6, "Y": 0.1, "X": 0.1}
    source = Image(
        np.zeros(shape, np.uint16),
        scale=[scales[a] for a in axes],
        translate=[7 + i for i in range(len(axes))],
        units=[units[a] for a in axes],
        axis_labels=[a.lower() for a in axes],
        name="trap 7",
    )
    movie = open_timelapse(source)
    forecast = make(
        at=4,
        channel=channel,
        plane=plane,
        n_channels=movie.n_channels,
        n_planes=movie.n_planes,
        pixel_size=movie.pixel_size,
        interval=movie.interval,
        name=movie.name,
        placement=movie.placement,
        provenance={"model": "sdcnet-lite"},
    )
    # where the movie's own pixel (frame at + 1, channel, plane, row 0, column 0) lies
    index = {"T": forecast.at + 1, "C": channel, "Z": plane, "Y": 0, "X": 0}
    expected = source.data_to_world([index[a] for a in axes])
    made = layers(forecast)
    assert set(made) == {"frames", "flow", "motion", "kernel_deviation", "uncertainty", "segmentation"}
    for layer in made.values():
        assert layer.ndim == source.ndim
        np.testing.assert_allclose(layer.data_to_world([0] * len(axes)), expected)
        np.testing.assert_allclose(layer.scale, source.scale)
        assert layer.units == source.units
        assert layer.axis_labels == source.axis_labels
        assert "trap 7" in layer.name
        assert "(predicted)" in layer.name
        assert layer.metadata["napari_cellsim"]["provenance"] == {"model": "sdcnet-lite"}
    full = tuple({"T": 3, "C": 1, "Z": 1, "Y": 20, "X": 30}[a] for a in axes)
    assert made["frames"].data.shape == full
    assert made["flow"].data.shape == (*full, 3)
    assert made["segmentation"].data.shape == full
    # one pixel, followed from the forecast to the layer
    place = tuple({"T": 2, "C": 0, "Z": 0, "Y": 11, "X": 7}[a] for a in axes)
    assert made["frames"].data[place] == forecast.frames[0, 2, 0, 11, 7]
    assert made["kernel_deviation"].data[place] == forecast.kernel_deviation[2, 11, 7]


def test_layers_of_a_region_lie_on_the_region():
    source = Image(np.zeros((8, 40, 50), np.uint16), scale=(1, 0.1, 0.1), translate=(0, 3, 4))
    region = open_timelapse(source).crop(10, 30, 15, 45)
    forecast = make(origin=region.origin, placement=region.placement)
    np.testing.assert_allclose(
        layers(forecast)["frames"].data_to_world((0, 0, 0)), source.data_to_world((5, 10, 15))
    )


def test_calibration_makes_a_placement_where_none_is_given():
    frames = layers(make(pixel_size=0.1, interval=5.0, origin=(10, 20), n_planes=3, plane=2))["frames"]
    assert [str(unit) for unit in frames.units] == ["minute", "pixel", "micrometer", "micrometer"]
    np.testing.assert_allclose(frames.data_to_world((0, 0, 0, 0)), (25, 2, 1, 2))


def test_a_single_picture_gains_a_time_axis():
    movie = open_timelapse(np.zeros((20, 30)), pixel_size=0.1)
    frames = layers(make(at=0, pixel_size=0.1, placement=movie.placement))["frames"]
    assert frames.data.shape == (3, 20, 30)
    np.testing.assert_allclose(frames.translate, (1, 0, 0))


def test_placement_without_the_movies_axes_is_refused():
    with pytest.raises(CellSimError, match="cannot lie on the axes TYX"):
        make(n_planes=5, placement=make().placement)


@pytest.mark.parametrize(
    ("pixel_size", "unit", "speed"), [(None, "px per frame", 2.0), (0.25, "µm per frame", 0.5)]
)
def test_arrows_of_a_cell_that_moves_right_point_right(pixel_size, unit, speed):
    # backward flow: each pixel was two columns further left in the frame before
    flow = np.zeros((3, 2, 20, 30), np.float32)
    flow[:, 0] = -2
    forecast = replace(make(kept=False, pixel_size=pixel_size), flow=flow, placement=None)
    made = layers(forecast)
    arrows = made["motion"]
    assert (arrows.data[:, 1, arrows.ndim - 1] == 2).all()
    assert (arrows.data[:, 1, :-1] == 0).all()
    np.testing.assert_allclose(arrows.features[f"speed ({unit})"], speed)
    assert made["flow"].metadata["napari_cellsim"]["legend"] == {"full_colour": speed, "unit": unit}
    # and the colour is that of motion to the right, red
    red, green, blue = made["flow"].data[0, 5, 5]
    assert red == 255
    assert green == blue < 100


@pytest.mark.parametrize(("height", "width"), [(20, 30), (256, 256), (257, 1025), (33, 2), (1, 1)])
def test_at_most_32_by_32_arrows_inside_the_picture(height, width):
    starts = layers(make(steps=2, height=height, width=width, kept=False))["motion"].data[:, 0]
    for t in range(2):
        at_t = starts[starts[:, 0] == t]
        assert 1 <= len(np.unique(at_t[:, 1])) <= 32
        assert 1 <= len(np.unique(at_t[:, 2])) <= 32
    assert (starts[:, 1] < height).all()
    assert (starts[:, 2] < width).all()


def test_unknown_flow_has_no_arrow():
    forecast = make(kept=False)
    flow = forecast.flow.copy()
    flow[1] = np.nan
    starts = layers(replace(forecast, flow=flow))["motion"].data[:, 0]
    assert set(starts[:, 0]) == {0, 2}


def test_still_movie_has_layers_too():
    still = replace(make(kept=False), flow=np.zeros((3, 2, 20, 30), np.float32))
    still = replace(still, frames=np.full_like(still.frames, 7))
    made = layers(still)
    assert (made["flow"].data == 255).all()
    assert made["frames"].contrast_limits == [7, 8]


def test_add_to_never_overwrites():
    viewer = ViewerModel()
    forecast = make()
    first = forecast.add_to(viewer)
    before = [layer.data.copy() for layer in first]
    second = forecast.add_to(viewer)
    assert len(viewer.layers) == len(first) + len(second) == 12
    assert len({layer.name for layer in viewer.layers}) == 12
    for layer, data in zip(first, before, strict=True):
        np.testing.assert_array_equal(layer.data, data)


def test_time_axis_goes_on_on_the_same_slider():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 20, 30)), scale=(5, 0.1, 0.1), units=("minute", "um", "um"))
    make(at=4, placement=open_timelapse(image).placement).add_to(viewer)
    assert viewer.dims.nsteps[0] == 8
    assert viewer.layers.units is not None


@settings(max_examples=25)
@given(
    samples=st.integers(1, 2),
    steps=st.integers(1, 3),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kept=st.booleans(),
    pixel_size=st.none() | st.floats(0.01, 1),
    interval=st.none() | st.floats(0.1, 60),
    channels=st.integers(1, 3),
    planes=st.integers(1, 3),
    name=st.text(max_size=10),
)
def test_saved_and_opened_bit_for_bit(
    tmp_path_factory, samples, steps, size, kept, pixel_size, interval, channels, planes, name
):
    forecast = make(
        steps,
        *size,
        samples,
        kept=kept,
        pixel_size=pixel_size,
        interval=interval,
        n_channels=channels,
        channel=channels - 1,
        n_planes=planes,
        plane=planes - 1,
        origin=(3.0, 4.5),
        trap_id="trap_012",
        name=name,
        provenance={"model": {"name": "sdcnet-lite", "hash": "ab12"}, "seed": 3, "µ": [1.5, None, True]},
    )
    forecast.frames.flat[0] = np.nan
    path = forecast.save(tmp_path_factory.mktemp("f") / "forecast.ome.tif")
    again = open_result(path)
    for key in _ARRAYS:
        saved, opened = getattr(forecast, key), getattr(again, key)
        if saved is None:
            assert opened is None
        else:
            assert opened.dtype == saved.dtype
            assert opened.shape == saved.shape
            assert opened.tobytes() == saved.tobytes()
    for key in (
        "at",
        "channel",
        "plane",
        "n_channels",
        "n_planes",
        "pixel_size",
        "interval",
        "origin",
        "trap_id",
    ):
        assert getattr(again, key) == getattr(forecast, key)
    assert (again.name, again.provenance, again.placement) == (name, forecast.provenance, forecast.placement)
    for before, after in zip(forecast.to_layers(), again.to_layers(), strict=True):
        np.testing.assert_array_equal(before[0], after[0])


def test_other_programs_see_the_predicted_frames_first(tmp_path):
    forecast = make(pixel_size=0.1, interval=5.0, name="trap 7")
    path = forecast.save(tmp_path / "forecast.ome.tif")
    np.testing.assert_array_equal(tifffile.imread(path), forecast.frames[0, :, 0])
    with tifffile.TiffFile(path) as tif:
        assert len(tif.series) == 7
        assert all(series.name.startswith("trap 7") and "(predicted)" in series.name for series in tif.series)
        assert 'PhysicalSizeX="0.1"' in tif.ome_metadata
        assert 'TimeIncrement="5.0"' in tif.ome_metadata
    movie = open_timelapse(path)
    assert (movie.pixel_size, movie.interval, movie.n_times) == (0.1, 5.0, 3)


def test_plain_napari_opens_a_saved_forecast(tmp_path):
    from napari_builtins.io import napari_get_reader

    path = str(make().save(tmp_path / "forecast.ome.tif"))
    ((data, *_),) = napari_get_reader(path)(path)
    np.testing.assert_array_equal(np.squeeze(data), make().frames[0, :, 0])


def test_saving_replaces_whole_files_only(tmp_path):
    path = make(seed=1).save(tmp_path / "forecast.ome.tif")
    unsavable = make(seed=2, provenance={"model": object()})
    with pytest.raises(CellSimError, match="JSON"):
        unsavable.save(path)
    np.testing.assert_array_equal(open_result(path).frames, make(seed=1).frames)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "sentence"), [("no/such/f.ome.tif", "no folder"), ("forecast.png", "saved as TIFF")]
)
def test_where_a_forecast_cannot_be_saved(tmp_path, name, sentence):
    with pytest.raises(CellSimError, match=sentence):
        make().save(tmp_path / name)


def test_what_is_no_result_gets_a_sentence(tmp_path):
    tifffile.imwrite(tmp_path / "movie.ome.tif", np.zeros((5, 20, 30), np.uint16), metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((5, 20, 30), np.uint16))
    (tmp_path / "text.tif").write_text("a;b")
    whole = make().save(tmp_path / "forecast.ome.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    for name, sentence in (
        ("movie.ome.tif", "not a saved CellSim result.*open_timelapse"),
        ("plain.tif", "not a saved CellSim result"),
        ("text.tif", "not a TIFF"),
        ("cut.tif", "incomplete"),
        ("gone.tif", "no file"),
        ("", "is a folder"),
    ):
        with pytest.raises(CellSimError, match=sentence):
            open_result(tmp_path / name)


def test_paste_puts_regions_back_into_the_field():
    field = open_timelapse(Image(np.zeros((8, 60, 80)), scale=(1, 0.5, 0.5), translate=(0, 7, 9)))
    boxes = [(0, 20, 0, 30), (40, 60, 50, 80)]
    parts = []
    for i, box in enumerate(boxes):
        crop = field.crop(*box)
        parts.append(make(seed=i, origin=crop.origin, placement=crop.placement, provenance={"seed": i}))
    whole = paste((60, 80), parts)
    assert whole.frames.shape == (1, 3, 1, 60, 80)
    for (y0, y1, x0, x1), part in zip(boxes, parts, strict=True):
        for key in ("frames", "flow", "kernel_deviation", "segmentation", "uncertainty"):
            np.testing.assert_array_equal(getattr(whole, key)[..., y0:y1, x0:x1], getattr(part, key))
    assert np.isnan(whole.frames[0, 0, 0, 30, 40])
    assert whole.flow[0, 0, 30, 40] == 0
    assert whole.placement == field.placement
    assert [p["seed"] for p in whole.provenance["pasted"]] == [0, 1]
    layers(whole)


def test_paste_lets_the_later_forecast_win():
    first, second = make(seed=1), make(seed=2, origin=(5, 5))
    whole = paste((25, 35), [first, second])
    np.testing.assert_array_equal(whole.frames[..., 5:25, 5:35], second.frames)
    np.testing.assert_array_equal(whole.frames[..., :5, :30], first.frames[..., :5, :])


def test_paste_leaves_out_what_not_all_have():
    whole = paste((20, 60), [make(), make(kept=False, origin=(0, 30))])
    assert whole.uncertainty is None
    assert whole.segmentation is not None


@pytest.mark.parametrize(
    ("forecasts", "sentence"),
    [
        ([], "no forecast"),
        ([make(), make(at=5)], "differ in at"),
        ([make(), make(steps=2)], "differ in number of steps"),
        ([make(origin=(1, 0))], "leaves the field"),
    ],
)
def test_paste_refuses(forecasts, sentence):
    with pytest.raises(CellSimError, match=sentence):
        paste((20, 60), forecasts)
