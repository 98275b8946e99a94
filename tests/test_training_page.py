"""The page on the training stages says what the study measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

RUNS = {
    "flow": (1.0, 0.0),
    "kernel_init": (1.0, 0.0),
    "fine_tune": (1.0, 0.0),
    "multi_frame": (1.0, 0.01),
    "multi_frame_wsv": (1.5, 0.01),
    "multi_frame_no_adv": (1.0, 0.0),
    "multi_frame_wsv_no_adv": (1.5, 0.0),
}


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("update_training_page")


@pytest.fixture
def content(script: ModuleType) -> dict[str, Any]:
    """Made-up results in which the runs get better one after the other."""

    def estimate(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.125, "high": value + 0.125}

    methods = [*script.BASELINES, *RUNS]
    scores = {
        name: {h: {metric: estimate(1 - 0.0625 * i) for metric in script.COLUMNS} for h in ("1", "5")}
        for i, name in enumerate(methods)
    }
    stage = {name: name if name in ("flow", "kernel_init", "fine_tune") else "multi_frame" for name in RUNS}
    runs = {
        name: {
            "title": f"stage {stage[name]}",
            "steps": 7,
            "seconds": 60.0,
            "settings": {"stage": stage[name], "growth": growth, "adversarial": adversarial},
        }
        for name, (growth, adversarial) in RUNS.items()
    }
    baselines = [f"{name} / best baseline" for name in RUNS]
    ratios = {key: {"1": estimate(0.5), "5": estimate(1.0)} for key in (*script.QUESTIONS, *baselines)}
    results = {
        "command": "study",
        "scores": scores,
        "mse_ratios": ratios,
        "runs": runs,
        "sequences": {"train": 12, "test": 3},
    }
    return {"date": "2026-11-22T05:00", "machine": {"processor": "abacus"}, "results": results}


def test_every_run_and_baseline_has_a_row_per_horizon(script: ModuleType, content: dict[str, Any]) -> None:
    text = script.page(content)
    tables = text.split("## ")
    assert [part.splitlines()[0] for part in tables[1:]] == [
        "1 frame ahead",
        "5 frames ahead",
        "What each step changed",
    ]
    rows = [line for line in tables[1].splitlines() if line.startswith("|")][2:]
    assert len(rows) == 3 + len(RUNS)
    assert (
        rows[0]
        == "| copy last frame |  | "
        + " | ".join(f"{1:.{d}f} ({0.875:.{d}f}–{1.125:.{d}f})" for d in (3, 3, 3, 2, 3))
        + " |"
    )
    assert [row.split("|")[2].strip() for row in rows[3:]] == ["no", "no", "no", "no", "yes", "no", "yes"]
    assert [("not adversarial" in row) for row in rows[3:]] == [False] * 5 + [True] * 2
    # The last run has the least of everything: best where less is better, worst of the runs elsewhere.
    bold = [[("**" in cell) for cell in row.split("|")[3:-1]] for row in rows]
    assert bold[-1] == [True, True, False, False, False]
    assert bold[3] == [False, False, True, True, True]
    assert sum(map(sum, bold)) == 5


def test_only_clear_changes_are_bold(script: ModuleType, content: dict[str, Any]) -> None:
    rows = list(script.answers(content["results"]["mse_ratios"]))[4:]
    assert len(rows) == len(script.QUESTIONS) + 2
    for row in rows:
        assert "| **0.500** (0.375–0.625) | 1.000 (0.875–1.125) |" in row


def test_the_page_is_what_was_measured(script: ModuleType, insert: Callable[[str, str, str], str]) -> None:
    document = script.PAGE.read_text(encoding="utf-8")
    text = script.page(json.loads(script.RESULTS.read_text(encoding="utf-8")))
    assert insert(document, "training", text) == document
