"""The pages on the generator: numbers are the benchmark's, pictures the bundled model's, run files train."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import napari_cellsim as cs
from napari_cellsim.training import RunConfig, fit
from napari_cellsim.training.sequences import write_sequence

ROOT = Path(__file__).resolve().parents[1]
Insert = Callable[[str, str, str], str]
HOW_TO = ROOT / "docs" / "how_to" / "train_your_own_generator.md"
FIGURES = ("truncation", "mixing", "walk", "directions", "samples_random", "samples_worst", "samples_guided")


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("update_generator_page")


def row(**changes: float) -> dict[str, Any]:
    good = {
        "frechet": 0.125,
        "kid": 0.0015,
        "precision": 0.75,
        "recall": 0.5,
        "recall_of_phantom": 0.8,
        "diversity_of_phantom": 0.9,
        "plausible": 0.96,
        "plausible_interval": [0.94, 0.98],
        "copies_among_each_other": 0.01,
        "copies_of_training": 0.0,
    }
    return {**good, **changes}


@pytest.fixture
def content() -> dict[str, Any]:
    answers = {"psnr": 20.25, "ssim": 0.5, "iou_cell": 0.625, "iou_trap": 0.75}
    protocol = {
        "features": "those of a network",
        "samples": 500,
        "real": "500 and 500 pictures",
        "training_pictures": 1234,
        "picture_size": 64,
        "pixel_size": 0.432,
        "seed": 1,
    }
    results = {
        "protocol": protocol,
        "phantom": row(plausible=0.99),
        "toy, truncation 1.0": row(),
        "toy, truncation 0.7": row(recall_of_phantom=0.59, copies_among_each_other=0.02),
        "guided": {"test pictures, toy": {"guides": 3, "encoder w": answers, "200 steps w+": answers}},
    }
    return {"date": "2026-11-22T03:00:00Z", "results": results}


def test_page_shows_measured_numbers(script: ModuleType, content: dict[str, Any]) -> None:
    text = script.page(content)
    lines = text.splitlines()
    assert "500 generated pictures of 64 × 64 px (0.432 µm per px)" in text
    assert "Features: those of a network." in text
    assert (
        "| `toy`, truncation 1.0 | 0.125 | 1.50 | 0.75 | 0.50 | 0.80 | 0.90 | 96 % [94 %, 98 %] | 1 % | 0 % |"
        in lines
    )
    assert "| test pictures (3) | `toy` | encoder, W | 20.2 | 0.50 | 0.62 | 0.75 |" in lines
    assert any("refined, 200 steps, W+" in line for line in lines)


def test_goals_count_only_together(script: ModuleType, content: dict[str, Any]) -> None:
    lines = script.page(content).splitlines()
    assert "- `toy`, truncation 1.0: **met**." in lines
    assert "- `toy`, truncation 0.7: **missed**: recall is too low, too many resemble each other." in lines


def test_page_shows_the_latest_results(script: ModuleType, insert: Insert) -> None:
    document = script.PAGE.read_text(encoding="utf-8")
    content = json.loads(script.RESULTS.read_text(encoding="utf-8"))
    assert insert(document, "quality", script.page(content)) == document


def test_page_shows_the_latest_discs(script: ModuleType, insert: Insert) -> None:
    document = script.PAGE.read_text(encoding="utf-8")
    content = json.loads(script.DISCS.read_text(encoding="utf-8"))
    assert insert(document, "discs", script.discs(content)) == document


def test_documents_describe_the_bundled_generators(script: ModuleType, insert: Insert) -> None:
    for path in script.ABOUT:
        document = path.read_text(encoding="utf-8")
        assert insert(document, "generators", script.about()) == document


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_of_the_bundled_generator(name: str) -> None:
    entry = next(one for one in cs.list_models() if one.name == "cellgan-lite" and one.bundled)
    with Image.open(ROOT / "docs" / "images" / f"{name}.png") as picture:
        assert picture.text["model"] == entry.hash  # type: ignore[attr-defined]


def run_files() -> list[dict[str, Any]]:
    blocks = re.findall(r"^```toml\n(.+?)^```", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [content for content in map(tomllib.loads, blocks) if "recipe" in content]


def test_run_files_of_the_how_to_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for part in ("train", "validation"):
        images = random.integers(500, 1500, (6, 64, 64), dtype=np.uint16)
        info = {"source": "noise", "pixel_size": 0.432, "interval": None}
        write_sequence(Path("store") / part / "one", {"images": images}, info)
    files = run_files()
    assert [content["recipe"] for content in files] == ["cellgan", "guidance_encoder", "vae"]
    for content in files:
        content["settings"]["data"]["batch"] = 2
        content["fit"] |= {"steps": 1, "validate_every": 0, "threads": 1}
        run = RunConfig.model_validate(content)
        name = content["settings"].get("model_name", "my-chip-encoder")
        list(fit(run.make(), run.fit, Path("runs") / name))
    pictures = cs.generate("runs/my-chip-encoder/final.safetensors", n=1)
    assert pictures.images.shape == (1, 1, 1, 64, 64)
