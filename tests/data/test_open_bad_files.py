"""What cannot be opened gives one sentence and nothing half-read."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_cellsim.base import CellSimError
from napari_cellsim.data import open_timelapse

_DATA = np.random.default_rng(2).integers(0, 60_000, (6, 24, 32)).astype(np.uint16)


def refused(path):
    with pytest.raises(CellSimError) as caught:
        open_timelapse(path)
    sentence = str(caught.value)
    assert path.name in sentence
    assert "\n" not in sentence
    return sentence


def test_missing_file(tmp_path):
    assert "There is no file" in refused(tmp_path / "gone.tif")


def test_empty_file(tmp_path):
    (tmp_path / "a.tif").touch()
    assert "empty (zero bytes)" in refused(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "content", [b"x", b"time;cell;area\n1;2;3\n", b"II*\0", b"II*\0\0\0\0\0", b"MM\0+" + b"\0" * 8]
)
def test_what_is_not_tiff(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    refused(tmp_path / "a.tif")


@pytest.fixture
def plain_folder(tmp_path):
    """A folder of a user whom permissions stop: if the tests run as root, of nobody, whom they then act for."""
    if os.geteuid():
        yield tmp_path
        return
    os.seteuid(65534)
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    finally:
        os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_forbidden_file(plain_folder):
    path = plain_folder / "a.tif"
    tifffile.imwrite(path, _DATA)
    path.chmod(0)
    assert "not allowed" in refused(path)
    plain_folder.chmod(0)
    try:
        assert "not allowed" in refused(plain_folder)
        assert "not allowed" in refused(path)
    finally:
        plain_folder.chmod(0o700)


_WRITERS = {
    "plain": {},
    "pages": {"metadata": None},
    "compressed": {"metadata": None, "compression": "zlib"},
    "tiled": {"tile": (16, 16)},
    "imagej": {"imagej": True, "metadata": {"axes": "TYX"}},
    "ome": {"ome": True, "metadata": {"axes": "TYX", "PhysicalSizeX": 0.1}},
    "big": {"bigtiff": True},
    "motorola": {"byteorder": ">"},
}


def refused_or_whole(path):
    """Whether the file is refused; if it opens, for only padding is lost, every frame and fact must be there."""
    try:
        movie = open_timelapse(path)
    except CellSimError:
        return True
    np.testing.assert_array_equal(movie.frames[:, 0, 0], _DATA)
    assert movie.pixel_size == open_timelapse(path.with_name("whole.tif")).pixel_size
    return False


@given(kind=st.sampled_from(sorted(_WRITERS)), part=st.floats(0, 1, exclude_max=True))
def test_truncated_anywhere(tmp_path_factory, kind, part):
    folder = tmp_path_factory.mktemp("cut")
    tifffile.imwrite(folder / "whole.tif", _DATA, **_WRITERS[kind])
    content = (folder / "whole.tif").read_bytes()
    (folder / "cut.tif").write_bytes(content[: int(part * len(content))])
    assert refused_or_whole(folder / "cut.tif") or part > 0.99


@pytest.mark.parametrize("kind", sorted(_WRITERS))
@pytest.mark.parametrize("missing", [1, 2, 16, 17, 200])
def test_a_few_bytes_short(tmp_path, kind, missing):
    tifffile.imwrite(tmp_path / "whole.tif", _DATA, **_WRITERS[kind])
    content = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[:-missing])
    assert refused_or_whole(tmp_path / "cut.tif") or missing <= 16


@given(position=st.integers(0, 3000), value=st.integers(0, 255))
def test_a_corrupted_byte_never_gives_a_traceback(tmp_path_factory, position, value):
    path = tmp_path_factory.mktemp("bad") / "a.tif"
    tifffile.imwrite(path, _DATA[:2], metadata=None, compression="zlib")
    content = bytearray(path.read_bytes())
    content[position % len(content)] = value
    path.write_bytes(content)
    try:
        movie = open_timelapse(path)
    except CellSimError:
        return
    assert movie.array().ndim == 3


@pytest.mark.parametrize("metadata", [None, {}])
def test_mixed_sizes_in_one_file(tmp_path, metadata):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for i in range(4):
            writer.write(_DATA[i, : 20 + i % 2], metadata=metadata)
    assert "20×32" in refused(tmp_path / "a.tif")
    assert "21×32" in refused(tmp_path / "a.tif")


def test_complex_values(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", _DATA.astype(np.complex64))
    with pytest.raises(CellSimError, match="real numbers"):
        open_timelapse(tmp_path / "a.tif")


def test_one_frame_and_constant_frames_and_nan_open(tmp_path):
    tifffile.imwrite(tmp_path / "one.tif", _DATA[0])
    assert open_timelapse(tmp_path / "one.tif").n_times == 1
    tifffile.imwrite(tmp_path / "nan.tif", np.full((3, 20, 30), np.nan, np.float32), photometric="minisblack")
    assert np.isnan(open_timelapse(tmp_path / "nan.tif").array()).all()
    tifffile.imwrite(tmp_path / "constant.tif", np.full((5, 20, 30), 7, np.uint8))
    assert (open_timelapse(tmp_path / "constant.tif").array() == 7).all()
