"""The page "How good is it?" says what was measured, and says plainly what was missed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
HORIZONS = ("1", "3", "5", "7")


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("update_quality_page")


def estimate(value: float, half: float = 0.0625) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def versus(ratio: float, ssim: float, holm: float) -> dict[str, Any]:
    one = {name: estimate(ratio) for name in ("mse", "cells_mse", "growth_mse")}
    return one | {"ssim": estimate(ssim), "sharpness": estimate(0.0), "p": holm, "holm": holm}


def row(title: str, kind: str, ratio: float, ssim: float, **more: Any) -> dict[str, Any]:
    names = ("mse", "l1", "psnr", "ssim", "sharpness", "spectral", "cells_ssim", "growth_mse")
    values = {name: estimate(0.5) for name in names} | {"ssim": estimate(ssim)}
    ratios = {h: estimate(ratio) | {"baseline": "copy_last", "sequences": 6} for h in HORIZONS}
    levels = {"random": ("True", "False"), "trap": ("tear_drop",), "focus": ("-0.8",)}
    return {
        "title": title,
        "kind": kind,
        "scores": dict.fromkeys(HORIZONS, values),
        "mse_ratio": ratios,
        "growth_ratio": ratios,
        "to_tuned_flow": {h: versus(ratio, 0.0, 0.01) for h in HORIZONS},
        "strata": {key: dict.fromkeys(names, ratios) for key, names in levels.items()},
        **more,
    }


def protocol(size: int) -> dict[str, Any]:
    return {
        "sequences": {"train": 12, "validation": 3, "test": 6},
        "size": size,
        "pixel_size": 0.216,
        "frames": 12,
        "interval": 10.0,
        "starts": [2, 4],
        "horizons": [int(h) for h in HORIZONS],
        "samples": 4,
        "blur_sigma": [1.0] * 7,
        "tuned_flow": [[0.5, 1.0]] * 7,
    }


@pytest.fixture
def content() -> dict[str, Any]:
    """Made-up results: ours reaches 0.7 of the best baseline's error everywhere, one change helps and one harms."""

    def changed(ratio: float, holm: float) -> dict[str, Any]:
        return {
            "reference": "default",
            "question": "Does it help?",
            "cpu_minutes": 5.0,
            "versus": {h: versus(ratio, 0.0, holm) for h in HORIZONS},
            "winner_versus": {h: versus(1 / ratio, 0.125, holm) for h in HORIZONS},
        }

    rivals = {"winner_versus": {h: versus(0.7, 0.25, 0.01) for h in HORIZONS}}
    forecasters = {
        "copy_last": row("copy last frame", "baseline", 1.0, 0.5, **rivals),
        "default": row("ours", "ours", 0.7, 0.75, cpu_minutes=5.0, question="?", reference=""),
        "simvp": row("SimVP", "competitor", 0.9, 0.625, **changed(1.25, 0.01)),
        "smooth": row("ours, smooth", "ours", 0.6, 0.75, **changed(0.75, 0.01)),
        "robust": row("ours, robust", "ours", 0.7, 0.75, **changed(1.03, 0.5)),
    }
    quality = {
        "date": "2026-11-22T08:00",
        "machine": {"processor": "abacus"},
        "results": {"protocol": protocol(128), "winner": "default", "forecasters": forecasters},
    }
    drawn = {"to_copy": 0.875, "mean_to_copy": 0.75, "sharpness": 0.9, "spectral": 0.9, "ssim": 0.5}
    drawn |= {"mse": 0.04, "diversity": 0.1, "spread": 0.5}
    covered = {"0.5": 0.52, "0.68": 0.7, "0.95": 0.91, "cells 0.68": 0.6}
    samples = {h: {name: estimate(value) for name, value in drawn.items()} for h in HORIZONS}
    coverage = {h: {n: estimate(v) for n, v in covered.items()} | {"worst": 4.0} for h in HORIZONS}
    bundled = row("bundled model `toy`", "ours", 0.5, 0.75, samples=samples)
    bundled["coverage"] = {"calibrated": coverage, "laplace": coverage}
    large = {
        "model": {"name": "toy"},
        "protocol": protocol(256),
        "forecasters": {"copy_last": forecasters["copy_last"], "bundled": bundled},
    }
    return {
        "forecast_quality": quality,
        "forecast_bundled": {"results": {"sizes": {"large": large}}},
        "forecast_real": {
            "date": "2026-11-22T09:00",
            "results": {
                "model": {"name": "toy", "trained_on": "phantoms"},
                "minutes": 3.0,
                "movies": {"good": movie(0.5, helped=True), "bad": movie(-0.5, helped=False)},
            },
        },
    }


