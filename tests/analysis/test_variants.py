import random

import pandas as pd
import pytest

from ablate.analysis.variants import level_key, levels_of, named, naming_factors, reference_variant
from ablate.errors import SpecError, StoreError
from ablate.store.status import DIVERGED
from tests.made_up import frames, made


def runs_of(*runs):
    return frames(*runs)[0]


def test_activation_batch_norm_and_dropout_always_tell_variants_apart():
    assert naming_factors(runs_of(made())) == ("activation", "norm", "dropout")


def test_another_setting_does_when_it_takes_two_values():
    runs = runs_of(made(epochs=3), made(epochs=5, hidden="200"))
    assert naming_factors(runs) == ("activation", "norm", "dropout", "hidden", "epochs")


def test_rates_that_come_with_the_optimizer_were_not_varied():
    runs = runs_of(
        made(optimizer="sgd", learning_rate=0.1, momentum=0.9),
        made(optimizer="adam", learning_rate=0.001, momentum=0.0),
        made(optimizer="adamw", learning_rate=0.001, momentum=0.0, weight_decay=0.01),
    )
    assert naming_factors(runs)[3:] == ("optimizer",)


def test_a_rate_of_which_one_optimizer_has_two_was_varied():
    runs = runs_of(
        made(optimizer="sgd", learning_rate=0.1),
        made(optimizer="sgd", learning_rate=0.5),
        made(optimizer="adam", learning_rate=0.001),
    )
    assert naming_factors(runs)[3:] == ("optimizer", "learning_rate")


def test_variants_are_named_anew_when_results_have_grown():
    before = named(runs_of(made(learning_rate=0.1)))
    after = named(runs_of(made(learning_rate=0.1), made(learning_rate=0.05)))
    assert before["variant"].tolist() == ["relu norm=off dropout=0"]
    assert after["variant"].tolist() == ["relu norm=off dropout=0 lr=0.05", "relu norm=off dropout=0 lr=0.1"]


def test_settings_become_the_texts_of_their_levels():
    row = named(runs_of(made(learning_rate=0.1, epochs=30))).iloc[0]
    assert (row["learning_rate"], row["momentum"], row["epochs"], row["hidden"]) == (
        "0.1",
        "0",
        "30",
        "100/50",
    )


@pytest.mark.parametrize(
    ("factor", "ordered"),
    [
        ("activation", ["identity", "sigmoid", "tanh", "relu", "silu", "softshrink", "a.b:C", "mine:Z"]),
        ("norm", ["off", "batch", "batch-post"]),
        ("dropout", ["0", "0.05", "0.2", "0.2/0.5", "0.5"]),
        ("hidden", ["9", "50", "100", "100/50", "100/60", "1000"]),
        ("learning_rate", ["1e-05", "0.001", "0.1", "10"]),
        ("epochs", ["3", "20", "100"]),
        ("optimizer", ["sgd", "adam", "adamw"]),
        ("schedule", ["constant", "cosine"]),
    ],
)
def test_levels_stand_in_their_order(factor, ordered):
    mixed = random.Random(0).sample(ordered, len(ordered))
    assert sorted(mixed, key=lambda level: level_key(factor, level)) == ordered
    assert levels_of(pd.DataFrame({factor: [*mixed, ordered[0]]}), factor) == tuple(ordered)


@pytest.mark.parametrize("shuffle", range(5))
def test_the_order_of_the_rows_does_not_matter(shuffle):
    grid = [
        made(activation, norm, dropout, seed)
        for activation in ("tanh", "relu")
        for norm in ("off", "batch-post")
        for dropout in ("0", "0.5")
        for seed in (0, 1, 10)
    ]
    shuffled = grid.copy()
    random.Random(shuffle).shuffle(shuffled)
    pd.testing.assert_frame_equal(named(runs_of(*shuffled)), named(runs_of(*grid)))
    assert named(runs_of(*grid))["run_id"].tolist() == [row["run_id"] for row, _ in grid]


def test_two_runs_of_one_variant_and_seed_are_refused():
    runs = runs_of(made(seed=3), made(seed=4))
    runs["seed"] = 3
    with pytest.raises(StoreError, match=r"'relu norm=off dropout=0' with seed 3.*--split-seed.*-o"):
        named(runs)


def test_the_default_reference_is_the_plainest_relu():
    runs = named(runs_of(made("sigmoid"), made("relu", "batch"), made("relu", dropout="0.2"), made("relu")))
    assert reference_variant(runs, None) == "relu norm=off dropout=0"


def test_a_relu_that_never_finished_is_no_default_reference():
    runs = named(runs_of(made("sigmoid"), made("relu", status=DIVERGED), made("relu", "batch")))
    assert reference_variant(runs, None) == "relu norm=batch dropout=0"


def test_without_relu_the_default_reference_is_the_first_variant_that_finished():
    runs = named(runs_of(made("tanh"), made("gelu"), made("sigmoid", status=DIVERGED)))
    assert reference_variant(runs, None) == "tanh norm=off dropout=0"


def test_where_nothing_finished_there_still_is_a_reference():
    assert reference_variant(named(runs_of(made("tanh", status=DIVERGED))), None) == "tanh norm=off dropout=0"


def test_a_reference_can_be_named():
    runs = named(runs_of(made("relu"), made("gelu")))
    assert reference_variant(runs, "gelu norm=off dropout=0") == "gelu norm=off dropout=0"


def test_an_unknown_reference_names_the_nearest_variant_and_the_flag():
    runs = named(runs_of(made("relu"), made("gelu")))
    with pytest.raises(
        SpecError, match=r"--reference: 'gelu norm=no'.*2 variants.*did you mean 'gelu norm=off"
    ):
        reference_variant(runs, "gelu norm=no")
