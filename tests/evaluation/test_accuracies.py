"""Statistics of repeated trainings: the thesis' numbers, scipy, cases counted by hand, false alarms."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import (
    Summary,
    bootstrap_interval,
    compare_accuracies,
    runs_needed,
    two_way_interval,
    welch_test,
)
from napari_cellsim.evaluation.augmentation_results import Arm, Training

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "augmentation_study.md"


def answers(rates, pictures: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.random((len(rates), pictures)) < np.array(rates)[:, None]


def test_the_numbers_of_the_thesis_give_p_of_about_0_70():
    found = welch_test(Summary(97.3, 0.4, 10), Summary(97.4, 0.7, 10))
    assert found.t == pytest.approx(0.392, abs=1e-3)
    assert found.freedom == pytest.approx(14.3, abs=0.05)
    assert found.p == pytest.approx(0.70, abs=0.005)
    scipys = stats.ttest_ind_from_stats(97.4, 0.7, 10, 97.3, 0.4, 10, equal_var=False)
    assert found.p == pytest.approx(scipys.pvalue)


def test_every_number_on_the_page_is_what_the_code_gives():
    result = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert result.attempted >= 5
    assert result.failed == 0


def test_runs_needed_find_the_difference_as_often_as_promised():
    count = runs_needed(1.0, (1.2, 0.8))
    assert count == 17  # (1.96 + 0.84)² · 2.08
    random = np.random.default_rng(0)
    p = [
        welch_test(
            *(
                Summary(x.mean(), x.std(ddof=1), count)
                for x in (random.normal(0, 1.2, count), random.normal(1, 0.8, count))
            )
        ).p
        for _ in range(600)
    ]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.8, abs=0.07)


def test_two_way_interval_of_one_kind_of_chance_is_the_plain_bootstrap():
    rows = np.random.default_rng(0).normal(1, 2, 30)
    plain = bootstrap_interval(rows)
    for table in (np.repeat(rows[:, None], 50, 1), np.repeat(rows[None], 50, 0)):
        assert two_way_interval(table) == pytest.approx(plain, abs=0.15)
    assert all(np.isnan(two_way_interval(np.ones((1, 5)))))


def test_two_way_interval_covers_the_truth():
    random = np.random.default_rng(1)
    hits = 0
    for seed in range(150):
        rows, columns = random.normal(0, 1, (15, 1)), random.normal(0, 1, (1, 40))
        low, high = two_way_interval(rows + columns + random.normal(0, 1, (15, 40)), resamples=400, seed=seed)
        hits += low <= 0 <= high
    assert hits / 150 > 0.87


def test_a_clear_difference_is_found_and_said():
    (found,) = compare_accuracies(answers([0.6] * 10, 200, 0), [(50, answers([0.9] * 10, 200, 1))])
    assert found.significant
    assert found.difference.value == pytest.approx(0.3, abs=0.03)
    assert found.permutation == found.holm == 2 / 2**10
    assert found.anywhere.low > 0
    assert found.anywhere.high - found.anywhere.low > found.difference.high - found.difference.low
    assert "With 50 generated pictures per class" in found.conclusion
    assert "the difference is significant" in found.conclusion
    assert found.welch == pytest.approx(
        stats.ttest_ind(
            answers([0.9] * 10, 200, 1).mean(1), answers([0.6] * 10, 200, 0).mean(1), equal_var=False
        ).pvalue
    )


def test_no_difference_is_said_not_to_be_significant():
    (found,) = compare_accuracies(answers([0.8] * 10, 200, 0), [(50, answers([0.8] * 10, 200, 1))])
    assert not found.significant
    assert "not significant" in found.conclusion
    (same,) = compare_accuracies(answers([0.8] * 10, 50, 0), [(50, answers([0.8] * 10, 50, 0))])
    assert same.permutation == 1
    assert same.wilcoxon is None


def test_few_initialisations_and_few_pictures_cannot_be_significant():
    (few,) = compare_accuracies(answers([0.1] * 3, 200, 0), [(9, answers([0.9] * 3, 200, 1))])
    assert few.permutation == few.smallest == 0.25
    assert "3 initialisations are too few" in few.conclusion
    # every training gains the same one of 20 pictures: sure for these pictures, not for others
    without = np.tile(np.arange(20) < 15, (10, 1))
    (one,) = compare_accuracies(without, [(9, np.tile(np.arange(20) < 16, (10, 1)))])
    assert one.holm < 0.05
    assert one.difference.low > 0
    assert one.anywhere.low == 0
    assert not one.significant
    assert "too few to say it of others" in one.conclusion


def test_several_comparisons_are_corrected():
    without = answers([0.6] * 8, 100, 0)
    found = compare_accuracies(
        without, [(k, answers([rate] * 8, 100, k)) for k, rate in ((1, 0.6), (2, 0.9), (3, 0.9))]
    )
    plain = [test.permutation for test in found]
    assert found[1].holm == found[2].holm == pytest.approx(3 * plain[1])
    assert found[0].holm == plain[0]


def test_false_alarms_are_rare():
    alarms = []
    for seed in range(150):
        skill = np.random.default_rng([seed, 9]).normal(0.8, 0.03, 8)
        (found,) = compare_accuracies(answers(skill, 60, 2 * seed), [(1, answers(skill, 60, 2 * seed + 1))])
        alarms.append(found.significant)
    assert np.mean(alarms) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 150)


def test_other_pictures_are_refused():
    with pytest.raises(CellSimError, match="same trainings and pictures"):
        compare_accuracies(answers([0.5] * 3, 20, 0), [(1, answers([0.5] * 3, 19, 0))])


def test_an_arm_in_numbers():
    truth = np.array([0, 0, 1, 1])
    guesses = [[0, 0, 1, 1], [0, 1, 1, 0]]
    trainings = [
        Training(seed=i, accuracy=a, validation=0.5, best_step=2, steps=3, guesses=g)
        for i, (a, g) in enumerate(zip((1.0, 0.5), guesses, strict=True))
    ]
    arm = Arm.of(7, trainings, truth, ("a", "b"))
    assert (arm.mean.value, arm.best, arm.worst) == (0.75, 1.0, 0.5)
    assert arm.deviation == pytest.approx(0.5 / np.sqrt(2))
    assert arm.by_class == {"a": 0.75, "b": 0.75}
