import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ablate.analysis.paired import (
    EXACT_SEEDS,
    holm,
    improvement,
    mean_interval,
    sign_flip_p,
    sign_flip_ps,
    smallest_p,
    student_half_width,
    t_p,
)

nan = float("nan")


def enumerated(differences):
    """The definition: of all patterns of signs, the share whose sum is as far from zero as the one seen."""
    sums = [
        sum(map(float.__mul__, signs, differences)) for signs in product((-1.0, 1.0), repeat=len(differences))
    ]
    return np.mean([abs(each) >= abs(sum(differences)) - 1e-9 for each in sums])


@pytest.mark.parametrize("seeds", [3, 5, 10, 30])
def test_intervals_hold_the_mean_in_95_of_100_cases(seeds):
    generator = np.random.default_rng(seeds)
    differences = 0.3 + generator.normal(0, 1, (seeds, 40_000)) - generator.normal(0, 0.5, (seeds, 40_000))
    low, high = mean_interval(differences)
    assert 0.945 < np.mean((low <= 0.3) & (high >= 0.3)) < 0.955


@pytest.mark.parametrize("seeds", [3, 5, 10, 30])
def test_intervals_of_differences_of_counted_answers_hold_it_too(seeds):
    generator = np.random.default_rng(seeds)
    differences = (
        generator.binomial(300, 0.95, (seeds, 40_000)) - generator.binomial(300, 0.9, (seeds, 40_000))
    ) / 300
    low, high = mean_interval(differences)
    assert 0.93 < np.mean((low <= 0.05) & (high >= 0.05)) < 0.97


def test_the_interval_is_scipys_and_leaves_out_nan():
    values = np.array([0.3, 0.1, 0.25, 0.4])
    interval = stats.t.interval(0.9, 3, values.mean(), stats.sem(values))
    assert mean_interval(values, 0.9) == pytest.approx(interval)
    columns = np.array([[0.3, nan, nan], [0.1, nan, nan], [0.25, 1.0, nan], [0.4, nan, nan]])
    low, high = mean_interval(columns, 0.9)
    assert (low[0], high[0]) == pytest.approx(interval)
    assert np.isnan([*low[1:], *high[1:]]).all()
    assert np.isnan(student_half_width(np.array([0, 1]))).all()


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9))
def test_the_exact_p_is_that_of_the_enumeration_ties_and_zeros_included(numbers):
    differences = np.array(numbers) / 287
    assert sign_flip_p(differences) == pytest.approx(enumerated(differences.tolist()), abs=1e-12)


def test_the_exact_p_is_scipys_permutation_test():
    differences = np.random.default_rng(3).normal(0.4, 1, 11)
    expected = stats.permutation_test((differences,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(differences) == pytest.approx(expected.pvalue)


def test_as_many_seeds_as_are_enumerated_give_the_smallest_p_there_is():
    assert sign_flip_p(np.ones(EXACT_SEEDS)) == 2.0 ** (1 - EXACT_SEEDS)
    assert sign_flip_p(np.ones(5)) == 0.0625 == smallest_p(5)
    assert sign_flip_p(np.zeros(4)) == 1.0
    assert np.isnan(sign_flip_p(np.zeros(0)))


def test_above_them_p_is_drawn_near_the_exact_one_and_the_same_each_time():
    differences = np.random.default_rng(0).normal(0.35, 1, EXACT_SEEDS + 1)
    half = EXACT_SEEDS // 2
    first = np.array(list(product((-1, 1), repeat=half))) @ differences[:half]
    second = np.sort(np.array(list(product((-1, 1), repeat=half + 1))) @ differences[half:])
    beyond = len(second) - np.searchsorted(second, abs(differences.sum()) - 1e-9 - first)
    exact = 2 * beyond.sum() / 2 ** len(differences)
    assert sign_flip_p(differences) == sign_flip_p(differences.copy())
    assert sign_flip_p(differences) == pytest.approx(exact, abs=4 * (exact / 20_000) ** 0.5)
    assert sign_flip_p(np.ones(40)) == smallest_p(40) == 1 / 20_000


def test_the_t_test_is_scipys_and_says_nothing_where_all_differ_by_the_same():
    differences = np.array([0.1, 0.3, -0.05, 0.2])
    assert t_p(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    assert np.isnan(t_p(np.full(5, 3 / 287)))
    assert np.isnan(t_p(np.array([0.1, 0.2])))


@pytest.mark.parametrize("tests", [1, 2, 7, 53])
def test_holm_is_that_of_statsmodels(tests):
    p = np.random.default_rng(tests).beta(0.3, 2, tests).round(3)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_a_test_that_was_not_made_does_not_count_for_holm():
    assert holm(np.array([0.01, nan, 0.04])) == pytest.approx([0.02, nan, 0.04], nan_ok=True)
    assert np.isnan(holm(np.array([nan]))).all()


def test_the_probability_of_improvement_counts_a_draw_half():
    assert improvement(np.array([0.1, 0.2, -0.1, 0.0])) == 2.5 / 4
    assert np.isnan(improvement(np.zeros(0)))


def test_holm_within_a_larger_family_is_that_of_the_family_with_the_other_tests_at_1():
    p = np.array([0.001, 0.04, 0.01, nan])
    whole = holm(np.array([0.001, 0.04, 0.01, *[1.0] * 7]))
    assert holm(p, 10)[:3] == pytest.approx(whole[:3])
    assert np.isnan(holm(p, 10)[3])


def test_the_memory_of_sign_patterns_does_not_grow_with_the_seeds():
    tracemalloc.start()
    sign_flip_ps(np.random.default_rng(0).normal(0, 1, (3, 2000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 << 20  # all patterns at once would take 300 MB
