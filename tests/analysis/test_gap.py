import math

import numpy as np
import pytest
from scipy import stats

from ablate.analysis.gap import RISING_P, best_gap, gap_at, overfit_step, rising_p

# Best at the second of four evaluations, overfitting from there on.
CURVE = {
    "train_loss": np.array([2.3, 0.50, 0.20, 0.05]),
    "train_accuracy": np.array([0.1, 0.85, 0.95, 1.00]),
    "val_loss": np.array([2.3, 0.55, 0.60, 0.95]),
    "val_accuracy": np.array([0.1, 0.80, 0.80, 0.75]),
}


def test_the_last_gap_is_positive_where_a_run_overfits():
    assert gap_at(CURVE, -1) == pytest.approx((0.25, 0.90))


def test_the_best_gap_is_that_of_the_first_of_equally_good_evaluations():
    assert best_gap(CURVE) == pytest.approx((0.05, 0.05))


def test_the_gap_is_negative_where_validation_is_the_better_one():
    swapped = dict(zip(CURVE, [*CURVE.values()][2:] + [*CURVE.values()][:2], strict=True))
    assert gap_at(swapped, -1) == pytest.approx((-0.25, -0.90))


def test_evaluations_without_an_accuracy_are_not_the_best():
    holes = CURVE | {"val_accuracy": np.array([np.nan, np.nan, 0.5, 0.4])}
    assert best_gap(holes)[0] == pytest.approx(0.45)


def test_a_curve_without_accuracies_has_no_best_gap():
    assert np.isnan(best_gap(dict.fromkeys(CURVE, np.full(2, np.nan)))).all()


STEPS = np.arange(0, 300, 10)


def test_a_run_overfits_from_the_step_of_the_lowest_loss_if_that_turns_up():
    loss = 1 + ((STEPS - 120) / 100) ** 2
    assert overfit_step(STEPS, loss) == 120
    noisy = loss + np.random.default_rng(0).normal(0, 0.02, len(loss))
    assert overfit_step(STEPS, noisy) == pytest.approx(120, abs=30)


def test_a_loss_that_still_falls_lies_flat_or_comes_down_again_never_overfits():
    falling = np.exp(-STEPS / 100)
    hill = np.where(STEPS < 100, 2 - STEPS / 100, 1 + 0.5 * np.sin((STEPS - 100) / 190 * np.pi) ** 2)
    for loss in (falling, np.ones(len(STEPS)), hill):
        assert math.isnan(overfit_step(STEPS, loss))


def test_it_takes_six_evaluations_after_the_lowest_loss_to_overfit():
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
