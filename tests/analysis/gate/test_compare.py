from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablate.analysis.gate.compare import compare
from ablate.analysis.gate.faults import self_test
from ablate.analysis.gate.metrics import chosen_metrics
from ablate.analysis.gate.verdict import EVERY, STATUS, Cause, Reason, Verdict, reasons
from ablate.errors import SpecError
from tests.analysis.gate.frames import ACCURACY, METRICS, finding, runs, side, with_loss, with_status

RED = (Reason.REGRESSION,)


def gate(baseline, candidate, metrics=METRICS, **options):
    comparison = compare(side(baseline), side(candidate), metrics, 0.05, **options)
    return comparison, reasons(comparison, allow_missing=False)


def test_a_copy_is_unchanged_everywhere():
    comparison, why = gate(runs(), runs().iloc[::-1])
    assert why == ()
    assert {each.verdict for each in comparison.findings} == {Verdict.UNCHANGED}
    assert len(comparison.findings) == 2 + 3 * len(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_metric_has_its_direction(metric):
    size = 30.0 if metric.gate_margin.relative else 0.05
    lower = gate(runs(), with_loss(runs(), size, "relu", metric.gate_column))
    higher = gate(runs(), with_loss(runs(), -size, "relu", metric.gate_column))
    worse, better = (lower, higher) if metric.higher_is_better else (higher, lower)
    assert finding(worse[0], "relu", metric.name).verdict is Verdict.REGRESSED
    assert worse[1] == RED
    assert finding(better[0], "relu", metric.name).verdict is Verdict.IMPROVED
    assert better[1] == ()
    assert finding(worse[0], "tanh", metric.name).verdict is Verdict.UNCHANGED


def test_a_regression_needs_both_sizes():
    certain_but_small = with_loss(runs(), 0.009)
    assert gate(runs(), certain_but_small)[1] == ()
    generator = np.random.default_rng(0)
    large_but_uncertain = runs().assign(
        val_accuracy=lambda frame: frame["val_accuracy"] - 0.03 + generator.normal(0, 0.1, len(frame))
    )
    comparison, why = gate(runs(), large_but_uncertain, ACCURACY)
    assert why == ()
    assert finding(comparison, "relu", "val_accuracy").verdict is Verdict.INCONCLUSIVE
    assert finding(comparison, "relu", "val_accuracy").more_seeds >= 1


def test_a_small_loss_of_every_variant_is_found_in_their_mean():
    names = ("relu", "tanh", "gelu", "elu", "silu", "mish", "celu", "selu")
    old, new = (runs(names, noise=0.02, draw=draw) for draw in (1, 1))
    generator = np.random.default_rng(2)
    new["val_accuracy"] += generator.normal(-0.014, 0.012, len(new))
    comparison, why = gate(old, new, ACCURACY)
    assert finding(comparison, EVERY, "val_accuracy").verdict is Verdict.REGRESSED
    assert why == RED


def test_seeds_that_agree_are_paired_and_others_are_not():
    paired, _ = gate(runs(seeds=range(8)), runs(seeds=range(2, 9)))
    assert (paired.paired, paired.baseline_seeds, paired.test) == (True, tuple(range(2, 8)), "sign flips")
    assert any("2 seeds of the baseline" in note for note in paired.notes)
    apart, _ = gate(runs(seeds=range(6)), runs(seeds=range(6, 12), draw=1))
    assert (apart.paired, apart.test) == (False, "deals of seeds")
    assert finding(apart, "relu", "val_accuracy").verdict is not Verdict.REGRESSED


@pytest.mark.parametrize(("seeds", "why"), [(2, (Reason.NOT_COMPARABLE,)), (3, RED)])
def test_too_few_seeds_to_show_anything_are_no_pass(seeds, why):
    old = runs(seeds=range(seeds))
    assert gate(old, with_loss(old, 0.2))[1] == why
    assert gate(old, old)[1] == (() if seeds == 3 else why)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_fails(value):
    new = runs()
    new.loc[0, "val_accuracy"] = value
    comparison, why = gate(runs(), new)
    found = finding(comparison, "relu", "val_accuracy")
    assert (found.verdict, found.cause) == (Verdict.FAILED, Cause.NOT_FINITE)
    assert why == (Reason.FAILED_RUNS,)
    both, why = gate(new, new)
    assert finding(both, "relu", "val_accuracy").verdict is Verdict.INCOMPARABLE
    assert why == (Reason.NOT_COMPARABLE,)


def test_a_run_that_diverges_fails_and_one_that_diverged_before_does_not():
    broken = with_status(runs(), "diverged", "relu", 3)
    comparison, why = gate(runs(), broken)
    assert finding(comparison, "relu", STATUS).verdict is Verdict.FAILED
    assert "seed 3 diverged" in finding(comparison, "relu", STATUS).note
    assert why == (Reason.FAILED_RUNS,)
    assert gate(broken, broken)[1] == ()
    assert finding(gate(broken, runs())[0], "relu", STATUS).verdict is Verdict.IMPROVED
    died = with_status(runs(), "failed", "relu", 3)
    assert gate(died, died)[1] == (Reason.FAILED_RUNS,)


def test_a_variant_whose_every_run_diverges_is_not_measured():
    broken = with_status(runs(), "diverged", "relu", *range(6))
    comparison, why = gate(runs(), broken)
    assert why == (Reason.FAILED_RUNS,)
    assert {each.metric for each in comparison.findings if each.variant.startswith("relu")} == {STATUS}
    assert gate(broken, broken)[1] == ()


def test_a_regression_is_graver_than_a_failed_run():
    broken = with_status(with_loss(runs(), 0.05, "tanh"), "diverged", "relu", 0)
    assert gate(runs(), broken)[1] == (Reason.REGRESSION, Reason.FAILED_RUNS)


def test_a_variant_that_vanished_is_no_pass_unless_allowed_and_a_new_one_is_judged_by_nobody():
    both, one = runs(), runs(("relu",))
    comparison, why = gate(both, one)
    assert finding(comparison, "tanh", STATUS).cause is Cause.VANISHED
    assert why == (Reason.NOT_COMPARABLE,)
    assert reasons(comparison, allow_missing=True) == ()
    comparison, why = gate(one, both)
    assert finding(comparison, "tanh", STATUS).cause is Cause.NEW
    assert why == ()


def test_a_metric_that_vanished_is_no_pass_unless_allowed():
    comparison, why = gate(runs(), runs().drop(columns="aulc"))
    assert finding(comparison, EVERY, "aulc").cause is Cause.VANISHED
    assert why == (Reason.NOT_COMPARABLE,)
    assert reasons(comparison, allow_missing=True) == ()
    assert gate(runs().drop(columns="aulc"), runs())[1] == ()


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("dataset", "mnist", "dataset is digits in the baseline and mnist"),
        ("model", "cnn", "model is mlp in the baseline and cnn"),
        ("epochs", 20, "epochs is 10 in the baseline and 20 in the candidate"),
        ("learning_rate", 0.2, "learning_rate is 0.1 in the baseline and 0.2"),
    ],
)
def test_other_settings_are_incomparable(column, value, told):
    comparison, why = gate(runs(), runs().assign(**{column: value}))
    assert {each.verdict for each in comparison.findings} == {Verdict.INCOMPARABLE}
    assert told in comparison.findings[0].note
    assert why == (Reason.NOT_COMPARABLE,)
    assert reasons(comparison, allow_missing=True) == (Reason.NOT_COMPARABLE,)


