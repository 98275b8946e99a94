"""zarr arrays and OME-Zarr-like groups, both versions of the format."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
import zarr

from napari_cellsim.base import CellSimError
from napari_cellsim.data import open_timelapse, zarr_store

_DATA = np.random.default_rng(3).integers(0, 999, (6, 2, 20, 30)).astype(np.uint16)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("as_object", [False, True])
def test_array(tmp_path, version, as_object):
    array = zarr.create_array(tmp_path / "m.zarr", data=_DATA[:, 0], chunks=(1, 20, 30), zarr_format=version)
    movie = open_timelapse(array if as_object else tmp_path / "m.zarr")
    np.testing.assert_array_equal(movie.array(), _DATA[:, 0])
    assert movie.axes == "TYX"


def test_axes_by_dimension_names(tmp_path):
    names = ["time", "channel", "y", "x"]
    zarr.create_array(tmp_path / "m.zarr", data=_DATA, zarr_format=3, dimension_names=names)
    assert open_timelapse(tmp_path / "m.zarr").n_channels == 2


def test_axes_by_xarray_attributes(tmp_path):
    attributes = {"_ARRAY_DIMENSIONS": ["c", "t", "y", "x"]}
    zarr.create_array(tmp_path / "m.zarr", data=_DATA, zarr_format=2, attributes=attributes)
    movie = open_timelapse(tmp_path / "m.zarr")
    assert (movie.n_channels, movie.n_times) == (6, 2)


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr(tmp_path, version):
    group = zarr.open_group(tmp_path / "m.ome.zarr", mode="w", zarr_format=version)
    group.create_array("0", data=_DATA, chunks=(1, 1, 20, 30))
    group.create_array("1", data=_DATA[..., ::2, ::2], chunks=(1, 1, 10, 15))
    multiscales = [
        {
            "axes": [
                {"name": "t", "type": "time", "unit": "second"},
                {"name": "c", "type": "channel"},
                {"name": "y", "type": "space", "unit": "micrometer"},
                {"name": "x", "type": "space", "unit": "micrometer"},
            ],
            "datasets": [
                {
                    "path": str(i),
                    "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 0.1 * f, 0.1 * f]}],
                }
                for i, f in ((0, 1), (1, 2))
            ],
            "coordinateTransformations": [{"type": "scale", "scale": [300, 1, 1, 1]}],
        }
    ]
    group.attrs.put({"ome": {"multiscales": multiscales}} if version == 3 else {"multiscales": multiscales})
    movie = open_timelapse(tmp_path / "m.ome.zarr")
    np.testing.assert_array_equal(movie.frames[:, :, 0], _DATA)
    assert (movie.pixel_size, movie.interval, movie.name) == (pytest.approx(0.1), pytest.approx(5), "m")


def test_group_with_one_array(tmp_path):
    zarr.open_group(tmp_path / "m.zarr", mode="w").create_array("frames", data=_DATA[:, 0])
    assert open_timelapse(tmp_path / "m.zarr").n_times == 6


def test_lazy(tmp_path, monkeypatch):
    zarr.create_array(tmp_path / "m.zarr", data=_DATA, chunks=(1, 1, 20, 30))
    monkeypatch.setattr(zarr_store, "EAGER_BYTES", 0)
    movie = open_timelapse(tmp_path / "m.zarr", axes="TCYX")
    assert isinstance(movie.frames, dask.array.Array)
    np.testing.assert_array_equal(movie.array([4], channel=1)[0], _DATA[4, 1])


def test_bad_zarr_gets_a_sentence(tmp_path):
    group = zarr.open_group(tmp_path / "two.zarr", mode="w")
    with pytest.raises(CellSimError, match="no array"):
        open_timelapse(tmp_path / "two.zarr")
    for name in ("a", "b"):
        group.create_array(name, data=_DATA)
    with pytest.raises(CellSimError, match="the arrays a, b"):
        open_timelapse(tmp_path / "two.zarr")
    (tmp_path / "empty.zarr").mkdir()
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    for name in ("empty.zarr", "broken.zarr"):
        with pytest.raises(CellSimError, match=name):
            open_timelapse(tmp_path / name)
