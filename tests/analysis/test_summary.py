import math
import random
import statistics
from itertools import product

import pandas as pd
import pytest
from scipy import stats

from ablate.analysis.convergence import Target
from ablate.analysis.metrics import METRICS
from ablate.analysis.summary import extremes, ranked, summarize
from ablate.errors import SpecError
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

HALF = Target(0.5, relative=False)


def summary_of(*runs, target=HALF, reference=None, sort="variant"):
    return summarize(*frames(*runs), target, reference, sort)


def only_row(table, **levels):
    for factor, level in levels.items():
        table = table[table[factor] == level]
    assert len(table) == 1
    return table.iloc[0]


def level_summary(summary, factor):
    return next(level for level in summary.levels if level.factor == factor)


def test_a_variant_has_the_mean_and_the_sample_standard_deviation_of_its_seeds():
    finals = (0.8, 0.7, 0.9, 0.75)
    runs = [made(seed=seed, val=(0.1, 0.95, final), gap=final / 10) for seed, final in enumerate(finals)]
    row = only_row(summary_of(*runs).variants)
    expected = {
        "val_accuracy": finals,
        "best_val_accuracy": [0.95] * 4,
        "train_accuracy": [1.1 * final for final in finals],
        "gap_accuracy": [final / 10 for final in finals],
        "gap_loss": [final / 10 for final in finals],
        "best_gap_accuracy": [final / 10 for final in finals],
        "best_gap_loss": [final / 10 for final in finals],
        "aulc": [(0.1 + 2 * 0.95 + final) / 4 for final in finals],
        "steps_to_target": [10 * 0.4 / 0.85] * 4,
    }
    assert set(expected) == set(METRICS)
    for metric, values in expected.items():
        assert row[f"{metric}_mean"] == pytest.approx(statistics.mean(values))
        assert row[f"{metric}_sd"] == pytest.approx(statistics.stdev(values), abs=1e-12)
    assert (row["n"], row["runs"], row["failed"], row["reached"]) == (4, 4, 0, 4)


def test_each_mean_over_seeds_has_its_interval_the_restricted_one_of_steps_too():
    finals = (0.8, 0.7, 0.9, 0.4)
    runs = [made(seed=seed, val=(0.1, 0.3, final)) for seed, final in enumerate(finals)]
    row = only_row(summary_of(*runs).variants)
    crossings = [10 + 10 * (0.5 - 0.3) / (final - 0.3) for final in finals[:3]]
    for metric, values in {"val_accuracy": finals, "steps_to_target": [*crossings, 20]}.items():
        expected = stats.t.interval(0.95, 3, statistics.mean(values), stats.sem(values))
        assert (row[f"{metric}_low"], row[f"{metric}_high"]) == pytest.approx(expected)


def test_runs_that_overfit_are_counted_and_those_that_do_not_count_with_all_their_steps():
    rising = (2.0, 1.0, *(1.1 + 0.1 * step for step in range(7)))
    runs = [
        made(seed=0, val=tuple(2 - loss for loss in rising)),
        made(seed=1, val=tuple(0.1 * step for step in range(9))),
        made(seed=2, status=DIVERGED),
    ]
    row = only_row(summary_of(*runs).variants)
    assert (row["overfitting"], row["overfit_step_mean"]) == (1, (10 + 80) / 2)


def test_a_single_seed_has_no_standard_deviation():
    row = only_row(summary_of(made()).variants)
    assert row["val_accuracy_mean"] == 0.9
    assert math.isnan(row["val_accuracy_sd"])


def test_failed_runs_are_left_out_of_scores_but_count_as_never_having_reached_the_target():
    row = only_row(
        summary_of(
            made(seed=0, val=(0.1, 0.5, 0.9)),
            made(seed=1, val=(0.1, 0.5, 0.7)),
            made(seed=2, val=(0.1, 0.4, 0.4)),
            made(seed=3, val=(0.1, 0.9, 0.9), status=DIVERGED),
            made(seed=4, status=FAILED),
        ).variants
    )
    assert (row["n"], row["runs"], row["failed"], row["reached"]) == (3, 5, 2, 2)
    assert row["val_accuracy_mean"] == pytest.approx(2 / 3)
    times = [10, 10, 20, 20, 20]
    assert row["steps_to_target_mean"] == pytest.approx(statistics.mean(times))
    assert row["steps_to_target_sd"] == pytest.approx(statistics.stdev(times))


