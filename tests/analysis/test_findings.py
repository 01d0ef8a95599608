from itertools import product

import pytest

from ablate.analysis.convergence import Target
from ablate.analysis.findings import find, find_all
from ablate.analysis.margin import Margin
from ablate.analysis.metrics import METRICS
from ablate.analysis.summary import summarize
from ablate.store.status import FAILED
from tests.made_up import frames, made


def summary_of(*runs, reference=None, sort="val_accuracy"):
    return summarize(*frames(*runs), Target(0.5, relative=False), reference, sort)


def grid():
    score = {"relu": 0.6, "tanh": 0.7, "elu": 0.65}
    return [
        made(activation, dropout=dropout, seed=seed, val=(0.1, 0.2, score[activation] + 0.001 * seed))
        for activation, dropout, seed in product(score, ("0", "0.5"), range(3))
    ]


def test_the_winner_has_the_best_mean_and_the_others_are_compared_with_it():
    found = find(summary_of(*grid()))
    assert found.metric == "val_accuracy"
    assert found.winner == "tanh norm=off dropout=0"
    against = found.against_winner.set_index("variant")["difference"]
    assert against["elu norm=off dropout=0"] == pytest.approx(-0.05)
    assert found.variants.set_index("variant").loc["elu norm=off dropout=0", "difference"] == pytest.approx(
        0.05
    )


def test_levels_are_compared_with_those_of_the_reference():
    found = find(summary_of(*grid(), reference="elu norm=off dropout=0.5"))
    assert found.reference_levels == {"activation": "elu", "dropout": "0.5"}
    assert found.levels["activation"].set_index("activation")["difference"].to_dict() == {
        "tanh": pytest.approx(0.05),
        "relu": pytest.approx(-0.05),
        "elu": 0.0,
    }


def test_the_factor_with_fewer_levels_is_the_moderator():
    found = find(summary_of(*grid()))
    assert set(found.moderations) == set(found.contrasts) == {("activation", "dropout")}
    assert found.moderations["activation", "dropout"][0].ratio == pytest.approx(1)


def test_sorted_by_the_order_of_levels_it_is_about_the_best_accuracy():
    assert find(summary_of(*grid(), sort="variant")).metric == "best_val_accuracy"


def test_a_margin_given_holds_for_the_metric_asked_for_alone():
    found = find_all(summary_of(*grid()), Margin(0.2))
    assert list(found) == list(METRICS)
    assert found["val_accuracy"].margin == Margin(0.2)
    assert found["gap_loss"].margin == METRICS["gap_loss"].report_margin


def test_where_nothing_finished_there_is_no_winner():
    found = find(summary_of(made("relu", status=FAILED), made("tanh", status=FAILED)))
    assert found.winner is None
    assert len(found.against_winner) == 0
    assert found.variants["pairs"].tolist() == [0, 0]


def test_by_steps_a_variant_trained_for_less_that_misses_the_target_does_not_win():
    runs = [made("relu", seed=seed, val=(0.1, 0.2, 0.3, 0.9)) for seed in range(3)]
    runs += [made("tanh", seed=seed, val=(0.1, 0.2)) for seed in range(3)]
    summary = summary_of(*runs, sort="steps_to_target")
    assert find(summary).winner == "relu norm=off dropout=0"
    assert summary.variants["variant"].tolist() == ["relu norm=off dropout=0", "tanh norm=off dropout=0"]


def test_where_nobody_reaches_the_target_nobody_wins_by_steps():
    runs = [made(name, seed=seed, val=(0.1, 0.2, 0.3)) for name in ("relu", "tanh") for seed in range(3)]
    found = find(summary_of(*runs, sort="steps_to_target"))
    assert found.winner is None
    assert set(found.variants["verdict"]) == {"reference", "not reached"}