def test_another_split_of_the_data_is_incomparable_and_so_are_other_arrays():
    comparison = compare(side(runs(), split_seed=0), side(runs(), split_seed=1), METRICS, 0.05)
    assert "split_seed is 0 in the baseline and 1" in comparison.findings[0].note
    file = runs().assign(dataset="npz:x.npz")
    assert gate(file, file)[1] == ()
    comparison, why = gate(file, file.assign(run_id=file["run_id"] + "x"))
    assert "arrays" in comparison.findings[0].note
    assert why == (Reason.NOT_COMPARABLE,)


def test_steps_to_another_target_are_incomparable():
    comparison = compare(side(runs(), 0.9), side(runs(), 0.8), METRICS, 0.05)
    assert "the target is 0.9 in the baseline and 0.8" in finding(comparison, EVERY, "steps_to_target").note


def test_a_baseline_of_zero_needs_no_ratio():
    zero, metrics = runs().assign(restricted_steps=0.0), chosen_metrics(["steps_to_target"], [])
    assert gate(zero, zero, metrics)[1] == ()
    assert gate(zero, zero.assign(restricted_steps=1.0), metrics)[1] == RED
    assert gate(zero.assign(restricted_steps=1.0), zero, metrics)[1] == ()


def test_the_cost_of_a_step_is_a_hint_unless_asked_for_and_hides_nothing():
    slow = runs().assign(step_seconds=lambda frame: frame["step_seconds"] * 10)
    everything = chosen_metrics([], [])
    comparison, why = gate(runs(), slow, everything)
    assert finding(comparison, "relu", "step_seconds").verdict is Verdict.REGRESSED
    assert why == ()
    assert gate(runs(), slow, chosen_metrics(["step_seconds"], []))[1] == RED
    planted = with_loss(runs(), 0.05, "relu")
    p_alone = finding(gate(runs(), planted)[0], "relu", "val_accuracy").p
    with_hint = planted.assign(step_seconds=1e-9)
    assert finding(gate(runs(), with_hint, everything)[0], "relu", "val_accuracy").p == p_alone
    elsewhere = replace(side(slow), environment={"cpu": "another"})
    comparison = compare(side(runs()), elsewhere, everything, 0.05)
    assert finding(comparison, EVERY, "step_seconds").verdict is Verdict.INCOMPARABLE
    assert reasons(comparison, allow_missing=False) == ()


