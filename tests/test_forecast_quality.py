"""The benchmark suite of forecasts measures what it says, and forecasts nothing that training saw."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift
from scipy.stats import norm

from napari_cellsim.training.sequences import Sequence, find_sequences, write_sequence

ROOT = Path(__file__).resolve().parents[1]
SUITE = ROOT / "benchmarks" / "forecast_quality"
SIDE = 48


@pytest.fixture(scope="module")
def suite() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SUITE))
        names = ("phantoms", "competitors", "measure", "limits", "summary", "real")
        yield SimpleNamespace(**{name: import_module(name) for name in names})


@pytest.fixture(scope="module")
def tests(tmp_path_factory: pytest.TempPathFactory) -> list[Sequence]:
    """Four sequences of noise around a texture; a cell that grows by a column per frame."""
    root, generator = tmp_path_factory.mktemp("store"), np.random.default_rng(3)
    for index in range(4):
        texture = 1000 * gaussian_filter(generator.normal(size=(SIDE, SIDE)), 2)
        images = 5000 + texture + generator.normal(scale=50.0, size=(12, SIDE, SIDE))
        semantic = np.zeros((12, SIDE, SIDE), np.uint8)
        for t in range(12):
            semantic[t, 10:30, 10 : 20 + t] = 2
        info = {"random": index < 2, "trap": "round", "focus": 0.0, "pixel_size": 0.216, "interval": 10.0}
        write_sequence(root / f"sequence-{index}", {"images": images, "semantic": semantic}, info)
    return find_sequences(root)


def test_parts_share_no_seed_and_hold_all_strata_alike(suite: Any) -> None:
    parts = [set(suite.phantoms.seeds(part)) for part in ("train", "validation", "test")]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    for part in parts:
        counts = Counter(tuple(suite.phantoms.stratum(seed).values()) for seed in part)
        assert len(counts) == len(suite.phantoms.STRATA)
        assert len(set(counts.values())) == 1


def test_forecast_frames_of_real_movies_were_not_trained_on(suite: Any) -> None:
    split = json.loads((ROOT / "scripts" / "training_split.json").read_text(encoding="utf-8"))
    trained = {entry["file"]: entry["frames"][1] for entry in split["real"]}
    judged = suite.phantoms.SPLIT["real"]
    assert set(trained) <= {entry["file"] for entry in judged}
    for entry in judged:
        first_forecast = (entry["starts"][0] + 1) * entry.get("every", 1)
        assert first_forecast >= trained.get(entry["file"], 0)


def test_a_perfect_forecast_has_no_error(suite: Any, tests: list[Sequence]) -> None:
    known = {start.history.tobytes(): start.future for one in tests for start in suite.measure.starts(one)}
    scores = suite.measure.measure(tests, lambda past, steps: known[past.tobytes()])
    for found in scores.values():
        assert found["mse"] == found["growth_mse"] == [0.0] * 4
        assert found["ssim"] == found["cells_ssim"] == pytest.approx([1.0] * 4)
        assert found["sharpness"] == pytest.approx([1.0] * 4)


def test_growth_is_where_a_cell_came_since_the_last_frame_seen(suite: Any, tests: list[Sequence]) -> None:
    starts = list(suite.measure.starts(tests[0]))
    assert [start.history.shape for start in starts] == [(3, SIDE, SIDE)] * 2
    for start in starts:
        assert [int(frame.sum()) for frame in start.growth] == [20 * k for k in range(1, 8)]
        assert (start.cells & start.growth).sum() == start.growth.sum()


def test_coverage_of_exact_intervals_is_nominal(suite: Any, tests: list[Sequence]) -> None:
    """The truth is the texture and noise of 50 units; the mean of the past errs by a third of its variance."""

    def spans(past: np.ndarray, steps: int) -> tuple[np.ndarray, dict[float, np.ndarray]]:
        mean = np.repeat(past.mean(0, keepdims=True), steps, axis=0)
        noise = float(np.sqrt((past.var(0, ddof=1)).mean() * 4 / 3))
        return mean, {
            one: np.full_like(mean, noise * norm.ppf(0.5 + one / 2)) for one in suite.measure.LEVELS
        }

    found = suite.summary.coverage(suite.measure.measure_coverage(tests, spans))
    assert max(row["worst"] for row in found.values()) < 2.0
    assert found[1]["0.9"]["low"] <= 0.9 <= found[1]["0.9"]["high"] + 0.01


def test_samples_like_the_truth_have_spread_one(suite: Any, tests: list[Sequence]) -> None:
    def draw(past: np.ndarray, steps: int, samples: int, seed: int) -> np.ndarray:
        generator = np.random.default_rng(seed)
        noise = float(np.sqrt(past.var(0, ddof=1).mean()))
        # the mean of three frames errs, too: samples must be wider by that
        wide = noise * np.sqrt(4 / 3)
        return past.mean(0) + generator.normal(scale=wide, size=(samples, steps, *past.shape[1:]))

    copied = suite.measure.measure(tests, suite.competitors.copy_last)
    found = suite.summary.samples(suite.measure.measure_samples(tests, draw), copied)
    for row in found.values():
        # the error of the centre is shared by all samples, so the spread is a little too wide for their mean
        assert row["spread"]["value"] == pytest.approx(1.0, abs=0.1)
        assert row["mean_to_copy"]["value"] < row["to_copy"]["value"]
        assert row["diversity"]["value"] == pytest.approx(row["mse"]["value"] ** 0.5, rel=0.1)


def test_classical_flow_goes_on_and_tuning_knows_when_to_stop(suite: Any) -> None:
    texture = gaussian_filter(np.random.default_rng(0).normal(size=(SIDE, SIDE)), 2)
    texture = ((texture - texture.min()) / np.ptp(texture)).astype(np.float32)
    moving = np.stack([shift(texture, (0, 1.5 * t), order=3, mode="grid-wrap") for t in range(6)])
    inner = (slice(12, -12), slice(12, -12))
    predicted = suite.competitors.classical_flow(moving[:3], 3)
    for k in range(3):
        error, copied = (((one - moving[3 + k])[inner] ** 2).mean() for one in (predicted[k], moving[2]))
        assert error < 0.1 * copied
    flow = suite.competitors.mean_flow(moving[:3])
    assert np.median(flow[0][inner]) == pytest.approx(-1.5, abs=0.15)  # backward: to the left
    assert suite.competitors.tune_flow([(moving[:3], moving[3:])])[0][0] == 1.0
    halted = np.repeat(moving[2:3], 3, axis=0)
    assert {share for share, _ in suite.competitors.tune_flow([(moving[:3], halted)])} == {0.0}


def test_limits_of_a_drifting_movie(suite: Any, tmp_path: Path) -> None:
    """A texture that drifts, so that true motion explains all but the camera's noise."""
    generator = np.random.default_rng(1)
    texture = 1000 * gaussian_filter(generator.normal(size=(SIDE, SIDE)), 2.5, mode="wrap")
    drifting = np.stack([shift(texture, (0, t), order=1, mode="grid-wrap") for t in range(12)])
    flow = np.zeros((11, 2, SIDE, SIDE), np.float16)
    flow[:, 0] = -1
    info = {"random": True, "trap": "round", "focus": 0.0, "pixel_size": 0.216, "interval": 10.0}
    semantic = np.zeros((12, SIDE, SIDE), np.uint8)
    arrays = {"semantic": semantic, "flow": flow, "valid": np.ones((11, SIDE, SIDE), bool)}
    write_sequence(tmp_path / "drift", arrays | {"images": drifting}, info)
    [sequence] = find_sequences(tmp_path)
    start = next(suite.measure.starts(sequence))
    frames = suite.limits.moved(sequence, 2, start.history[-1])
    np.testing.assert_allclose(frames[:, :, 8:], start.future[:, :, 8:], atol=1e-5)
    predicted = suite.limits.true_motion([sequence], [sequence])(start.history, 7)
    errors = [((one - start.future)[:, :, 8:] ** 2).mean() for one in (predicted, start.history[-1:])]
    assert errors[0] < 0.02 * errors[1]


