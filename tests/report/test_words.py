from itertools import product

import pandas as pd
import pytest

from ablate.analysis.convergence import Target
from ablate.analysis.findings import find
from ablate.analysis.gate.verdict import BITS, STATUS
from ablate.analysis.interactions import Moderation
from ablate.analysis.margin import Margin
from ablate.analysis.metrics import GATE_METRICS, METRICS
from ablate.analysis.standing import Standing
from ablate.analysis.summary import summarize
from ablate.experiment.spec import FACTORS
from ablate.report.headings import HEADINGS, REPORTED, levels_words
from ablate.report.numbers import PERCENT
from ablate.report.words import (
    abbreviate_verdict,
    collect_warnings,
    describe_interaction,
    describe_terms,
    describe_winner,
    format_difference,
    format_margin,
    format_p,
    format_share,
    format_verdict,
)
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

EFFECT = {"sigmoid": -0.4, "relu": 0.0, "elu": 0.1}
# What a seed adds to each cell, so that not all differences are alike.
JITTER = (0.002, -0.001, 0.003, -0.002, 0.001, 0.0, 0.004)


def lecture(seeds=3):
    """Batch norm leaves a fifth of what the activations differ by; dropout does nothing."""
    runs = []
    for place, (activation, norm, dropout, seed) in enumerate(
        product(EFFECT, ("off", "batch"), ("0", "0.5"), range(seeds))
    ):
        final = 0.6 + EFFECT[activation] * (0.2 if norm == "batch" else 1.0) + JITTER[place % 7]
        runs.append(made(activation, norm, dropout, seed, val=(0.05, 0.06, final)))
    return runs


def about(runs, sort="val_accuracy", target="0.5", **options):
    summary = summarize(*frames(*runs), Target.parse(target), None, sort)
    return summary, find(summary, **options)


def test_each_metric_and_factor_has_its_words():
    assert set(REPORTED) == set(METRICS)
    assert set(HEADINGS) == {*METRICS, *GATE_METRICS, STATUS, BITS}
    assert len({heading.words for heading in HEADINGS.values()}) == len(HEADINGS)
    assert len({levels_words(factor) for factor in FACTORS}) == len(FACTORS)


def test_each_term_of_the_analysis_of_variance_has_one_sentence():
    rows = {term: (part, sentence) for term, part, sentence in describe_terms(*about(lecture()))}
    assert list(rows)[-2:] == ["seed", "unexplained"]
    part, sentence = rows["activation x norm"]
    assert sentence.startswith("batch norm removes 80% [")
    assert sentence.endswith("of the difference between activations (p<0.001)")
    assert int(part.rstrip("%")) > 20
    # Level means over both settings of batch norm: 0.6 - 0.24 and 0.6 + 0.06.
    assert rows["activation"][1] == "from 36.1% (sigmoid) to 66.1% (elu) (p<0.001)"
    assert rows["norm"][1].startswith("batch norm: +8.1 [+7.")
    assert "points from off" in rows["norm"][1]
    assert rows["dropout"][1].startswith("no sign of an effect (p=")
    assert rows["norm x dropout"][1].startswith("no sign that they act on each other (p=")


def moderation(ratio, low, high, level="batch"):
    return Moderation("activation", "norm", "off", level, 0.1, 0.1 * ratio, ratio, low, high)


def test_an_interaction_is_told_by_the_level_that_changes_most():
    pair = ("activation", "norm")
    weaker, stronger = moderation(0.9, 0.85, 0.95, "batch-post"), moderation(0.2, 0.15, 0.25)
    assert describe_interaction([weaker, stronger], pair) == (
        "batch norm removes 80% [75%, 85%] of the difference between activations"
    )
    assert describe_interaction([moderation(2.0, 1.5, 2.5)], pair) == (
        "batch norm makes the difference between activations 2.0 times as large [1.5, 2.5]"
    )
    assert describe_interaction([moderation(0.9, 0.7, 1.1)], pair) == (
        "which of the activations is better depends on norm"
    )


def row(**changes):
    return {"difference": 0.018, "low": 0.014, "high": 0.0224, "pairs": 5, "more_seeds": pd.NA} | changes


def test_a_difference_has_its_sign_and_interval():
    assert format_difference(row(), PERCENT) == "+1.8 [+1.4, +2.2]"
    assert format_difference(row(low=float("nan")), PERCENT) == "+1.8"
    assert format_difference(row(difference=float("nan"), low=float("nan")), PERCENT) == "-"
    assert [PERCENT.signed(value) for value in (-0.0001, 0.0, -0.01)] == ["0.0", "0.0", "-1.0"]