def test_exact_finds_the_last_bit_and_passes_over_times():
    new = runs().assign(step_seconds=5.0)
    assert gate(runs(), new, exact=True)[1] == ()
    new.loc[1, "val_loss"] = np.nextafter(new.loc[1, "val_loss"], 9)
    comparison, why = gate(runs(), new, exact=True)
    assert why == RED
    assert finding(comparison, "relu", "bits").note == "val_loss differ in 1 of 6 runs, first in seed 1"
    assert gate(runs(), runs(seeds=range(5)), exact=True)[1] == (Reason.NOT_COMPARABLE,)


def test_options_that_are_not_legal_are_explained():
    with pytest.raises(SpecError, match=r"val_acuracy.*did you mean 'val_accuracy'"):
        chosen_metrics(["val_acuracy"], [])
    with pytest.raises(SpecError, match="--margin: 'val_accuracy' is not METRIC=SIZE"):
        chosen_metrics([], ["val_accuracy"])
    (metric,) = chosen_metrics(["val_accuracy"], ["val_accuracy=3%"])
    assert metric.gate_limit(np.array(1.0), np.array(3.0)) == pytest.approx(0.06)


def test_the_self_test_finds_every_fault_and_a_deaf_gate_does_not():
    assert all(trial.passed for trial in self_test(side(runs()), METRICS, 0.05))
    deaf = chosen_metrics(["val_accuracy"], ["val_accuracy=500%"])
    trials = {trial.fault: trial for trial in self_test(side(runs(seeds=range(2))), deaf, 0.05)}
    assert not trials["A/A pair"].passed
    few = list(self_test(side(runs()), METRICS, 1e-6))
    assert not all(trial.passed for trial in few)


CHANGES = st.tuples(
    st.sampled_from(["loss", "nan", "diverged", "failed", "vanish", "settings"]),
    st.sampled_from(["relu", "tanh", "gelu"]),
    st.sampled_from([metric.gate_column for metric in METRICS]),
    st.floats(-0.1, 0.1),
    st.integers(0, 6),
)


def changed(frame: pd.DataFrame, changes) -> pd.DataFrame:
    for kind, activation, column, size, seed in changes:
        hit = frame["activation"].eq(activation)
        if kind == "loss":
            frame = with_loss(frame, size * (100 if column == "restricted_steps" else 1), activation, column)
        elif kind == "nan":
            frame = frame.assign(**{column: frame[column].mask(hit & frame["seed"].eq(seed))})
        elif kind == "settings":
            frame = frame.assign(epochs=frame["epochs"].mask(hit, 20))
        elif kind == "vanish" and not hit.all():
            frame = frame[~hit]
        elif kind in ("diverged", "failed"):
            frame = with_status(frame, kind, activation, seed)
    return frame


MIRRORED = {
    Verdict.IMPROVED: {Verdict.REGRESSED, Verdict.FAILED},
    Verdict.REGRESSED: {Verdict.IMPROVED},
    Verdict.FAILED: {Verdict.IMPROVED, Verdict.FAILED},
    Verdict.UNCHANGED: {Verdict.UNCHANGED},
    Verdict.INCONCLUSIVE: {Verdict.INCONCLUSIVE},
    Verdict.INCOMPARABLE: {Verdict.INCOMPARABLE},
}


@settings(max_examples=30, deadline=None)
@given(
    old=st.lists(CHANGES, max_size=2),
    new=st.lists(CHANGES, max_size=3),
    first=st.sampled_from([0, 1, 6]),
    draw=st.integers(0, 5),
)
def test_swapping_the_sides_mirrors_every_verdict(old, new, first, draw):
    names = ("relu", "tanh", "gelu")
    baseline = side(changed(runs(names, range(6)), old))
    candidate = side(changed(runs(names, range(first, first + 6), draw=draw), new))
    there, back = (compare(*pair, METRICS, 0.05) for pair in ((baseline, candidate), (candidate, baseline)))
    mirrored = {(each.variant, each.metric): each for each in back.findings}
    assert len(mirrored) == len(there.findings)
    for each in there.findings:
        other = mirrored[each.variant, each.metric]
        assert other.verdict in MIRRORED[each.verdict]
        if each.cause is Cause.MEASURED:
            assert other.p == each.p
            if each.verdict is Verdict.IMPROVED:
                assert other.verdict is Verdict.REGRESSED
            if each.difference is not None:
                assert other.difference == pytest.approx(-each.difference, abs=1e-12)
