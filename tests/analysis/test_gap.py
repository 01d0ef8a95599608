import math

import numpy as np
import pytest

from ablate.analysis.gap import best_gap, gap_at

# Best at the second of four evaluations, overfitting from there on.
CURVE = {
    "train_loss": np.array([2.3, 0.50, 0.20, 0.05]),
    "train_accuracy": np.array([0.1, 0.85, 0.95, 1.00]),
    "val_loss": np.array([2.3, 0.55, 0.60, 0.95]),
    "val_accuracy": np.array([0.1, 0.80, 0.80, 0.75]),
}


def test_the_last_gap_is_positive_where_a_run_overfits():
    gap = gap_at(CURVE, -1)
    assert gap.accuracy == pytest.approx(0.25)
    assert gap.loss == pytest.approx(0.90)


def test_the_best_gap_is_that_of_the_first_of_equally_good_evaluations():
    gap = best_gap(CURVE)
    assert gap.accuracy == pytest.approx(0.05)
    assert gap.loss == pytest.approx(0.05)


def test_the_gap_is_negative_where_validation_is_the_better_one():
    swapped = dict(zip(CURVE, [*CURVE.values()][2:] + [*CURVE.values()][:2], strict=True))
    assert gap_at(swapped, -1).accuracy == pytest.approx(-0.25)
    assert gap_at(swapped, -1).loss == pytest.approx(-0.90)


def test_evaluations_without_an_accuracy_are_not_the_best():
    holes = CURVE | {"val_accuracy": np.array([np.nan, np.nan, 0.5, 0.4])}
    assert best_gap(holes).accuracy == pytest.approx(0.45)


def test_a_curve_without_accuracies_has_no_best_gap():
    nothing = np.full(2, np.nan)
    gap = best_gap(dict.fromkeys(CURVE, nothing))
    assert math.isnan(gap.accuracy)
    assert math.isnan(gap.loss)
