"""Bringing ResNet-18 from the command line, and the study that the last printed line speaks of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_cellsim.models import load_model

RUN = """
recipe = "classifier"

[settings]
{start}
frozen = 4

[settings.overrides]
hidden = [8]

[fit]
steps = 1
validate_every = 1
checkpoint_every = 0
"""


@pytest.fixture
def pictures(tmp_path) -> tuple[Path, Path]:
    """Folders of real and of generated pictures of two classes."""
    random = np.random.default_rng(0)
    for folder in ("real", "generated"):
        for name, colour in {"grain": (150, 150, 150), "spiral": (220, 200, 150)}.items():
            (tmp_path / folder / name).mkdir(parents=True)
            for number in range(10):
                pixels = (random.integers(0, 30, (32, 32, 3)) + colour).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / folder / name / f"{number}.png")
    return tmp_path / "real", tmp_path / "generated"


def test_what_it_says_of_a_backbone_is_true(
    run, resnet18_file, resnet18_state, pictures, tmp_path, monkeypatch
):
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path / "models"))
    result = run("import-weights", resnet18_file, "--name", "imagenet")
    assert result.exit_code == 0, result.output
    assert "model of kind backbone" in result.stdout
    assert "imagenet" in run("models").stdout
    line = result.stdout.splitlines()[-1]
    command, preset, start = re.fullmatch(
        r"Use them with: napari-cellsim (\w+) … --settings run\.toml, with (.+) and (.+) in its \[settings\]",
        line,
    ).groups()
    real, generated = pictures
    (tmp_path / "run.toml").write_text(RUN.format(start=f"{preset}\n{start}"))
    study = [command, real, "--synthetic", generated, "--settings", tmp_path / "run.toml", "--size", 32]
    study += ["--initialisations", 2, "--per-class", 2, "--runs", tmp_path / "runs"]
    answer = run(*study, "--out", tmp_path / "s.json", "--quiet")
    assert answer.exit_code == 0, answer.output
    settings = json.loads((tmp_path / "s.json").read_text())["settings"]["classifier"]
    assert (settings["preset"], settings["start"], settings["frozen"]) == ("resnet18", "imagenet", 4)
    finals = list((tmp_path / "runs").rglob("final.safetensors"))
    assert len(finals) == 4
    own = load_model(finals[0]).network.backbone.state_dict()
    assert all(torch.equal(value, resnet18_state[key]) for key, value in own.items())


def test_a_kind_that_is_given_must_be_the_files(run, resnet18_file, tmp_path):
    out = tmp_path / "m.safetensors"
    assert run("import-weights", resnet18_file, "--kind", "resnet18", "--out", out).exit_code == 0
    assert (
        f"start = '{out}'" in run("import-weights", resnet18_file, "--out", tmp_path / "m.safetensors").stdout
    )
    other = run("import-weights", resnet18_file, "--kind", "pwcnet", "--out", tmp_path / "other.safetensors")
    assert other.exit_code == 2
    assert "does not fit its network" in other.stderr
    assert not (tmp_path / "other.safetensors").exists()
