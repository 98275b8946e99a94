"""The demo as a new user runs it: a real process, the bundled weights, the simulated movie."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_cellsim.forecasting import open_result
from napari_cellsim.phantom import simulate

METHODS = ("model", "copy_last", "blurred_copy_last", "constant_flow")


def demo(folder: Path, *options: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "napari_cellsim", "demo", "--out", folder, "--no-gui", *options]
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=os.environ | environment
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    return folder, demo(folder)


def test_three_files_and_a_table(done):
    folder, result = done
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in folder.iterdir()) == [
        "predicted.ome.tif",
        "predicted.png",
        "report.json",
    ]
    for method in METHODS:
        assert len(re.findall(rf"^ +\d  {method.replace('_', ' ')} ", result.stdout, re.MULTILINE)) == 5
    assert "Traceback" not in result.stderr


def test_report_is_about_the_bundled_model_and_movie(done):
    report = json.loads((done[0] / "report.json").read_text())
    assert report["model"]["name"] == "sdcnet-default"
    assert [h["horizon"] for h in report["horizons"]] == [1, 2, 3, 4, 5]
    assert all(h[m]["mse"] > 0 and h[m]["cells"]["mse"] > 0 for h in report["horizons"] for m in METHODS)
    assert report["warnings"] == []


def test_forecast_and_figure_open(done):
    forecast = open_result(done[0] / "predicted.ome.tif")
    assert forecast.frames.shape == (1, 5, 1, 256, 256)
    assert np.isfinite(forecast.frames).all()
    assert forecast.segmentation is not None
    assert min(Image.open(done[0] / "predicted.png").size) > 500


def test_again_without_a_screen(done):
    """Nothing is opened; the same forecast replaces the files and leaves others alone."""
    if sys.platform != "linux":
        pytest.skip("Windows and macOS always have a screen")
    folder, _ = done
    first = open_result(folder / "predicted.ome.tif")
    (folder / "notes.txt").write_text("mine")
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    command = [sys.executable, "-m", "napari_cellsim", "demo", "--out", str(folder)]
    again = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert again.returncode == 0, again.stderr
    assert "no screen" in again.stderr
    np.testing.assert_allclose(open_result(folder / "predicted.ome.tif").frames, first.frames, rtol=1e-4)
    assert (folder / "notes.txt").read_text() == "mine"
    assert len(list(folder.iterdir())) == 4


def test_own_movie_and_last_frame(tmp_path):
    from napari_cellsim.data import Series, write_series

    sequence = simulate(6, 3, size=96)
    series = Series("own", sequence.images[:, 0], "TYX", pixel_size=0.108, interval=10.0)
    write_series(tmp_path / "own.ome.tif", [series], {})
    result = demo(tmp_path / "out", "--input", tmp_path / "own.ome.tif", "--at", 3)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["at"] == 3
    assert [h["frame"] for h in report["horizons"]] == [4, 5]


def test_mistakes_are_explained(tmp_path):
    result = demo(tmp_path / "out", "--input", tmp_path / "absent.tif")
    assert result.returncode == 2
    assert "absent.tif" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    result = demo(tmp_path / "file")
    assert result.returncode == 2
    assert "is a file" in result.stderr
