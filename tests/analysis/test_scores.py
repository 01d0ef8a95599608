import math

import pandas as pd
import pytest

from ablate.analysis.scores import reference_best, scored
from ablate.analysis.variants import named
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made


def test_a_finished_run_gets_its_steps_to_target_and_the_gap_at_its_best():
    runs, curves = frames(made(val=(0.1, 0.5, 0.9, 0.7), gap=0.02))
    row = scored(runs, curves, 0.6).iloc[0]
    assert row["steps_to_target"] == pytest.approx(12.5)
    assert row["restricted_steps"] == pytest.approx(12.5)
    assert row["best_gap_accuracy"] == pytest.approx(0.02)
    assert row["best_gap_loss"] == pytest.approx(0.02)
    assert row["finished"]


def test_the_gap_at_the_best_is_not_the_one_at_the_end():
    runs, curves = frames(made(val=(0.1, 0.9, 0.5)))
    curves["train_accuracy"] = [0.1, 0.92, 0.99]
    curves["train_loss"] = [2.0, 1.0, 0.1]
    row = scored(runs, curves, 0.6).iloc[0]
    assert row["best_gap_accuracy"] == pytest.approx(0.02)
    assert row["best_gap_loss"] == pytest.approx(0.1)


def test_a_run_that_never_reaches_the_target_counts_with_its_planned_steps():
    row = scored(*frames(made(val=(0.1, 0.5, 0.5))), 0.6).iloc[0]
    assert math.isnan(row["steps_to_target"])
    assert row["restricted_steps"] == 20


@pytest.mark.parametrize("status", [DIVERGED, FAILED])
def test_a_run_that_did_not_finish_has_reached_no_target_whatever_its_curve_did(status):
    row = scored(*frames(made(val=(0.1, 0.9, 0.9), status=status), made("gelu")), 0.6).iloc[0]
    assert not row["finished"]
    assert math.isnan(row["steps_to_target"])
    assert math.isnan(row["best_gap_accuracy"])
    assert row["restricted_steps"] == 20


def test_without_a_target_nothing_is_known_of_steps():
    row = scored(*frames(made()), math.nan).iloc[0]
    assert math.isnan(row["steps_to_target"])
    assert math.isnan(row["restricted_steps"])


def test_runs_keep_their_order_and_curves_may_come_in_any():
    runs, curves = frames(*(made(seed=seed, val=(0.1, 0.2 + seed / 10, 0.9)) for seed in (5, 3, 4, 0)))
    straight = scored(runs, curves, 0.5)
    mixed = scored(runs, curves.sample(frac=1, random_state=1), 0.5)
    pd.testing.assert_frame_equal(mixed, straight)
    assert straight["seed"].tolist() == [5, 3, 4, 0]
    # 0.2 at step 10 and 0.9 at step 20, for seed 0.
    assert straight["steps_to_target"].iloc[3] == pytest.approx(10 + 10 * 0.3 / 0.7)
    assert straight["steps_to_target"].iloc[1] == pytest.approx(10.0)


def test_runs_without_any_curve_are_scored_too():
    runs, curves = frames(made(status=FAILED), made("gelu", status=FAILED))
    assert curves.empty
    assert scored(runs, curves, 0.5)["restricted_steps"].tolist() == [20, 20]


def test_the_references_best_is_the_mean_over_its_finished_seeds():
    runs, _ = frames(
        made(seed=0, val=(0.1, 0.9, 0.8)),
        made(seed=1, val=(0.1, 0.6, 0.7)),
        made(seed=2, status=DIVERGED),
        made("gelu", val=(0.1, 1.0, 1.0)),
    )
    assert reference_best(named(runs), "relu norm=off dropout=0") == pytest.approx(0.8)


def test_a_reference_that_never_finished_has_no_best():
    runs, _ = frames(made(status=FAILED), made("gelu"))
    assert math.isnan(reference_best(named(runs), "relu norm=off dropout=0"))
