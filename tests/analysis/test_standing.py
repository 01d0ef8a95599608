from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ablate.analysis.standing import Evidence, Standing, exact_can_tell, judge, more_seeds

SURE = Evidence(12, 0, 0, 0, 0.05, 0.01, 0.044, 0.056, p_holm=0.001, t_p_holm=0.0001, family=1, margin=0.005)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Standing.BETTER),
        ({"mean": -0.05}, Standing.WORSE),
        ({"p_holm": 0.06}, Standing.TOO_FEW),
        ({"margin": 0.06}, Standing.TIED),
        ({"margin": 0.05}, Standing.BETTER),
        ({"margin": 0.06, "failed": 1}, Standing.BETTER),
        ({"pairs": 5}, Standing.BETTER),
        ({"pairs": 5, "t_p_holm": 0.02}, Standing.TOO_FEW),
        ({"pairs": 5, "t_p_holm": float("nan")}, Standing.TOO_FEW),
        ({"family": 150, "t_p_holm": 0.02}, Standing.TOO_FEW),
        ({"pairs": 0}, Standing.NO_PAIRS),
        ({"pairs": 0, "failed": 3}, Standing.FAILED),
        ({"pairs": 0, "failed": 30}, Standing.FAILED),
        ({"pairs": 0, "reference_failed": 3}, Standing.REFERENCE_FAILED),
        ({"pairs": 0, "failed": 3, "reference_failed": 3, "p_holm": 1.0}, Standing.TOO_FEW),
        ({"pairs": 1, "failed": 3, "p_holm": 1.0, "t_p_holm": 1.0, "margin": 0.0}, Standing.TOO_FEW),
        ({"margin": 0.06, "unreached": 11}, Standing.TIED),
        ({"margin": 0.06, "unreached": 12}, Standing.NOT_REACHED),
        ({"pairs": 1, "low": float("nan"), "high": float("nan"), "t_p_holm": float("nan")}, Standing.TOO_FEW),
    ],
)
def test_the_verdict(changes, verdict):
    assert judge(replace(SURE, **changes)) is verdict


def test_the_sign_flip_test_can_tell_from_six_seeds_on_and_later_in_a_family():
    assert [exact_can_tell(pairs, 1) for pairs in (5, 6)] == [False, True]
    assert [exact_can_tell(pairs, 53) for pairs in (11, 12)] == [False, True]


@pytest.mark.parametrize(
    ("mean", "sd", "family"), [(0.3, 1.0, 1), (0.5, 1.0, 20), (2.0, 1.0, 53), (-0.4, 0.7, 3)]
)
def test_more_seeds_is_the_first_number_with_which_the_t_test_would_tell(mean, sd, family):
    found = more_seeds(Evidence(4, 0, 0, 0, mean, sd, -1, 1, 1.0, 1.0, family, margin=0.0))

    def tells(n):
        differences = np.concatenate([np.ones(n // 2), -np.ones(n // 2), [0.0] * (n % 2)])
        differences = mean + differences / differences.std(ddof=1) * sd
        p = stats.ttest_1samp(differences, 0.0).pvalue * family
        return p <= (0.05 if 2.0 ** (1 - n) * family <= 0.05 else 0.01)

    assert tells(4 + found)
    assert not any(tells(n) for n in range(5, 4 + found))


def test_more_seeds_is_fewer_where_a_tie_comes_first():
    near = Evidence(4, 0, 0, 0, 0.0, 1.0, -1.6, 1.6, 1.0, 1.0, 1, margin=0.5)
    found = 4 + more_seeds(near)
    assert (
        stats.t.ppf(0.975, found - 1) / found**0.5 <= 0.5 < stats.t.ppf(0.975, found - 2) / (found - 1) ** 0.5
    )
    assert more_seeds(replace(near, failed=1)) is None


def test_nothing_is_said_of_more_seeds_from_one_pair_or_beyond_a_thousand():
    assert more_seeds(Evidence(1, 0, 0, 0, 1.0, float("nan"), -1, 1, 1.0, 1.0, 1, 0.0)) is None
    assert more_seeds(Evidence(5, 0, 0, 0, 0.001, 1.0, -1, 1, 1.0, 1.0, 1, 0.0)) is None


def test_differences_that_are_all_the_same_need_as_many_seeds_as_sign_flips_do():
    assert more_seeds(Evidence(3, 0, 0, 0, 0.01, 0.0, 0.01, 0.01, 0.25, float("nan"), 1, 0.0)) == 3
