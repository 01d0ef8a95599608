import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from ablate.analysis.convergence import Target, aulc, restricted, steps_to_target
from ablate.errors import SpecError

accuracies = st.lists(st.floats(0, 1), min_size=2, max_size=20)


@pytest.mark.parametrize(
    ("text", "share", "relative"),
    [
        ("0.95", 0.95, False),
        (" 1 ", 1.0, False),
        (".5", 0.5, False),
        ("90%", 0.9, True),
        ("97.5%", 0.975, True),
    ],
)
def test_a_target_is_an_accuracy_or_a_share_of_the_references_best(text, share, relative):
    target = Target.parse(text)
    assert target == Target(share, relative)
    assert target.accuracy(0.5) == (share * 0.5 if relative else share)


@pytest.mark.parametrize(
    "text", ["", "95", "0", "0%", "101%", "-0.5", "nan", "inf", "half", "0.9 %%", "1e-1", "٣%"]
)
def test_anything_else_is_refused_with_the_flag_and_what_is_legal(text):
    with pytest.raises(SpecError, match=r"--target: .* 0\.95.*90%") as caught:
        Target.parse(text)
    assert repr(text) in str(caught.value)


@given(st.integers(1, 1000), st.booleans())
def test_a_target_is_written_as_it_is_read(thousandths, relative):
    text = f"{thousandths / 10:g}%" if relative else f"{thousandths / 1000:g}"
    assert str(Target.parse(text)) == text


def test_a_relative_target_of_a_reference_that_never_finished_is_unknown():
    assert math.isnan(Target.parse("90%").accuracy(math.nan))
    assert Target.parse("0.9").accuracy(math.nan) == 0.9


@given(st.floats(0.01, 0.09), st.floats(0.11, 0.9), st.integers(1, 9))
def test_on_a_straight_line_the_crossing_is_exact_however_often_it_is_evaluated(slope, target, every):
    steps = np.arange(0, 100, every)
    expected = (target - 0.1) / slope
    assume(expected <= steps[-1])
    assert steps_to_target(steps, 0.1 + slope * steps, target) == pytest.approx(expected)


@given(accuracies, st.floats(0, 1))
def test_on_a_rising_curve_it_is_the_inverse_of_linear_interpolation(values, target):
    rising = np.unique(np.round(values, 6))
    assume(len(rising) > 1)
    steps = np.cumsum(np.arange(len(rising)))
    found = steps_to_target(steps, rising, target)
    if target > rising[-1]:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(np.interp(target, rising, steps))


@given(accuracies, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_target_is_never_reached_sooner(values, one, other):
    steps, curve = np.arange(len(values)), np.array(values)
    low, high = (steps_to_target(steps, curve, target) for target in sorted((one, other)))
    assert math.isnan(high) or low <= high


def test_the_first_crossing_counts_though_the_curve_falls_again():
    steps, curve = np.array([0, 10, 20, 30]), np.array([0.1, 0.9, 0.2, 0.9])
    assert steps_to_target(steps, curve, 0.5) == 5.0


def test_an_untrained_network_that_is_there_already_needs_no_step():
    assert steps_to_target(np.array([0, 10]), np.array([0.5, 0.4]), 0.5) == 0.0


def test_a_run_that_never_reaches_the_target_is_censored():
    assert math.isnan(steps_to_target(np.array([0, 10]), np.array([0.1, 0.4]), 0.5))
    assert math.isnan(steps_to_target(np.array([0, 10]), np.array([0.1, 0.4]), math.nan))


def test_evaluations_without_an_accuracy_are_passed_over():
    steps, curve = np.array([0, 10, 20]), np.array([0.1, np.nan, 0.5])
    assert steps_to_target(steps, curve, 0.3) == pytest.approx(10.0)
    assert math.isnan(steps_to_target(steps, np.full(3, np.nan), 0.3))


@given(st.lists(st.one_of(st.integers(0, 99), st.none()), min_size=1, max_size=12))
def test_the_mean_of_restricted_times_is_the_area_under_the_kaplan_meier_curve(found):
    times = np.array([math.nan if time is None else time for time in found], dtype=float)
    horizon = 100.0
    censored = np.isnan(times)
    mean = restricted(times, np.full(len(times), horizon)).mean()
    survival = stats.ecdf(
        stats.CensoredData(uncensored=times[~censored], right=np.full(censored.sum(), horizon))
    ).sf
    grid = np.arange(0.5, horizon)
    assert mean == pytest.approx(survival.evaluate(grid).sum())


def test_each_censored_run_counts_with_its_own_horizon():
    times = np.array([30.0, math.nan, math.nan])
    assert restricted(times, np.array([100.0, 100.0, 50.0])).tolist() == [30.0, 100.0, 50.0]


@given(accuracies, st.data())
def test_the_area_under_the_curve_is_the_mean_of_the_interpolated_curve(values, data):
    gaps = data.draw(st.lists(st.integers(1, 20), min_size=len(values) - 1, max_size=len(values) - 1))
    steps = np.concatenate([[0], np.cumsum(gaps)])
    # Midpoints of single steps give the integral of a curve that is linear between whole steps.
    midpoints = np.arange(steps[-1]) + 0.5
    expected = np.interp(midpoints, steps, values).mean()
    assert aulc(steps, np.array(values)) == pytest.approx(expected)


def test_the_area_under_a_single_evaluation_is_its_accuracy():
    assert aulc(np.array([0]), np.array([0.3])) == 0.3
