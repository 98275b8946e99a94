"""`predict`: files, report, options, and one sentence for every mistake."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_cellsim.evaluation import Report
from napari_cellsim.forecasting import open_result

METHODS = ("model", "copy_last", "blurred_copy_last", "constant_flow")


def fingerprint(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refused(result, *words):
    """The result is a mistake of the user's, explained in one line on stderr."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("napari-cellsim:")]
    assert len(lines) == 1, result.stderr
    for word in words:
        assert str(word) in lines[0]


def test_writes_movie_and_report(run, files, options, tmp_path):
    out, report = tmp_path / "p.ome.tif", tmp_path / "p.json"
    before = fingerprint(files / "movie.ome.tif")
    result = run(
        "predict",
        files / "movie.ome.tif",
        "--at",
        4,
        "--steps",
        3,
        "--out",
        out,
        "--report",
        report,
        *options,
    )
    assert result.exit_code == 0, result.output
    assert sorted(tmp_path.iterdir()) == [report, out]
    assert fingerprint(files / "movie.ome.tif") == before
    forecast = open_result(out)
    assert forecast.at == 4
    assert forecast.frames.shape == (1, 3, 1, 48, 48)
    assert forecast.pixel_size == pytest.approx(0.108)
    assert "predicted" in json.dumps(forecast.provenance)
    content = json.loads(report.read_text())
    assert [h["frame"] for h in content["horizons"]] == [5, 6, 7]
    assert content["interval"] == pytest.approx(10)
    for horizon in content["horizons"]:
        assert all(horizon[method]["mse"] > 0 for method in METHODS)
    assert "constant flow" in result.stdout
    truth = tifffile.imread(files / "movie.ome.tif")[5].astype(float)
    last = tifffile.imread(files / "movie.ome.tif")[4].astype(float)
    expected = ((truth - last) ** 2).mean() / np.ptp(truth) ** 2
    assert content["horizons"][0]["copy_last"]["mse"] == pytest.approx(expected, rel=1e-4)


def test_the_last_frame_is_the_default_and_quiet_is_quiet(run, files, options, tmp_path):
    out = tmp_path / "p.ome.tif"
    result = run("predict", files / "movie.ome.tif", "--steps", 1, "--out", out, "--quiet", *options)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert open_result(out).at == 7


def test_report_without_truth_says_so(run, files, options, tmp_path):
    report = tmp_path / "p.json"
    result = run(
        "predict",
        files / "movie.ome.tif",
        "--steps",
        1,
        "--out",
        tmp_path / "p.tif",
        "--report",
        report,
        *options,
    )
    assert result.exit_code == 0, result.output
    assert Report.open(report).horizons == []
    assert "no truth" in result.stdout