def test_noise_of_a_still_movie(suite: Any, tests: list[Sequence]) -> None:
    found = suite.limits.noise(tests)
    for horizon, row in found.items():
        spans = [np.ptp(one.images[at + horizon]) for one in tests[:1] for at in suite.measure.STARTS]
        expected = np.mean([50.0**2 / span**2 for span in spans])
        assert row["mse"][0] == pytest.approx(expected, rel=0.08)


def scores(errors: list[float]) -> dict[int, dict[str, list[float | None]]]:
    row: dict[str, list[float | None]] = {"mse": [*errors]}
    return {1: row | {name: [*errors] for name in ("ssim", "sharpness", "cells_mse", "growth_mse")}}


def test_ratios_are_to_the_best_baseline_of_the_chosen_sequences(suite: Any) -> None:
    baselines = {"first": scores([1.0, 1.0, 4.0, 4.0]), "second": scores([2.0, 2.0, 2.0, 2.0])}
    own = scores([1.0, 1.0, 1.0, 1.0])
    found = suite.summary.ratios(own, baselines)[1]
    assert (found["value"], found["baseline"], found["sequences"]) == (0.5, "second", 4)
    assert found["low"] <= 0.5 <= found["high"]
    strata = suite.summary.by_stratum(own, baselines, {"random": [True, True, False, False]})["random"]
    assert (strata["True"][1]["value"], strata["True"][1]["baseline"]) == (1.0, "first")
    assert (strata["False"][1]["value"], strata["False"][1]["baseline"]) == (0.5, "second")