def test_a_relative_target_is_a_share_of_the_mean_best_of_the_reference():
    runs = [
        made(seed=0, val=(0.1, 0.8, 0.6)),
        made(seed=1, val=(0.1, 0.6, 0.6)),
        made("gelu", val=(0.1, 1.0)),
    ]
    summary = summary_of(*runs, target=Target(0.9, relative=True))
    assert summary.reference == "relu norm=off dropout=0"
    assert summary.target_accuracy == pytest.approx(0.63)
    other = summary_of(*runs, target=Target(0.9, relative=True), reference="gelu norm=off dropout=0")
    assert other.target_accuracy == pytest.approx(0.9)


def test_a_target_relative_to_what_never_finished_leaves_the_steps_unknown():
    summary = summary_of(
        made(status=FAILED),
        made("gelu"),
        target=Target(0.9, relative=True),
        reference="relu norm=off dropout=0",
    )
    assert math.isnan(summary.target_accuracy)
    assert summary.variants["steps_to_target_mean"].isna().all()
    assert only_row(summary.variants, activation="gelu")["val_accuracy_mean"] == 0.9


def test_an_unknown_reference_is_refused():
    with pytest.raises(SpecError, match="--reference"):
        summary_of(made(), reference="relu")


def test_in_a_complete_grid_a_level_is_the_average_of_its_variants():
    finals = random.Random(0)
    cells = product(("tanh", "relu"), ("off", "batch"), ("0", "0.2", "0.5"), (0, 1))
    summary = summary_of(*(made(*cell, val=(0.1, finals.random())) for cell in cells))
    assert [level.factor for level in summary.levels] == ["activation", "norm", "dropout"]
    for level in summary.levels:
        assert level.backgrounds == level.compared == level.scored == 12 // len(level.table)
        averages = summary.variants.groupby(level.factor)[
            ["val_accuracy_mean", "steps_to_target_mean"]
        ].mean()
        for row in level.table.to_dict("records"):
            assert row["n"] == 2
            for metric, average in averages.loc[row[level.factor]].items():
                assert row[metric] == pytest.approx(average)


def test_the_spread_of_a_level_is_over_seeds_after_averaging_over_backgrounds():
    finals = {("off", 0): 0.2, ("batch", 0): 0.8, ("off", 1): 0.3, ("batch", 1): 0.9}
    runs = [
        made(activation, norm, seed=seed, val=(0.1, final))
        for (norm, seed), final in finals.items()
        for activation in ("relu", "tanh")
    ]
    row = only_row(level_summary(summary_of(*runs), "activation").table, activation="tanh")
    assert row["val_accuracy_mean"] == pytest.approx(0.55)
    assert row["val_accuracy_sd"] == pytest.approx(statistics.stdev([0.5, 0.6]))
    assert (row["n"], row["runs"]) == (2, 4)


def test_only_backgrounds_that_were_run_at_every_level_are_averaged():
    runs = [
        made("relu", "off", val=(0.1, 0.6)),
        made("tanh", "off", val=(0.1, 0.5)),
        made("relu", "batch", val=(0.1, 1.0)),  # tanh was never run with batch norm
    ]
    level = level_summary(summary_of(*runs), "activation")
    assert (level.backgrounds, level.compared, level.scored) == (2, 1, 1)
    assert only_row(level.table, activation="relu")["val_accuracy_mean"] == 0.6
    assert only_row(level.table, activation="relu")["runs"] == 1


def test_where_no_background_was_run_at_every_level_there_is_nothing_to_compare():
    level = level_summary(summary_of(made("relu", "off"), made("tanh", "batch")), "activation")
    assert (level.backgrounds, level.compared, level.scored) == (2, 0, 0)
    assert level.table.empty
    assert ranked(level.table, "aulc").empty


