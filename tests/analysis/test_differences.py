import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ablate.analysis.convergence import Target
from ablate.analysis.differences import difference_table, level_differences, variant_differences
from ablate.analysis.margin import Margin
from ablate.analysis.standing import Standing
from ablate.analysis.summary import summarize
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

METRIC = "val_accuracy"
NONE = Margin(0.0)
TOLD = (Standing.BETTER, Standing.WORSE)


def runs_of(*runs):
    return summarize(*frames(*runs), Target(0.5, relative=False), None, "variant").runs


def grid(activation, finals, **settings):
    return [
        made(activation, seed=seed, val=(0.1, 0.2, final), **settings) for seed, final in enumerate(finals)
    ]


def by_variant(*runs, metric=METRIC, margin=NONE):
    table = variant_differences(runs_of(*runs), metric, "relu norm=off dropout=0", margin)
    return {row["variant"].split()[0]: row for row in table.to_dict("records")}


def noise(seeds, variants, tables, kind, generator):
    if kind == "counted":
        return generator.binomial(287, 0.97, (tables, seeds, variants)) / 287
    return (
        0.9
        + generator.normal(0, 0.01, (tables, seeds, 1))
        + generator.normal(0, 0.004, (tables, seeds, variants))
    )


@pytest.mark.parametrize(
    ("seeds", "variants", "kind", "tables"),
    [(8, 3, "normal", 1000), (5, 6, "normal", 300), (5, 6, "counted", 300), (3, 6, "counted", 300)],
)
def test_identical_variants_are_told_apart_in_at_most_one_of_twenty_grids(seeds, variants, kind, tables):
    names = pd.Index([f"same {name}" for name in range(variants)], name="variant")
    claimed = 0
    for values in noise(seeds, variants, tables, kind, np.random.default_rng(seeds)):
        frame = pd.DataFrame(values, columns=names)
        claimed += difference_table(frame, frame.notna(), names[0], METRIC, NONE)["verdict"].isin(TOLD).any()
    assert claimed <= 0.05 * tables


def test_differences_are_paired_by_seed_whatever_the_order_of_the_runs():
    relu, tanh = [0.5, 0.6, 0.7, 0.8], [0.51, 0.63, 0.72, 0.80]
    runs = [*grid("relu", relu), *reversed(grid("tanh", tanh))]
    row = by_variant(*runs)["tanh"]
    differences = np.subtract(tanh, relu)
    assert row["pairs"] == 4
    assert row["difference"] == pytest.approx(differences.mean())
    interval = stats.t.interval(0.95, 3, differences.mean(), stats.sem(differences))
    assert (row["low"], row["high"]) == pytest.approx(interval)
    assert row["p"] == row["p_holm"] == 2 / 8  # a difference of zero is none
    assert row["improvement"] == 3.5 / 4


def test_the_reference_is_no_comparison_and_counts_for_none():
    table = by_variant(
        *grid("relu", [0.5, 0.6, 0.7]), *grid("tanh", [0.6, 0.7, 0.9]), *grid("elu", [0.5, 0.7, 0.9])
    )
    assert table["relu"]["verdict"] == Standing.REFERENCE
    assert math.isnan(table["relu"]["p"])
    assert table["tanh"]["p"] == 0.25
    assert table["tanh"]["p_holm"] == 0.5


def test_what_is_lower_is_better_where_that_is_so():
    seeds = range(8)
    relu = [made("relu", seed=seed, gap=0.05 + 0.001 * seed) for seed in seeds]
    tanh = [made("tanh", seed=seed, gap=0.01 + 0.002 * seed) for seed in seeds]
    row = by_variant(*relu, *tanh, metric="gap_accuracy")["tanh"]
    assert row["difference"] == pytest.approx(-0.04 + 0.0035)
    assert row["verdict"] == Standing.BETTER
    assert row["improvement"] == 1.0


def test_a_failed_run_is_a_lost_pair_and_never_dropped():
    finals = [0.5 + 0.01 * seed for seed in range(8)]
    won = [made("tanh", seed=seed, val=(0.1, 0.2, final + 0.1)) for seed, final in enumerate(finals[:6])]
    failed = [made("tanh", seed=6, status=DIVERGED), made("tanh", seed=7, status=FAILED)]
    row = by_variant(*grid("relu", finals), *won, *failed)["tanh"]
    assert (row["pairs"], row["failed"], row["reference_failed"]) == (6, 2, 0)
    assert row["difference"] == pytest.approx(0.1)
    assert row["improvement"] == 6 / 8
    # Six wins and two losses of one size: the patterns of eight signs with at least six alike.
    assert row["p"] == pytest.approx(2 * (1 + 8 + 28) / 2**8)
    assert row["verdict"] == Standing.TOO_FEW


def test_a_variant_that_fails_where_the_reference_never_does_is_no_tie():
    same = [made("tanh", seed=seed) for seed in range(4)]
    reference = [made("relu", seed=seed) for seed in range(5)]
    margin = Margin(0.01)
    assert (
        by_variant(*reference, *same, made("tanh", seed=4), margin=margin)["tanh"]["verdict"] == Standing.TIED
    )
    failed = by_variant(*reference, *same, made("tanh", seed=4, status=FAILED), margin=margin)["tanh"]
    assert failed["verdict"] == Standing.TOO_FEW


def test_a_variant_that_always_fails_is_said_to_whatever_the_number_of_seeds():
    def verdict(seeds):
        failed = [made("tanh", seed=seed, status=DIVERGED) for seed in range(seeds)]
        return by_variant(*[made("relu", seed=seed) for seed in range(seeds)], *failed)["tanh"]["verdict"]

    assert verdict(1) == verdict(3) == verdict(6) == Standing.FAILED


