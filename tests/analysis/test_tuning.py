import pytest

from ablate.analysis.tuning import choose
from ablate.store.status import DIVERGED
from tests.made_up import frames, made


def _runs(*runs):
    return frames(*runs)[0]


def _tried(activation, rate, *accuracies, **others):
    return [
        made(activation, seed=seed, val=(0.1, accuracy), learning_rate=rate, **others)
        for seed, accuracy in enumerate(accuracies)
    ]


def test_each_variant_gets_its_own_most_accurate_rate():
    runs = _runs(
        *_tried("tanh", 0.1, 0.5, 0.7),
        *_tried("tanh", 0.01, 0.9, 0.2),
        *_tried("relu", 0.1, 0.5),
        *_tried("relu", 0.01, 0.6),
    )
    tanh, relu = choose(runs)
    assert (tanh.name, relu.name) == ("tanh norm=off dropout=0", "relu norm=off dropout=0")
    assert tanh.best.rate == 0.1
    assert tanh.best.accuracy == pytest.approx(0.6)
    assert relu.best.rate == 0.01
    assert [each.rate for each in tanh.tried] == [0.01, 0.1]


def test_a_run_that_did_not_finish_counts_as_nothing_learned():
    runs = _runs(
        *_tried("relu", 0.1, 0.9),
        made("relu", seed=1, learning_rate=0.1, status=DIVERGED),
        *_tried("relu", 0.01, 0.5, 0.5),
    )
    (choice,) = choose(runs)
    assert choice.best.rate == 0.01
    assert choice.tried[1].accuracy == pytest.approx(0.45)
    assert (choice.tried[1].finished, choice.tried[1].runs) == (1, 2)
    assert choice.tried[1].loss == float("inf")


def test_of_equal_rates_the_smaller_wins_and_an_edge_is_told():
    (choice,) = choose(
        _runs(*_tried("relu", 0.1, 0.5), *_tried("relu", 0.01, 0.5), *_tried("relu", 1.0, 0.2))
    )
    assert choice.best.rate == 0.01
    assert choice.is_at_the_edge
    (choice,) = choose(
        _runs(*_tried("relu", 0.1, 0.5), *_tried("relu", 0.01, 0.4), *_tried("relu", 1.0, 0.2))
    )
    assert not choice.is_at_the_edge


def test_a_name_tells_what_else_differs():
    choices = choose(_runs(*_tried("relu", 0.1, 0.5, hidden="10"), *_tried("relu", 0.1, 0.5, hidden="20")))
    assert [choice.name for choice in choices] == [
        "relu norm=off dropout=0 hidden=10",
        "relu norm=off dropout=0 hidden=20",
    ]