def test_region_kernels_and_networks(run, files, tmp_path):
    out, report = tmp_path / "p.ome.tif", tmp_path / "p.json"
    result = run(
        *("predict", files / "movie.ome.tif", "--at", 5, "--steps", 2, "--out", out, "--report", report),
        *("--model", files / "untrained.safetensors", "--flow", files / "flow.safetensors"),
        *("--segmentation", files / "classes.safetensors", "--region", "4,40,8,48", "--keep-kernels"),
        *("--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    forecast = open_result(out)
    assert forecast.frames.shape == (1, 2, 1, 36, 40)
    assert forecast.kernels_v is not None
    assert forecast.segmentation.shape == (2, 36, 40)
    assert Report.open(report).region == (4, 40, 8, 48)


def test_labels_give_cell_columns(run, files, tmp_path):
    report = tmp_path / "p.json"
    result = run(
        *("predict", files / "movie.ome.tif", "--at", 5, "--steps", 1, "--out", tmp_path / "p.tif"),
        *("--report", report, "--model", files / "untrained.safetensors", "--flow", "classical"),
        *("--segmentation", files / "labels.ome.tif", "--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    assert Report.open(report).horizons[0].model.cells.mse > 0
    assert "cells MSE" in result.stdout


def test_unknown_calibration_is_named_in_a_warning(run, files, options, tmp_path):
    from napari_cellsim.models import Model, ModelCard

    images = tifffile.imread(files / "movie.ome.tif")
    tifffile.imwrite(tmp_path / "bare.tif", images)
    model = tmp_path / "calibrated.safetensors"
    Model.create("calibrated", "sdcnet", "lite", card=ModelCard(pixel_size=0.108, interval=10)).save(model)
    base = (
        "predict",
        tmp_path / "bare.tif",
        "--steps",
        1,
        "--out",
        tmp_path / "p.tif",
        *options,
        "--model",
        model,
    )
    asked = run(*base)
    assert asked.exit_code == 0, asked.output
    assert "warning: The pixel size of 'bare' is unknown" in asked.stderr
    assert "interval" in asked.stderr
    told = run(*base, "--pixel-size", 0.108, "--interval", 10)
    assert "warning" not in told.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--at", 8), ("frames 0 to 7",)),
        (("--at", -1), ("last frame",)),
        (("--channel", 1), ("channel 1",)),
        (("--plane", 2), ("plane 2",)),
        (("--region", "1,2,3"), ("'1,2,3'", "Y0,Y1,X0,X1")),
        (("--region", "0,4,0,4"), ("8×8",)),
        (("--device", "abacus"), ("'abacus'", "cpu")),
        (("--model", "no-such-model"), ("'no-such-model'",)),
        (("--flow", "no-such-flow"), ("--flow", "classical", "'no-such-flow'")),
        (("--segmentation", "no-such-net"), ("--segmentation", "'no-such-net'")),
        (("--pixel-size", -1), ("pixel",)),
    ],
)
def test_wrong_options_are_explained(run, files, options, tmp_path, change, words):
    out = tmp_path / "p.ome.tif"
    result = run("predict", files / "movie.ome.tif", "--steps", 1, "--out", out, *options, *change)
    refused(result, *words)
    assert list(tmp_path.iterdir()) == []


def test_wrong_files_are_explained(run, files, options, tmp_path):
    out = tmp_path / "p.ome.tif"
    refused(run("predict", tmp_path / "absent.tif", "--out", out, *options), "absent.tif")
    (tmp_path / "empty.tif").touch()
    refused(run("predict", tmp_path / "empty.tif", "--out", out, *options), "empty.tif")
    (tmp_path / "folder").mkdir()
    refused(run("predict", tmp_path / "folder", "--out", out, *options), "folder")
    movie = files / "movie.ome.tif"
    refused(run("predict", movie, "--out", tmp_path / "absent" / "p.tif", *options), "no folder", "absent")
    refused(run("predict", movie, "--out", tmp_path, *options), "is a folder")
    refused(run("predict", movie, "--out", movie, *options), "never overwritten")
    (tmp_path / "text.safetensors").write_text("no weights")
    refused(
        run("predict", movie, "--out", out, *options, "--model", tmp_path / "text.safetensors"),
        "text.safetensors",
    )
    assert not out.exists()


def test_wrong_words_get_usage(run, files):
    assert run("predict", files / "movie.ome.tif").exit_code == 2  # --out is missing
    assert run("predict", files / "movie.ome.tif", "--out", "p.tif", "--steps", 0).exit_code == 2
    assert run("foretell").exit_code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one child process")
def test_interrupted_run_leaves_nothing_behind(files, options, tmp_path):
    """A real process, a real Ctrl-C in the middle of the work."""
    command = [sys.executable, "-m", "napari_cellsim", "predict", files / "movie.ome.tif", "--steps", "5000"]
    arguments = [str(a) for a in (*command, "--out", tmp_path / "p.ome.tif", *options)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            import psutil

            waiting = psutil.Process(process.pid)
            while process.poll() is None and waiting.cpu_times().user < 3:  # the command has begun
                process_wait(process)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 130, errors
    assert "stopped" in errors
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def process_wait(process):
    try:
        process.wait(0.1)
    except subprocess.TimeoutExpired:
        return