def test_unknown_values_are_left_out(suite: Any) -> None:
    own, other = scores([1.0, 2.0, 3.0]), scores([2.0, 4.0, 6.0])
    own[1]["growth_mse"] = [1.0, None, 3.0]
    found = suite.summary.versus(own, other)[1]
    assert found["mse"]["value"] == found["growth_mse"]["value"] == 0.5
    assert suite.summary.table(own)[1]["growth_mse"]["value"] == 2.0
    assert found["p"] == found["holm"] == 0.25  # three pairs: two of eight sign patterns are as extreme


def test_holm(suite: Any) -> None:
    assert suite.summary.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert suite.summary.holm([0.9, 0.8]) == [1.0, 1.0]


def test_scores_are_remembered_for_their_key_only(suite: Any, tmp_path: Path) -> None:
    calls: list[int] = []

    def make() -> dict[int, dict[str, list[float | None]]]:
        calls.append(1)
        return {1: {"mse": [0.5, None]}}

    path = tmp_path / "scores" / "one.json"
    first = suite.measure.remembered(path, "a", make)
    assert suite.measure.remembered(path, "a", make) == first == {1: {"mse": [0.5, None]}}
    assert len(calls) == 1
    suite.measure.remembered(path, "b", make)
    assert len(calls) == 2


def test_skill_of_a_real_movie(suite: Any) -> None:
    entry = {"title": "toy", "file": "toy.tif", "starts": [3, 4], "horizons": 1, "grid": [1, 2]}
    errors = {name: [[4.0]] * 4 for name in suite.competitors.BASELINES}
    errors |= {"blurred_copy_last": [[2.0]] * 4, "as_it_is": [[3.0]] * 4, "adapted": [[1.0]] * 4}
    content = {"errors": errors, "adaptations": [], "pixel_size": 0.1, "interval": None, "size": [8, 8]}
    row = suite.real.summary(entry, content)
    assert row["units"] == 4
    assert row["horizons"]["1"]["best"] == "blurred_copy_last"
    assert row["horizons"]["1"]["as_it_is"]["value"] == -0.5
    assert row["horizons"]["1"]["adapted"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    stack = np.arange(2 * 4 * 6).reshape(2, 4, 6)
    assert [part.shape for part in suite.real.parts(stack, {"grid": [2, 3]})] == [(2, 2, 2)] * 6