def movie(skill: float, *, helped: bool) -> dict[str, Any]:
    found = {"best": "copy_last", "as_it_is": estimate(-0.25), "adapted": estimate(skill)}
    told = {"helped": helped, "before": 1.25, "after": 0.5, "message": "so"}
    return {
        "title": "good movie" if helped else "bad movie",
        "units": 8,
        "adaptations": [told],
        "horizons": {"1": found, "2": found},
    }


def test_the_page_is_what_was_measured(script: ModuleType, insert: Callable[[str, str, str], str]) -> None:
    document = script.PAGE.read_text(encoding="utf-8")
    for name, text in script.page(script.load()).items():
        assert insert(document, name, text) == document, name


def test_where_nothing_was_measured_the_page_says_so(script: ModuleType) -> None:
    texts = script.page({})
    assert all(text.startswith("*") and "measured yet" in text for text in texts.values())


def test_page_of_a_study_without_finished_networks(script: ModuleType, content: dict[str, Any]) -> None:
    rows = content["forecast_quality"]["results"]["forecasters"]
    for name in list(rows)[1:]:
        del rows[name]
    texts = script.page({"forecast_quality": content["forecast_quality"]})
    assert "No network is trained yet." in texts["comparison"]
    assert "| copy last frame |" in texts["comparison"]
    for part in ("answer", "targets", "ablation", "strata"):
        assert "measured yet" in texts[part]


def test_goals_are_said_to_be_met_or_missed(script: ModuleType, content: dict[str, Any]) -> None:
    rows = [
        line.split(" | ") for line in script.page(content)["targets"].splitlines() if line.startswith("| ")
    ]
    outcome = {(one[0].strip("| "), one[1].split(",")[0]): one[-1].strip("| ") for one in rows[1:]}
    bundled, ours = "bundled model `toy`", "ours in the comparison"
    assert outcome["MSE at most 0.65 of the best baseline's, 1 frame ahead", bundled] == "**met**"
    assert outcome["MSE at most 0.65 of the best baseline's, 1 frame ahead", ours].startswith(
        "**missed** (inter"
    )
    assert outcome["MSE at most 0.72 of the best baseline's, 5 frames ahead", ours].startswith(
        "**met** (inter"
    )
    assert outcome["SSIM above every other method's, 1 frame ahead", ours] == "**met**"
    assert outcome["SSIM above every baseline's, 1 frame ahead", bundled] == "**met**"
    assert outcome["samples at least 0.85 as sharp, 5 frames ahead", bundled].startswith("**met** (inter")
    assert outcome["samples' MSE below the copied frame's, 5 frames ahead", bundled] == "**met**"
    assert outcome["coverage within 3 points of nominal, every level and horizon", bundled] == "**missed**"
    goal = "real movie, after adaptation: skill above 0 at every step up to 2"
    assert (outcome[goal, "good movie"], outcome[goal, "bad movie"]) == ("**met**", "**missed**")