def test_a_win_over_a_failed_reference_counts_and_two_failures_tell_nothing():
    reference = [
        made("relu", seed=0),
        made("relu", seed=1, status=FAILED),
        made("relu", seed=2, status=FAILED),
    ]
    row = by_variant(
        *reference, made("tanh", seed=0), made("tanh", seed=1), made("tanh", seed=2, status=FAILED)
    )["tanh"]
    assert (row["pairs"], row["failed"], row["reference_failed"]) == (1, 0, 1)
    both = by_variant(made("relu", status=FAILED), made("tanh", status=FAILED))["tanh"]
    assert both["verdict"] == Standing.NO_PAIRS
    assert math.isnan(both["difference"])


def test_seeds_that_only_one_was_trained_with_are_no_pairs_and_no_failures():
    row = by_variant(*grid("relu", [0.5, 0.6, 0.7]), *grid("tanh", [0.6, 0.7]))["tanh"]
    assert (row["pairs"], row["failed"], row["reference_failed"]) == (2, 0, 0)


def test_steps_to_target_compare_all_runs_the_censored_and_the_failed_with_all_their_steps():
    relu = [made("relu", seed=seed, val=(0.1, 0.5, 0.9)) for seed in range(3)]
    tanh = [
        made("tanh", seed=0, val=(0.1, 0.2, 0.4)),
        made("tanh", seed=1, status=FAILED),
        made("tanh", seed=2),
    ]
    row = by_variant(*relu, *tanh, metric="steps_to_target")["tanh"]
    assert row["pairs"] == 3
    assert row["difference"] == pytest.approx((10 + 10 + 0) / 3)


def test_main_effects_are_differences_in_the_same_backgrounds():
    def final(activation, norm, seed):
        return 0.5 + 0.1 * (activation == "tanh") + 0.2 * (norm == "batch") + 0.01 * seed

    runs = [
        made(activation, norm, seed=seed, val=(0.1, 0.2, final(activation, norm, seed)))
        for activation in ("relu", "tanh")
        for norm in ("off", "batch")
        for seed in range(3)
    ]
    factors = ("activation", "norm", "dropout")
    lone = made("tanh", "batch-post", seed=0, val=(0.1, 0.2, 0.99))
    for extra in ([], [lone]):
        table = level_differences(runs_of(*runs, *extra), METRIC, "activation", factors, "relu", NONE)
        row = table.set_index("activation").loc["tanh"]
        assert row["pairs"] == 3
        assert row["difference"] == pytest.approx(0.1)
    table = level_differences(runs_of(*runs), METRIC, "norm", factors, "off", NONE)
    assert table.set_index("norm").loc["batch", "difference"] == pytest.approx(0.2)


def test_levels_without_a_common_background_have_nothing_to_compare():
    runs = runs_of(made("relu", "off"), made("tanh", "batch"))
    table = level_differences(runs, METRIC, "activation", ("activation", "norm", "dropout"), "relu", NONE)
    assert table["pairs"].tolist() == [0]


@pytest.mark.parametrize(("seeds", "tables"), [(5, 300), (10, 300)])
def test_identical_variants_are_not_told_from_the_luckiest_of_them(seeds, tables):
    names = pd.Index([f"same {name}" for name in range(9)], name="variant")
    claimed = 0
    for values in noise(seeds, 9, tables, "normal", np.random.default_rng(seeds)):
        frame = pd.DataFrame(values, columns=names)
        best = frame.mean().idxmax()
        table = difference_table(frame, frame.notna(), best, METRIC, NONE, is_chosen=True)
        claimed += table["verdict"].isin(TOLD).any()
    assert claimed <= 0.05 * tables


@pytest.mark.parametrize("seeds", [2, 3])
def test_a_few_differences_that_are_equal_by_chance_have_no_interval_but_those_of_0_are_a_tie(seeds):
    rows = by_variant(
        *grid("relu", [0.5] * seeds),
        *grid("tanh", [0.504] * seeds),
        *grid("elu", [0.5] * seeds),
        margin=Margin(0.005),
    )
    assert np.isnan(rows["tanh"]["low"])
    assert rows["tanh"]["verdict"] == Standing.TOO_FEW
    assert (rows["elu"]["low"], rows["elu"]["verdict"]) == (0, Standing.TIED)


def test_a_reference_that_always_fails_is_said_to():
    runs = [made("relu", seed=seed, status=DIVERGED) for seed in range(3)]
    assert by_variant(*runs, *grid("tanh", [0.5] * 3))["tanh"]["verdict"] == Standing.REFERENCE_FAILED


def test_of_runs_that_miss_the_target_the_one_trained_for_less_is_not_faster():
    missing = {"metric": "steps_to_target"}
    long = [made("relu", seed=seed, val=(0.1, 0.2, 0.3, 0.4)) for seed in range(8)]
    short = [made("tanh", seed=seed, val=(0.1, 0.2)) for seed in range(8)]
    row = by_variant(*long, *short, **missing)["tanh"]
    assert (row["difference"], row["verdict"]) == (0, Standing.NOT_REACHED)
    reaching = [made("relu", seed=seed, val=(0.1, 0.9, 0.9)) for seed in range(8)]
    row = by_variant(*reaching, *short, **missing)["tanh"]
    assert row["difference"] > 0
    assert row["verdict"] == Standing.WORSE
