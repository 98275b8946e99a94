"""The Generated noun: shapes that belong together, parts, layers and back, saving bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Layer

import napari_cellsim as cs
from napari_cellsim import forecasting, generation
from napari_cellsim.base import CellSimError
from napari_cellsim.generation import Generated

ARRAYS = ("images", "latents", "noise_seeds", "intensity", "z", "guides")


def make(count=4, frames=1, channels=1, slots=1, full=True, **fields):
    rng = np.random.default_rng(count + frames)

    def noise(*shape):
        return rng.normal(100, 20, shape).astype(np.float32)

    extra = {
        "z": noise(count, 5),
        "guides": noise(count, frames, channels, 12, 10),
        "intensity": rng.normal(size=(count, channels, 2)),
        "records": tuple({"frame": i, "psnr": 20.5 + i} for i in range(count)),
    }
    return Generated(
        images=noise(count, frames, channels, 12, 10),
        latents=noise(count, slots, 5),
        noise_seeds=rng.integers(-1, 2**53, count),
        **{**(extra if full else {}), "name": "small µ", "pixel_size": 0.5, **fields},
    )


def assert_same(one: Generated, other: Generated) -> None:
    for key in ARRAYS:
        a, b = getattr(one, key), getattr(other, key)
        if a is None:
            assert b is None
        else:
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), key
    for key in ("kind", "grid", "pixel_size", "interval", "name", "channel_names", "records", "provenance"):
        assert getattr(one, key) == getattr(other, key), key


CASES = [
    make(provenance={"seed": 3, "notes": ["One."], "µ": [1.5, None, True]}),
    make(full=False),
    make(count=1, slots=8, kind="guided"),
    make(count=6, kind="grid", grid=(2, 3)),
    make(kind="walk"),
    make(count=2, frames=3, interval=10.0),
    make(count=2, channels=2, channel_names=("brightfield", "GFP")),
    make(count=2, frames=3, channels=2, kind="walk", interval=10.0),
]


@pytest.mark.parametrize("generated", CASES)
def test_a_saved_result_comes_back_bit_for_bit(generated, tmp_path):
    generated.images.flat[0] = np.nan
    path = generated.save(tmp_path / "pictures.cellsim.ome.tif")
    assert_same(cs.open_result(path), generated)
    assert_same(generation.open_result(path), generated)


@pytest.mark.parametrize("generated", CASES)
def test_a_layer_gives_everything_back(generated):
    viewer = ViewerModel()
    (layer,) = generated.add_to(viewer)
    assert isinstance(layer, Image)
    assert "generated" in layer.name
    assert layer.data.shape == tuple(
        n for i, n in enumerate(generated.images.shape) if n > 1 or i in (0, 3, 4)
    )
    np.testing.assert_allclose(layer.scale[-2:], 0.5)
    assert str(layer.units[-1]) == "micrometer"
    assert_same(Generated.from_layer(layer), generated)
    layer.data = layer.data + 1
    np.testing.assert_array_equal(Generated.from_layer(layer).images, generated.images + 1)


def test_the_time_axis_of_a_sequence_is_in_minutes():
    (layer,) = (Layer.create(*one) for one in make(count=2, frames=3, interval=10.0).to_layers())
    assert (layer.axis_labels[1], layer.scale[1], str(layer.units[1])) == ("t", 10.0, "minute")


def test_two_layers_keep_each_other():
    viewer = ViewerModel()
    make().add_to(viewer)
    make().add_to(viewer)
    assert len({layer.name for layer in viewer.layers}) == 2


def test_a_layer_of_another_shape_or_kind_is_refused():
    viewer = ViewerModel()
    (layer,) = make().add_to(viewer)
    layer.data = layer.data[:2]
    with pytest.raises(CellSimError, match="latents belong to pictures of the shape"):
        Generated.from_layer(layer)
    with pytest.raises(CellSimError, match="no generated pictures"):
        Generated.from_layer(viewer.add_image(np.zeros((4, 4)), name="mine"))


@pytest.mark.parametrize("frames", [1, 3])
def test_other_programs_see_the_pictures_first(frames, tmp_path):
    generated = make(frames=frames)
    path = generated.save(tmp_path / "pictures.ome.tif")
    np.testing.assert_array_equal(tifffile.imread(path).squeeze(), generated.images.squeeze())
    with tifffile.TiffFile(path) as tif:
        assert "(generated)" in tif.series[0].name
        assert 'PhysicalSizeX="0.5"' in tif.ome_metadata


def test_only_a_walk_opens_as_a_movie(tmp_path):
    walk = make(kind="walk")
    movie = cs.open_timelapse(walk.save(tmp_path / "walk.ome.tif"))
    np.testing.assert_array_equal(movie.array(), walk.images[:, 0, 0])
    with pytest.raises(CellSimError, match="independent pictures"):
        cs.open_timelapse(make().save(tmp_path / "sample.ome.tif"))


def test_each_room_names_what_the_other_one_saved(tmp_path):
    path = make().save(tmp_path / "pictures.ome.tif")
    with pytest.raises(CellSimError, match=r"generated pictures, not a forecast.*open_result"):
        forecasting.open_result(path)
    flow = np.zeros((2, 2, 8, 9), np.float32)
    forecast = forecasting.Forecast(np.zeros((1, 2, 1, 8, 9), np.float32), flow, at=0)
    path = forecast.save(tmp_path / "forecast.ome.tif")
    assert isinstance(cs.open_result(path), forecasting.Forecast)
    with pytest.raises(CellSimError, match="a forecast, not generated pictures"):
        generation.open_result(path)


def test_what_is_no_result_gets_a_sentence(tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((5, 20, 30), np.uint16))
    whole = make().save(tmp_path / "pictures.ome.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.txt").write_text("a;b")
    for name, sentence in (
        ("plain.tif", "not a saved CellSim result"),
        ("cut.tif", "incomplete"),
        ("gone.tif", "no file"),
        ("text.txt", "not a TIFF"),
        ("", "is a folder"),
    ):
        with pytest.raises(CellSimError, match=sentence):
            cs.open_result(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "sentence"), [("no/such/f.ome.tif", "no folder"), ("a.png", "saved as TIFF")]
)
def test_where_pictures_cannot_be_saved(tmp_path, name, sentence):
    with pytest.raises(CellSimError, match=sentence):
        make().save(tmp_path / name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("images", np.zeros((4, 12, 10), np.float32)),
        ("latents", np.zeros((3, 1, 5), np.float32)),
        ("latents", np.zeros((4, 5), np.float32)),
        ("noise_seeds", np.zeros((4, 1), np.int64)),
        ("intensity", np.zeros((4, 2, 2))),
        ("z", np.zeros((3, 5), np.float32)),
        ("guides", np.zeros((4, 1, 1, 12, 11), np.float32)),
        ("kind", "dream"),
        ("grid", (2, 3)),
        ("records", ({},)),
        ("channel_names", ("a", "b")),
    ],
)
def test_what_does_not_belong_together_is_refused(field, value):
    with pytest.raises(CellSimError):
        replace(make(), **{field: value})


def test_parts_keep_what_belongs_to_them():
    whole = make(count=6, kind="grid", grid=(2, 3))
    part = whole.select([4, -1])
    for key in ARRAYS:
        np.testing.assert_array_equal(getattr(part, key), getattr(whole, key)[[4, 5]])
    assert part.records == (whole.records[4], whole.records[5])
    assert part.grid is None
    assert len(whole.select(2)) == 1


@pytest.mark.parametrize("indices", [[], [6], [-7], [0.5], [True, False]])
def test_pictures_that_do_not_exist_are_refused(indices):
    with pytest.raises(CellSimError, match="picture"):
        make(count=6).select(indices)


def test_pictures_become_movies():
    sequence = make(count=2, frames=3, channels=2, interval=10.0)
    movie = sequence.as_timelapse(1)
    np.testing.assert_array_equal(movie.frames[:, :, 0], sequence.images[1])
    assert (movie.pixel_size, movie.interval, movie.n_times) == (0.5, 10.0, 3)
    assert "generated" in movie.name
    walk = make(kind="walk")
    np.testing.assert_array_equal(walk.as_timelapse().array(), walk.images[:, 0, 0])
    with pytest.raises(CellSimError, match="choose one"):
        sequence.as_timelapse()