def test_what_is_possible_is_said_beside_the_goals(script: ModuleType, content: dict[str, Any]) -> None:
    results = content["forecast_quality"]["results"]
    assert "possible at all" not in script.page(content)["targets"]
    rows = results["forecasters"]
    rows["true_motion"] = row("limit", "limit", 0.625, 0.9, winner_versus=rows["copy_last"]["winner_versus"])
    rows["blurred_copy_last"] = row("blurred copy", "baseline", 1.0, 0.5)
    results["protocol"]["noise"] = {h: estimate(0.125) for h in HORIZONS}
    texts = script.page(content)
    assert "MSE of 0.62 1 frame ahead, 0.62 3 frames ahead" in texts["targets"]
    assert "alone is 0.12 at 1," in texts["targets"]
    assert "(ours in the comparison, 128 × 128 px) has 1.00 at 1," in texts["targets"]
    assert texts["targets"].count("possible at all") == 1
    assert "best other is limit" not in texts["targets"]  # it knows the future, and is no rival
    assert "| limit | 0.625 (" in texts["comparison"]


def test_the_answer_in_words(script: ModuleType, content: dict[str, Any]) -> None:
    text = script.page(content)["answer"]
    assert "(bundled model `toy`, 256 × 256 px) is 50 % less (44 % to 56 %) 1 frame ahead" in text
    assert "at all horizons that were measured, up to 7 frames (70 minutes)" in text
    assert (
        "- good movie (adapted): clearly better than the best simple forecast at every step up to 2." in text
    )
    assert "- bad movie (not adapted): no better than the best simple forecast at any step." in text
    ratios = content["forecast_bundled"]["results"]["sizes"]["large"]["forecasters"]["bundled"]["mse_ratio"]
    ratios["5"] = estimate(0.98)
    text = script.page(content)["answer"]
    assert "Up to 3 frames (30 minutes); at 5 frames the gain is no longer clear." in text
    ratios["1"] = estimate(1.25)
    text = script.page(content)["answer"]
    assert "25 % more (19 % to 31 %) 1 frame ahead" in text
    assert "Not even one frame" in text


def test_growth_is_a_weak_point_only_where_it_is_one(script: ModuleType, content: dict[str, Any]) -> None:
    assert "Where cells grow" not in script.page(content)["answer"]
    bundled = content["forecast_bundled"]["results"]["sizes"]["large"]["forecasters"]["bundled"]
    bundled["growth_ratio"] = bundled["mse_ratio"] | {"7": estimate(0.75)}
    assert "its error 7 frames ahead is 25 % less (19 % to 31 %) than" in script.page(content)["answer"]


def test_ablation_names_clear_differences_only(script: ModuleType, content: dict[str, Any]) -> None:
    rows = {line.split(" | ")[0]: line for line in script.page(content)["ablation"].splitlines()}
    assert rows["| SimVP"].endswith("| more error at 1, 5 and 7 |")
    assert "**1.250** (1.188 to 1.312)" in rows["| SimVP"]
    assert rows["| ours, smooth"].endswith("| less error at 1, 5 and 7 |")
    assert rows["| ours, robust"].endswith("| no clear difference |")
    assert "| 1.030 (0.968 to 1.093)" in rows["| ours, robust"]


def test_tables_hold_every_method_and_mode(script: ModuleType, content: dict[str, Any]) -> None:
    texts = script.page(content)
    assert texts["comparison"].count("\n| **ours** |") == len(HORIZONS)
    assert texts["comparison"].count("\n| SimVP |") == len(HORIZONS)
    assert "ours, smooth" not in texts["comparison"]
    assert "| trap: tear-drop | 6 | **0.700** (0.637 to 0.762) |" in texts["strata"]
    assert "| focal plane, µm: −0.8 |" in texts["strata"]
    assert "| 5 | 0.875 (0.812 to 0.938) | 0.750 (0.688 to 0.812) | 0.90 (0.84 to 0.96) |" in texts["modes"]
    assert " 0.50 | 0.50 (0.44 to 0.56) |" in texts["modes"]  # difference of two samples, spread
    assert "| 7 | 52.0 (45.8 to 58.2) | 70.0 (63.7 to 76.2) | 91.0 (84.8 to 97.2) | 4.0 |" in texts["modes"]
    assert "| good movie | 8 | adapted | **0.50** (0.44 to 0.56) |" in texts["real"]
    assert "| bad movie | 8 | not adapted: it did not help |" in texts["real"]
