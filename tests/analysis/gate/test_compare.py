from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablate.analysis.gate.compare import compare
from ablate.analysis.gate.metrics import chosen_metrics
from ablate.analysis.gate.verdict import EVERY, Cause, Reason, Verdict, reasons
from tests.analysis.gate.frames import (
    ACCURACY,
    METRICS,
    RED,
    finding,
    gate,
    runs,
    side,
    with_loss,
    with_status,
)


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


@pytest.mark.parametrize(("seeds", "why"), [(2, (Reason.NOT_COMPARABLE,)), (3, RED)])
def test_too_few_seeds_to_show_anything_are_no_pass(seeds, why):
    old = runs(seeds=range(seeds))
    assert gate(old, with_loss(old, 0.2))[1] == why
    assert gate(old, old)[1] == (() if seeds == 3 else why)


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