def test_a_failed_run_takes_its_background_out_of_the_scores_of_every_level_but_not_out_of_the_steps():
    runs = [
        made(activation, norm, seed=seed, val=(0.1, 0.5, 0.9 if norm == "off" else 0.7))
        for activation, norm, seed in product(("relu", "tanh"), ("off", "batch"), (0, 1))
    ]
    runs[-1] = made("tanh", "batch", seed=1, status=DIVERGED)
    level = level_summary(summary_of(*runs), "activation")
    assert (level.backgrounds, level.compared, level.scored) == (2, 2, 1)
    relu, tanh = (only_row(level.table, activation=activation) for activation in ("relu", "tanh"))
    assert relu["val_accuracy_mean"] == tanh["val_accuracy_mean"] == 0.9
    assert (relu["n"], relu["failed"], relu["reached"], relu["runs"]) == (2, 0, 4, 4)
    assert (tanh["n"], tanh["failed"], tanh["reached"], tanh["runs"]) == (2, 1, 3, 4)
    # Seed 0: 10 steps in both backgrounds; seed 1: 10 steps, and 20 where it diverged.
    assert tanh["steps_to_target_mean"] == pytest.approx((10 + 15) / 2)


def test_a_seed_is_left_out_where_that_costs_less_than_the_backgrounds_it_failed_in():
    def status(activation, dropout, seed):
        return DIVERGED if activation == "tanh" and dropout != "0" and seed == 2 else "finished"

    runs = [
        made(activation, dropout=dropout, seed=seed, status=status(activation, dropout, seed))
        for activation, dropout, seed in product(("relu", "tanh"), ("0", "0.2", "0.5"), (0, 1, 2))
    ]
    level = level_summary(summary_of(*runs), "activation")
    assert (level.compared, level.scored) == (3, 3)
    assert level.table["n"].tolist() == [2, 2]


def test_a_level_that_never_finished_does_not_hold_up_the_others_and_ranks_last():
    runs = [made("sigmoid", status=FAILED), made("relu", val=(0.1, 0.6)), made("tanh", val=(0.1, 0.5))]
    table = level_summary(summary_of(*runs, sort="gap_loss"), "activation").table
    assert table["activation"].tolist()[-1] == "sigmoid"
    assert table["n"].tolist() == [1, 1, 0]
    assert only_row(table, activation="relu")["val_accuracy_mean"] == 0.6


def test_where_everything_failed_the_summary_still_stands():
    summary = summary_of(made(status=FAILED), made("gelu", status=FAILED), target=Target(0.9, relative=True))
    assert summary.variants["n"].tolist() == [0, 0]
    assert summary.variants["failed"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("best_val_accuracy", ["gelu", "relu", "tanh", "sigmoid"]),
        ("gap_accuracy", ["tanh", "relu", "gelu", "sigmoid"]),
        ("steps_to_target", ["gelu", "relu", "tanh", "sigmoid"]),
        ("variant", ["sigmoid", "tanh", "relu", "gelu"]),
    ],
)
def test_variants_are_ranked_best_first_and_those_that_never_finished_last(sort, order):
    summary = summary_of(
        made("gelu", val=(0.1, 0.9, 0.9), gap=0.3),
        made("sigmoid", status=DIVERGED),
        made("relu", val=(0.1, 0.8, 0.8), gap=0.2),
        made("tanh", val=(0.1, 0.2, 0.4), gap=0.1),  # counts with all its steps, as sigmoid does
        sort=sort,
    )
    assert summary.variants["activation"].tolist() == order
    if sort != "variant":
        assert level_summary(summary, "activation").table["activation"].tolist() == order


def test_ties_keep_the_order_of_the_levels():
    summary = summary_of(made("gelu"), made("relu"), made("tanh"), sort="val_accuracy")
    assert summary.variants["activation"].tolist() == ["tanh", "relu", "gelu"]


def table_of(means, n):
    return pd.DataFrame({"gap_loss_mean": means, "aulc_mean": means, "n": n})


def test_the_best_and_the_worst_are_found_by_the_direction_of_the_metric_with_their_ties():
    table = table_of([0.3, 0.1, 0.2, 0.1 + 1e-17], n=[5, 5, 5, 5])
    assert extremes(table, "aulc") == ([True, False, False, False], [False, True, False, True])
    assert extremes(table, "gap_loss") == ([False, True, False, True], [True, False, False, False])


def test_what_never_finished_or_is_not_known_is_neither_best_nor_worst():
    table = table_of([0.3, 0.1, 0.2, math.nan], n=[5, 0, 5, 5])
    assert extremes(table, "aulc") == ([True, False, False, False], [False, False, True, False])


def test_where_all_are_equal_none_is_best():
    nothing = [False, False]
    assert extremes(table_of([0.3, 0.3], n=[5, 5]), "aulc") == (nothing, nothing)
    assert extremes(table_of([math.nan, math.nan], n=[0, 0]), "aulc") == (nothing, nothing)
