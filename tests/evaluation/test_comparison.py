"""Tables over many sequences."""

from __future__ import annotations

import numpy as np
import pytest
from made_reports import report

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import Comparison, compare_sequences, ratio_interval
from napari_cellsim.evaluation.report import METHODS


@pytest.fixture(scope="module")
def reports():
    difficulty = np.random.default_rng(0).uniform(0.1, 1, 20)
    return [report(f"s{i}", 0.7 * d, 1.2 * d, d, 2 * d) for i, d in enumerate(difficulty)]


def test_ratio_and_best_baseline(reports):
    summary = compare_sequences(reports).horizons[0]
    assert summary.best_baseline == "blurred_copy_last"
    assert summary.mse_ratio["blurred_copy_last"].value == pytest.approx(0.7)
    assert summary.mse_ratio["blurred_copy_last"].low == pytest.approx(0.7)
    assert summary.mse_ratio["copy_last"].high == pytest.approx(0.7 / 1.2)
    errors = [r.horizons[0].model.mse for r in reports]
    assert summary.scores["model"]["mse"].value == pytest.approx(np.mean(errors))
    assert summary.scores["model"]["cells_mse"].value == pytest.approx(np.mean(errors) / 2)
    assert (summary.sequences, summary.forecasts) == (20, 20)
    assert summary.skill.value == pytest.approx(
        0.3
    )  # the best baseline is the blurred copy on every sequence
    assert (summary.skill.low, summary.skill.high) == pytest.approx((0.3, 0.3))


def test_windows_of_one_movie_are_one_sequence(reports):
    """Repeating every forecast must not make the interval narrower."""
    once, thrice = compare_sequences(reports), compare_sequences(reports * 3)
    for method in METHODS:
        for metric, estimate in once.horizons[0].scores[method].items():
            again = thrice.horizons[0].scores[method][metric].model_dump()
            assert again == pytest.approx(estimate.model_dump(), rel=1e-9)
    assert (thrice.sequences, thrice.forecasts) == (20, 60)
    alone = compare_sequences([report("one", m, 1.0, 1.0, 1.0) for m in (0.5, 0.7)]).horizons[0]
    assert alone.scores["model"]["mse"].value == pytest.approx(0.6)
    assert alone.scores["model"]["mse"].low is None
    assert alone.mse_ratio["copy_last"].high is None


def test_interval_is_the_paired_bootstrap():
    generator = np.random.default_rng(4)
    pairs = generator.uniform(0.2, 1, (15, 2))
    summary = compare_sequences([report(f"s{i}", m, b, 9.0, 9.0) for i, (m, b) in enumerate(pairs)]).horizons[
        0
    ]
    found = summary.mse_ratio["copy_last"]
    assert (found.low, found.high) == pytest.approx(ratio_interval(pairs[:, 0], pairs[:, 1]))


def test_skill_knows_that_another_baseline_might_have_been_best():
    """Two baselines that are best in turn: the interval is that of choosing anew in each resample, written out."""
    generator = np.random.default_rng(2)
    model, one, other = generator.uniform(0.1, 0.3, 9), *generator.uniform(0.2, 1, (2, 9))
    rows = [report(f"s{i}", *row, 9.0) for i, row in enumerate(zip(model, one, other, strict=True))]
    skill = compare_sequences(rows).horizons[0].skill
    assert skill.value == pytest.approx(1 - model.mean() / min(one.mean(), other.mean()))
    draws = np.random.default_rng(5).integers(0, 9, (20_000, 9))
    least = np.minimum(one[draws].mean(1), other[draws].mean(1))
    expected = np.quantile(1 - model[draws].mean(1) / least, [0.025, 0.975])
    assert (skill.low, skill.high) == pytest.approx(tuple(expected), abs=0.02)


def test_json_and_table(reports, tmp_path):
    comparison = compare_sequences([*reports, report("long", 1.0, 2.0, 3.0, 4.0, horizon=5)])
    assert Comparison.open(comparison.save(tmp_path / "c.json")) == comparison
    table = comparison.table()
    assert "21 sequences, 21 forecasts" in table
    assert "(best baseline)" in table
    assert "0.700 [0.700, 0.700]" in table
    assert [line.split()[0] for line in comparison.table([5]).splitlines()[2:]] == [*"5555", "skill"]


def test_refuses_nonsense(reports):
    with pytest.raises(CellSimError, match="nothing to compare"):
        compare_sequences([])
    with pytest.raises(CellSimError, match="different models"):
        compare_sequences([*reports, report("x", 1.0, 1.0, 1.0, 1.0, name="other")])
