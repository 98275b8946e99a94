"""Files are written whole or not at all."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellsim.base import CellSimError
from napari_cellsim.data import Series, atomic_path, open_timelapse, read_metadata, write_series


def test_atomic_path_renames_at_the_end(tmp_path):
    target = tmp_path / "a.ome.tif"
    target.write_text("old")
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".ome.tif")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_atomic_path_leaves_everything_as_it_was_on_error(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write_half():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_atomic_path_is_as_readable_as_any_file(tmp_path):
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
    (tmp_path / "b.txt").write_text("x")
    assert os.stat(tmp_path / "a.txt").st_mode == os.stat(tmp_path / "b.txt").st_mode


@pytest.mark.parametrize(("name", "sentence"), [("no/such/a.tif", "there is no folder"), ("", "is a folder")])
def test_atomic_path_needs_a_folder_and_a_name(tmp_path, name, sentence):
    with pytest.raises(CellSimError, match=sentence), atomic_path(tmp_path / name):
        pass


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(
    dtypes=st.lists(
        st.sampled_from(["uint8", "uint16", "int32", "float32", "float64", "bool"]), min_size=1, max_size=4
    ),
    pixel_size=st.none() | st.floats(1e-3, 10),
    interval=st.none() | st.floats(1e-2, 1e3),
    metadata=st.dictionaries(st.text(), _JSON, max_size=4),
)
def test_round_trip(tmp_path_factory, dtypes, pixel_size, interval, metadata):
    path = tmp_path_factory.mktemp("w") / "a.ome.tif"
    rng = np.random.default_rng(0)
    series = [
        Series(
            f"part {i}",
            (255 * rng.random((3, 2, 8, 9))).astype(t),
            "TCYX",
            pixel_size,
            interval,
            None,
            ("x", "y"),
        )
        for i, t in enumerate(dtypes)
    ]
    assert write_series(path, series, metadata) == path
    with tifffile.TiffFile(path) as tif:
        assert [s.name for s in tif.series] == [s.name for s in series]
        for stored, one in zip(tif.series, series, strict=True):
            np.testing.assert_array_equal(stored.asarray(), one.data)
            assert stored.dtype == one.data.dtype
        assert read_metadata(tif.ome_metadata) == metadata
    movie = open_timelapse(path)
    assert movie.pixel_size == pytest.approx(pixel_size)
    assert movie.interval == pytest.approx(interval)
    assert movie.channel_names == ("x", "y")
    assert list(path.parent.iterdir()) == [path]


def test_metadata_takes_numpy_and_paths(tmp_path):
    block = {"n": np.int64(3), "x": np.float32(0.5), "a": np.arange(3), "p": Path("a/b"), "t": (1, 2)}
    write_series(tmp_path / "a.tif", [Series("s", np.zeros((4, 5), np.uint8), "YX")], block)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert read_metadata(tif.ome_metadata) == {
            "n": 3,
            "x": 0.5,
            "a": [0, 1, 2],
            "p": str(Path("a/b")),
            "t": [1, 2],
        }


@pytest.mark.parametrize(
    ("series", "metadata", "sentence"),
    [
        ([], {}, "nothing to write"),
        ([Series("s", np.zeros((4, 5), np.int64), "YX")], {}, "int64"),
        ([Series("s", np.zeros((0, 5), np.uint8), "YX")], {}, "at least one value"),
        ([Series("s", np.zeros((4, 5), np.uint8), "YX")], {"x": object()}, "JSON cannot"),
    ],
)
def test_what_cannot_be_written_leaves_no_file(tmp_path, series, metadata, sentence):
    with pytest.raises(CellSimError, match=sentence):
        write_series(tmp_path / "a.tif", series, metadata)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_disk_that_is_full(tmp_path):
    import resource

    (tmp_path / "a.tif").write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(CellSimError, match="free some space"):
            write_series(tmp_path / "a.tif", [Series("s", np.zeros((10, 200, 200), np.uint16), "TYX")], {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (tmp_path / "a.tif").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "xml", ["", "<OME/>", "<OME", '<OME><C Namespace="napari-cellsim"><Value>{</Value></C></OME>']
)
def test_foreign_metadata_is_none(xml):
    assert read_metadata(xml) is None
