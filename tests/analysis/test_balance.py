from itertools import product

import pandas as pd
import pytest

from ablate.analysis.balance import balanced, balanced_for, counted


def grid(*, without=(), unfinished=()):
    """Returns runs of two activations in three backgrounds with four seeds, some of them missing or unfinished."""
    keys = [key for key in product(("relu", "tanh"), ("0", "0.2", "0.5"), range(4)) if key not in without]
    frame = pd.DataFrame(keys, columns=["activation", "dropout", "seed"])
    return frame.assign(finished=[key not in unfinished for key in keys])


def test_a_complete_grid_stays_as_it_is():
    pd.testing.assert_frame_equal(balanced(grid(), "activation", ["dropout"]), grid())


def test_one_missing_run_costs_its_seed_or_its_background_whichever_is_less():
    kept = balanced(grid(without=[("tanh", "0", 1)]), "activation", ["dropout"])
    assert sorted(kept["seed"].unique()) == [0, 2, 3]
    assert kept["dropout"].nunique() == 3
    missing = [("tanh", "0", seed) for seed in (1, 2, 3)]
    kept = balanced(grid(without=missing), "activation", ["dropout"])
    assert sorted(kept["dropout"].unique()) == ["0.2", "0.5"]
    assert kept["seed"].nunique() == 4


@pytest.mark.parametrize(("metric", "count"), [("val_accuracy", 23), ("steps_to_target", 24)])
def test_runs_that_did_not_finish_count_for_steps_alone(metric, count):
    assert len(counted(grid(unfinished=[("tanh", "0", 1)]), metric)) == count


def test_a_level_that_never_finished_does_not_hold_up_the_others():
    never = [("tanh", *key) for key in product(("0", "0.2", "0.5"), range(4))]
    kept = balanced_for(grid(unfinished=never), "val_accuracy", "activation", ["dropout"])
    assert len(kept) == 12
    assert set(kept["activation"]) == {"relu"}
