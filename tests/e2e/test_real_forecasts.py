"""Forecasts of real movies from the command line, with the bundled model."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_cellsim.cli import app
from napari_cellsim.forecasting import open_result

METHODS = ("model", "copy_last", "blurred_copy_last", "constant_flow")


@pytest.mark.parametrize(
    ("file", "options", "at", "frames"),
    [
        ("trap_alcatras_dic_part1_T058.ome.tif", (), 52, [53, 54]),
        ("trap_baby_prime95b_pos005_trap048_T5Z5.ome.tif", ("--plane", "2"), 3, [4]),
        ("colony_phylocell_phase_T100.ome.tif", ("--region", "60,220,70,230"), 90, [91, 92]),
        ("trap_alcatras_dic_gfp_cy5_part1_T058.ome.tif", ("--channel", "0"), 50, [51, 52]),
    ],
)
def test_forecast_and_report(shared_data, tmp_path, file, options, at, frames):
    out, report = tmp_path / "p.ome.tif", tmp_path / "p.json"
    arguments = [
        "predict",
        shared_data / file,
        "--at",
        at,
        "--steps",
        2,
        "--out",
        out,
        "--report",
        report,
        *options,
    ]
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    content = json.loads(report.read_text())
    assert [h["frame"] for h in content["horizons"]] == frames
    assert all(np.isfinite(h[m]["mse"]) for h in content["horizons"] for m in METHODS)
    forecast = open_result(out)
    movie = tifffile.imread(shared_data / file)
    low, high = float(movie.min()), float(movie.max())
    margin = 0.5 * (high - low)
    assert low - margin < forecast.frames.min()  # in the movie's own units
    assert forecast.frames.max() < high + margin
    # Two frames ahead the picture is still mostly the same, so that anything wildly wrong would show.
    assert content["horizons"][0]["model"]["mse"] < 3 * content["horizons"][0]["copy_last"]["mse"]
