"""The accuracy table of the README says what the benchmark measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType

import pytest

from napari_cellsim.evaluation.report import METHODS

Insert = Callable[[str, str, str], str]


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("update_readme_table")


def estimate(value: float | None, half_width: float | None = None) -> dict[str, float | None]:
    if value is None or half_width is None:
        return {"value": value, "low": None, "high": None}
    return {"value": value, "low": value - half_width, "high": value + half_width}


def comparison(half_width: float | None, horizons: list[int]) -> dict[str, object]:
    mse = dict(zip(METHODS, (0.001, 0.002, 0.00125, 0.004), strict=True))
    return {
        "format_version": 1,
        "model": {"name": "toy", "hash": "abc"},
        "sequences": 7,
        "forecasts": 14,
        "level": 0.95,
        "horizons": [
            {
                "horizon": step,
                "sequences": 7,
                "forecasts": 14,
                "scores": {
                    method: {
                        "mse": estimate(mse[method], half_width and half_width / 1000),
                        "ssim": estimate(None if method == "copy_last" else 0.5, half_width),
                        "sharpness": estimate(0.75),
                    }
                    for method in METHODS
                },
                "best_baseline": "blurred_copy_last",
                "mse_ratio": {
                    method: estimate(mse["model"] / mse[method], half_width) for method in METHODS[1:]
                },
            }
            for step in horizons
        ],
    }


def test_table_shows_measured_numbers(script: ModuleType) -> None:
    results = {
        "command": "python benchmarks/forecast_accuracy.py",
        "model": {"name": "toy", "hash": "abc"},
        "time": "2026-11-21T12:00:00Z",
        "phantom": {"starts": [3], "sigma": [0.5], **comparison(0.25, [1, 2, 3])},
        "real": {"movie.ome.tif, last 18 frames": comparison(None, [1, 2])},
    }
    lines = script.table(results).splitlines()
    assert "| 1 | **model** | 1.00 [0.75, 1.25] | – | 0.50 [0.25, 0.75] | 0.75 |" in lines
    assert (
        "| 3 | blurred copy (best baseline) | 1.25 [1.00, 1.50] | 0.80 [0.55, 1.05] | 0.50 [0.25, 0.75] | 0.75 |"
        in lines
    )
    assert "| 1 | copy last frame | 2.00 [1.75, 2.25] | 0.50 [0.25, 0.75] | – | 0.75 |" in lines
    assert not any(line.startswith("| 2 |") for line in lines)
    # a short movie ends before five steps: its last step is shown
    assert (
        "| movie, last 18 frames | 14 | 2 | blurred copy | 1.00 / 1.25 | 0.80 | 0.50 / 0.50 | 0.75 |" in lines
    )
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert widths == {7, 9}


def test_insert_replaces_one_part_only(insert: Insert) -> None:
    document = "before\n<!-- a:begin -->\nold\n<!-- a:end -->\n<!-- b:begin -->\nold\n<!-- b:end -->\n"
    changed = insert(document, "a", "new")
    assert changed == document.replace("old", "new", 1)
    assert insert(changed, "a", "new") == changed
    with pytest.raises(ValueError, match="unpack"):
        insert(document, "c", "new")


def test_readme_shows_the_latest_results(script: ModuleType, insert: Insert) -> None:
    document = script.README.read_text(encoding="utf-8")
    table = script.table(json.loads(script.RESULTS.read_text(encoding="utf-8")))
    assert insert(document, "accuracy", table) == document
