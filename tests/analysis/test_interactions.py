from itertools import product

import numpy as np
import pytest
from scipy import stats

from ablate.analysis.convergence import Target
from ablate.analysis.interactions import cells, contrasts, moderation
from ablate.analysis.summary import summarize
from ablate.store.status import FAILED
from tests.made_up import frames, made

FACTORS = ("activation", "norm", "dropout")
EFFECT = {"sigmoid": -0.4, "relu": 0.0, "elu": 0.1}


def final(activation, norm, seed):
    """Batch norm leaves a fifth of what the activations differ by."""
    return 0.6 + EFFECT[activation] * (0.2 if norm == "batch" else 1.0) + 0.01 * seed


def grid(seeds=3, value=final, status=lambda *key: "finished"):
    runs = [
        made(*key[:2], seed=key[2], val=(0.05, 0.06, value(*key)), status=status(*key))
        for key in product(EFFECT, ("off", "batch"), range(seeds))
    ]
    return summarize(*frames(*runs), Target(0.5, relative=False), None, "variant").runs


def cells_of(runs, metric="val_accuracy"):
    return cells(runs, metric, "activation", "norm", FACTORS)


def test_cells_hold_each_seeds_value_and_their_means():
    found = cells_of(grid())
    assert found.row_levels == ("sigmoid", "relu", "elu")
    expected = [
        [[final(a, b, seed) for b in ("off", "batch")] for a in found.row_levels] for seed in range(3)
    ]
    assert found.values == pytest.approx(np.array(expected))
    assert found.means().loc["sigmoid", "batch"] == pytest.approx(0.6 - 0.08 + 0.01)


def test_an_interaction_is_the_difference_of_two_differences_taken_within_each_seed():
    noise = np.random.default_rng(0).normal(0, 0.01, (3, 2, 4))
    place = {"off": 0, "batch": 1}

    def noisy(activation, norm, seed):
        return final(activation, norm, seed) + noise[list(EFFECT).index(activation), place[norm], seed]

    table = contrasts(cells_of(grid(4, noisy)), "relu", "off").set_index(["activation", "norm"])
    assert table.index.tolist() == [("sigmoid", "batch"), ("elu", "batch")]
    each = [
        noisy("sigmoid", "batch", s)
        - noisy("sigmoid", "off", s)
        - noisy("relu", "batch", s)
        + noisy("relu", "off", s)
        for s in range(4)
    ]
    row = table.loc[("sigmoid", "batch")]
    assert row["seeds"] == 4
    assert row["interaction"] == pytest.approx(np.mean(each))
    assert (row["low"], row["high"]) == pytest.approx(
        stats.t.interval(0.95, 3, np.mean(each), stats.sem(each))
    )
    assert row["p"] == 0.125


def test_a_moderator_is_said_to_leave_its_share_of_the_differences():
    (found,) = moderation(cells_of(grid()), "off")
    assert (found.factor, found.moderator, found.base, found.level) == (
        "activation",
        "norm",
        "off",
        "batch",
    )
    assert found.ratio == pytest.approx(0.2)
    assert found.base_spread == pytest.approx(np.std(list(EFFECT.values())))
    assert (found.low, found.high) == pytest.approx((0.2, 0.2))
    assert moderation(cells_of(grid()), "batch")[0].ratio == pytest.approx(5)


def test_the_interval_of_the_ratio_holds_it_in_about_95_of_100_cases():
    generator = np.random.default_rng(4)
    held = 0
    template = cells_of(grid(6))
    truth = np.array([[final(a, b, 0) for b in ("off", "batch")] for a in template.row_levels])
    for _ in range(400):
        noisy = type(template)(
            template.rows,
            template.columns,
            template.row_levels,
            template.column_levels,
            truth + generator.normal(0, 0.01, (6, 3, 2)),
        )
        (found,) = moderation(noisy, "off")
        held += found.low <= 0.2 <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_a_failed_run_takes_its_seed_out_of_the_cells():
    runs = grid(status=lambda *key: FAILED if key == ("elu", "batch", 1) else "finished")
    assert cells_of(runs).values.shape == (2, 3, 2)
    assert cells_of(runs, "steps_to_target").values.shape == (3, 3, 2)


def test_a_cell_that_never_finished_is_left_out_with_its_level():
    found = cells_of(grid(status=lambda *key: FAILED if key[:2] == ("elu", "batch") else "finished"))
    assert np.isnan(found.values[:, 2, 1]).all()
    table = contrasts(found, "relu", "off").set_index("activation")
    assert table["seeds"].to_dict() == {"sigmoid": 3, "elu": 0}
    (left,) = moderation(found, "off")
    assert left.ratio == pytest.approx(0.2)


def test_nothing_is_said_where_nothing_differs_or_nothing_is_there():
    assert moderation(cells_of(grid(value=lambda *key: 0.5)), "off") == ()
    assert moderation(cells_of(grid(status=lambda *key: FAILED)), "off") == ()
    (found,) = moderation(cells_of(grid(2)), "off")
    assert np.isnan([found.low, found.high]).all()


def test_where_no_run_finished_there_are_no_means_and_no_warning():
    found = cells(grid(status=lambda *key: FAILED), "val_accuracy", "activation", "norm", FACTORS)
    assert found.means().isna().all(axis=None)
