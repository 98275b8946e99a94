"""The page "Train on your own movies", word for word but with budgets of two steps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_cellsim import phantom
from napari_cellsim.cli import app
from napari_cellsim.data import open_timelapse

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "train_on_your_movies.md"
# what a processor would be busy with for minutes
SMALLER = {
    "steps = \\d+": "steps = 1",
    "validate_every = \\d+": "validate_every = 1",
    "batch = 4": "batch = 1\nvalidation_sequences = 1",
    "crop = 96": "crop = 64",
    "roll_out = .*": "",
}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """An experiment of one position with six traps, one trap as a movie, and labels drawn for a crop."""
    monkeypatch.chdir(tmp_path)
    config = phantom.PhantomConfig().changed(mechanics={"burn_in": (0, 10)})
    field = phantom.simulate_field(2, 3, 9, 2, tile=112, pixel_size=0.25, trap="tear_drop", config=config)
    Path("experiment").mkdir()
    tifffile.imwrite("experiment/position.tif", field.images[:, 0], metadata={"axes": "TYX"})
    y, x = (round(v) for v in field.centres[0])
    crop = (slice(None), slice(max(y - 48, 0), y + 48), slice(max(x - 48, 0), x + 48))
    tifffile.imwrite("trap.tif", field.images[:, 0][crop], metadata={"axes": "TYX"})
    return field


def draw(field, crop: str):
    """Write labels.tif for a crop, as a person would: three frames, pillars 1, cells 2, 3, …"""
    movie = open_timelapse(crop)
    top, left = (round(v) for v in movie.origin)
    labels = np.zeros((movie.n_times, movie.height, movie.width), np.uint16)
    for t in (0, 1, 4):
        truth = field.labels[t, top : top + movie.height, left : left + movie.width]
        labels[t] = np.where(truth < 0, 1, np.where(truth > 0, truth + 1, 0))
    tifffile.imwrite("labels.tif", labels, metadata={"axes": "TYX"})


def test_every_step_runs(workplace):
    text = PAGE.read_text(encoding="utf-8")
    for path, content in re.findall(r"`(runs/\S+/run\.toml)`:\n\n```toml\n(.*?)```", text, re.DOTALL):
        for pattern, small in SMALLER.items():
            content = re.sub(pattern, small, content)
        Path(path).parent.mkdir(parents=True)
        Path(path).write_text(content + 'device = "cpu"\n')
    commands = re.findall(r"^    napari-cellsim (.*)$", text, re.MULTILINE)
    assert len(commands) == 12
    for command in commands:
        if "labels.tif" in command:
            draw(workplace, "crops.zarr/position/trap_000")
        done = CliRunner().invoke(app, command.split())
        assert done.exit_code == 0, f"{command}\n{done.output}"
    report = json.loads(Path("report.json").read_text())
    assert [entry["frame"] for entry in report["horizons"]] == [6, 7]
    assert report["model"]["name"] == "sdcnet-own"
