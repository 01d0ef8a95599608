import math

import numpy as np
import pytest
from scipy import stats

from ablate.analysis.gap import RISING_P, overfit_step, rising_p

STEPS = np.arange(0, 300, 10)


def test_it_is_the_step_of_the_lowest_loss_if_that_turns_up():
    loss = 1 + ((STEPS - 120) / 100) ** 2
    assert overfit_step(STEPS, loss) == 120
    noisy = loss + np.random.default_rng(0).normal(0, 0.02, len(loss))
    assert overfit_step(STEPS, noisy) == pytest.approx(120, abs=30)


def test_a_loss_that_still_falls_lies_flat_or_comes_down_again_never_does():
    falling = np.exp(-STEPS / 100)
    hill = np.where(STEPS < 100, 2 - STEPS / 100, 1 + 0.5 * np.sin((STEPS - 100) / 190 * np.pi) ** 2)
    for loss in (falling, np.ones(len(STEPS)), hill):
        assert math.isnan(overfit_step(STEPS, loss))


def test_it_takes_six_evaluations_after_the_lowest():
    loss = np.array([2.0, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
    assert overfit_step(STEPS[:8], loss) == 10
    assert math.isnan(overfit_step(STEPS[:7], loss[:7]))


def test_evaluations_without_a_loss_are_passed_over():
    loss = np.array([2.0, 1.0, math.nan, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
    assert overfit_step(STEPS[:9], loss) == 10
    assert math.isnan(overfit_step(STEPS[:2], np.full(2, math.nan)))


def test_the_trend_is_kendalls_with_the_same_p_but_for_its_continuity_correction():
    values = np.random.default_rng(1).normal(0, 1, 25) + np.arange(25) * 0.06
    pairs = 25 * 24 / 2
    tau = stats.kendalltau(np.arange(25), values, method="asymptotic", alternative="greater")
    shifted = (tau.statistic * pairs - 1) / (pairs * 2 * (2 * 25 + 5) / (9 * 25 * 24)) ** 0.5 / pairs**0.5
    assert rising_p(values) == pytest.approx(stats.norm.sf(shifted))
    assert tau.pvalue < rising_p(values) < tau.pvalue * 1.2


@pytest.mark.parametrize("evaluations", [8, 30, 100])
def test_noise_around_a_level_turns_up_in_at_most_one_run_of_a_hundred(evaluations):
    curves = np.random.default_rng(evaluations).normal(1, 0.1, (1500, evaluations))
    found = [overfit_step(np.arange(evaluations), curve) for curve in curves]
    assert np.mean(~np.isnan(found)) <= RISING_P * 1.3