@pytest.mark.parametrize(
    ("changes", "long", "short"),
    [
        ({"verdict": Standing.BETTER}, "better", "better"),
        ({"verdict": Standing.TIED}, "tied within the margin", "tied"),
        (
            {"verdict": Standing.TOO_FEW, "more_seeds": 7},
            "too few seeds to tell (about 7 more needed)",
            "too few, +7",
        ),
        ({"verdict": Standing.TOO_FEW}, "too few seeds to tell (more than 1000 in all needed)", "too few"),
        ({"verdict": Standing.TOO_FEW, "pairs": 1}, "too few seeds to tell", "too few"),
        ({"verdict": Standing.NO_PAIRS}, "no pairs", "no pairs"),
    ],
)
def test_verdicts_in_words(changes, long, short):
    assert format_verdict(row(**changes)) == long
    assert abbreviate_verdict(row(**changes)) == short


def test_shares_and_p_values():
    assert [format_share(value) for value in (0.553, 0.0994, 0.003, float("nan"))] == [
        "55%",
        "9.9%",
        "0.3%",
        "-",
    ]
    assert [format_p(value) for value in (0.0312, 0.0004, float("nan"))] == [" (p=0.031)", " (p<0.001)", ""]


def test_the_winner_is_named_with_what_it_is_tied_with_best_first():
    finals = {"relu": 0.8, "elu": 0.801, "gelu": 0.9, "silu": 0.9005, "mish": 0.899, "tanh": 0.2}
    runs = [
        made(
            name, seed=seed, val=(0.1, 0.15, final + 0.01 * seed + (0.001 if name == "tanh" and seed else 0))
        )
        for name, final in finals.items()
        for seed in range(4)
    ]
    lines = describe_winner(*about(runs))
    assert lines[0] == (
        "silu norm=off dropout=0: +10.1 [+10.0, +10.1] points from the reference, too few seeds to tell "
        "(about 4 more needed)"
    ) or lines[0].startswith("silu norm=off dropout=0: +10.")
    assert lines[1] == "tied with it: gelu norm=off dropout=0, mish norm=off dropout=0"
    assert lines[2].startswith(
        "too few seeds to tell from it: elu norm=off dropout=0, relu norm=off dropout=0"
    )


def test_the_reference_can_win_and_nobody_can():
    assert describe_winner(*about([made("relu"), made("tanh", val=(0.1, 0.2, 0.3))]))[0] == (
        "relu norm=off dropout=0, the reference"
    )
    assert describe_winner(*about([made("relu", status=FAILED)])) == [
        "no run finished, so none has a final validation accuracy"
    ]


def test_margins_in_words():
    assert format_margin(about(lecture())[1]) == "0.5 points"
    assert (
        format_margin(about(lecture(), sort="steps_to_target")[1]) == "10% of the reference's steps to target"
    )
    assert format_margin(about(lecture(), sort="gap_loss", margin=Margin(0.3))[1]) == "0.3 nats"


def test_five_seeds_are_warned_of_and_enough_are_not():
    pair = ("relu", "tanh")
    (line,) = collect_warnings(*about([made(name, seed=seed) for name in pair for seed in range(5)]))
    assert line.startswith(
        "5 seeds: the smallest p of a sign-flip test is 0.0625, and to get to 0.05 with Holm over 1 "
    )
    assert "it takes 6 seeds" in line
    assert collect_warnings(*about([made(name, seed=seed) for name in pair for seed in range(6)])) == []
    (line,) = collect_warnings(*about([made(name) for name in pair]))
    assert line.startswith("1 seed: nothing tells a difference from chance")
    assert collect_warnings(*about([made()])) == []


def test_failed_runs_come_first_and_an_unknown_target_next():
    runs = [
        made("relu", seed=0, status=DIVERGED),
        made("relu", seed=1, status=FAILED),
        made("tanh"),
        made("elu"),
    ]
    summary = summarize(*frames(*runs), Target.parse("90%"), "relu norm=off dropout=0", "val_accuracy")
    failed, target, *_ = collect_warnings(summary, find(summary))
    assert failed.startswith("2 of 4 runs did not finish (1 diverged, 1 failed), in 1 variant;")
    assert "--target 0.9" in target
