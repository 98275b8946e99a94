"""The pages on specimens say what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("update_specimens_page")


@pytest.fixture
def content() -> dict[str, Any]:
    """Made-up results of two classes and two trainings of each kind."""

    def arm(per_class: int, accuracy: float) -> dict[str, Any]:
        mean = {"value": accuracy, "low": accuracy - 0.25, "high": accuracy + 0.125}
        return {"per_class": per_class, "trainings": [{}, {}], "mean": mean, "deviation": 0.05, "best": 0.75}

    def seen(accuracy: float) -> dict[str, Any]:
        return {"accuracy": accuracy, "by_class": {"ball": accuracy + 0.125, "rod": accuracy - 0.125}}

    study = {
        "test_pictures": 12,
        "arms": [arm(0, 0.5), arm(7, 0.625)],
        "tests": [{"per_class": 7, "holm": 0.5, "conclusion": "It does not show."}],
        "real": [seen(0.75), seen(0.5)],
        "generated": [seen(0.25), seen(0.25)],
    }
    numbers = {"real": 40, "fake": 30, "kid": 0.25, "precision": 0.5, "recall": 0.125}
    judged = {"distances": numbers, "reference": numbers | {"kid": 0.0}, "extractor": "the eye"}
    results = {
        "command": "study",
        "size": 32,
        "split": {"ball": {"train": 9, "test": 6}, "rod": {"train": 9, "test": 6}},
        "pictures": {"all classes": 100, "each class": 20},
        "minutes": {"shells": 1.5, "ball": 1.5},
        "study": study,
        "generators": {"a painter": judged},
    }
    return {"date": "2026-11-22T05:00", "machine": {"processor": "abacus"}, "results": results}


def test_every_number_has_its_place(script: ModuleType, content: dict[str, Any]) -> None:
    text = script.page(content)
    assert "9 training pictures of each class" in text
    assert "3 minutes of training in all" in text
    assert "| none | 50.0 % (25.0 % to 62.5 %) | 5.0 | 75.0 % | – |" in text
    assert "| 7 | 62.5 % (37.5 % to 75.0 %) | 5.0 | 75.0 % | 0.5 |" in text
    assert "2 trainings of each kind, 12 test pictures" in text
    assert "- It does not show." in text
    assert "| real, of the test part | 62.5 % | 75.0 % | 50.0 % |" in text
    assert "| generated, one MSG-GAN per class | 25.0 % | 37.5 % | 12.5 % |" in text
    assert "40 shells that nobody has seen, 30 generated" in text
    assert "| real, half against half | 0.0 | 0.50 | 0.12 |" in text
    assert "| a painter | 250.0 | 0.50 | 0.12 |" in text


def test_transfer_is_told_with_its_ranges(script: ModuleType) -> None:
    numbers = {"precision": 0.5, "recall": 0.25}
    base = {"shown": 10, "extractor": "the eye", "reference": numbers | {"kid": 0.0}}
    rows = [
        base | numbers | {"repetition": number, "transferred": transferred, "kid": kid}
        for number, transferred, kid in [
            (0, False, 0.25),
            (0, True, 0.125),
            (1, False, 0.75),
            (1, True, 0.125),
        ]
    ]
    told = {
        "command": "c",
        "pictures": 7,
        "size": 32,
        "target": "rod",
        "others": ["ball"],
        "base_shown": 3,
        "real": 5,
    }
    text = script.transfer({"date": "2026-11-22T05:00", "results": told | {"rows": rows}})
    assert "7 pictures of rod shells" in text
    assert "of 2 repetitions" in text
    assert "| 10 | fresh weights | 0.5 (0.2 to 0.8) | 0.50 (0.50 to 0.50) | 0.25 (0.25 to 0.25) |" in text
    assert "| 10 | other classes | 0.1 (0.1 to 0.1) |" in text
    assert "| – | real, half against half | 0.0 | 0.50 | 0.25 |" in text


@pytest.mark.parametrize(
    ("page", "results", "part", "write"),
    [
        ("PAGE", "RESULTS", "shells", "page"),
        ("MSGGAN", "SPEED", "speed", "speed"),
        ("MSGGAN", "TRANSFER", "transfer", "transfer"),
    ],
)
def test_the_pages_are_what_was_measured(
    script: ModuleType, insert: Callable[[str, str, str], str], page: str, results: str, part: str, write: str
) -> None:
    document = getattr(script, page).read_text(encoding="utf-8")
    measured = json.loads(getattr(script, results).read_text(encoding="utf-8"))
    assert insert(document, part, getattr(script, write)(measured)) == document
