"""Paired tests against scipy, hand-counted cases and their own false-alarm rate."""

from __future__ import annotations

import numpy as np
import pytest
from made_reports import report
from scipy import stats

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import compare_models
from napari_cellsim.evaluation.pairing import sign_flip_test, table


def models(first, second, horizon=1):
    return [
        [report(f"s{i}", value, 1.0, 1.0, 1.0, horizon, name) for i, value in enumerate(values)]
        for name, values in (("a", first), ("b", second))
    ]


def scipy_p(differences):
    return stats.permutation_test(
        (differences, np.zeros_like(differences)),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
    ).pvalue


@pytest.mark.parametrize("n", [2, 5, 11])
def test_permutation_equals_scipy(n):
    differences = np.random.default_rng(n).normal(0.4, 1, n)
    assert sign_flip_test(differences) == pytest.approx(scipy_p(differences))


def test_permutation_by_hand():
    # of the 8 sign patterns of 1, 2, 4 the sums 7 and -7 are as far out as 7
    assert sign_flip_test([1, 2, 4]) == 2 / 8
    assert sign_flip_test([1, -2, 4]) == 6 / 8  # ±7, ±5 and ±3 itself, but not ±1
    assert sign_flip_test([0.1, 0.2, 0.3]) == 2 / 8  # rounding of sums does not matter
    assert sign_flip_test(np.zeros(4)) == 1


def test_random_permutations_are_near_the_exact_value():
    differences = np.random.default_rng(1).normal(0.45, 1, 20)
    assert sign_flip_test(differences, seed=3) == pytest.approx(
        stats.ttest_1samp(differences, 0).pvalue, abs=0.02
    )
    assert sign_flip_test(differences + 10) == 1 / (2**15 + 1)
    assert sign_flip_test(differences, seed=3) == sign_flip_test(differences, seed=3)


def test_false_alarms_are_as_rare_as_promised():
    generator = np.random.default_rng(0)
    alarms = [sign_flip_test(generator.standard_t(3, 8)) <= 0.05 for _ in range(400)]
    assert np.mean(alarms) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_two_models():
    generator = np.random.default_rng(0)
    difficulty = generator.uniform(0.1, 1, 12)
    better = difficulty * generator.uniform(0.8, 0.95, 12)
    (found,) = compare_models(*models(better, difficulty))
    assert (found.first, found.second, found.sequences, found.exact) == ("a", "b", 12, True)
    assert found.means == pytest.approx((better.mean(), difficulty.mean()))
    assert found.difference.value == pytest.approx((better - difficulty).mean())
    assert found.difference.high < 0
    assert found.permutation == pytest.approx(2 / 2**12)
    assert found.wilcoxon == pytest.approx(stats.wilcoxon(better, difficulty).pvalue)
    assert stats.ttest_ind(better, difficulty).pvalue > 0.05  # unpaired, difficulty would have hidden it
    assert "a - b, mse" in table([found])


def test_windows_of_one_movie_count_once():
    first, second = models([0.1, 0.3, 0.2, 0.25], [0.2, 0.35, 0.4, 0.3])
    again = [[r.model_copy(update={"at": 5}) for r in reports] for reports in (first, second)]
    (once,), (twice,) = compare_models(first, second), compare_models(first + again[0], second + again[1])
    assert once.permutation == twice.permutation
    assert twice.sequences == 4


def test_only_shared_forecasts_count():
    first, second = models([0.1, 0.3, 0.2], [0.2, 0.35, 0.4])
    (found,) = compare_models(first, second[1:])
    assert found.sequences == 2
    with pytest.raises(CellSimError, match="share no forecast"):
        compare_models(first[:1], second[1:])
    with pytest.raises(CellSimError, match="'beauty'"):
        compare_models(first, second, "beauty")


def test_holm_over_horizons_by_hand():
    generator = np.random.default_rng(0)
    pairs = [generator.uniform(0.1, 1, (2, 6)) - [[shift], [0]] for shift in (0.5, 0.05, 0.3)]
    parts = [models(*pair, horizon=k + 1) for k, pair in enumerate(pairs)]
    found = compare_models(*([r for part in parts for r in part[k]] for k in (0, 1)))
    p = np.array([t.permutation for t in found])
    order = np.argsort(p)
    expected = np.empty(3)
    expected[order] = np.maximum.accumulate(np.minimum(p[order] * [3, 2, 1], 1))
    assert [t.holm for t in found] == pytest.approx(expected)


def test_too_few_sequences_are_said():
    (found,) = compare_models(*models([0.1, 0.2], [0.2, 0.3]))
    assert found.smallest == 0.5
    assert "too few" in table([found])
    (alone,) = compare_models(*models([0.1], [0.2]))
    assert alone.permutation is None
    assert alone.wilcoxon is None
