import math

import numpy as np
import pandas as pd
import pytest

from ablate.analysis.layers import SIGNS, UNFINISHED, health
from ablate.analysis.variants import named
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

HEALTHY = {
    "activation_mean": 0.0,
    "activation_std": 1.0,
    "dead_share": 0.0,
    "saturated_share": 0.5,
    "gradient_norm": 1.0,
    "update_ratio": 1e-3,
}


def _layers(run, step, layer, **quantities):
    run_id = run[0]["run_id"]
    return [
        {"run_id": run_id, "step": step, "layer": layer, "quantity": quantity, "value": value}
        for quantity, value in (HEALTHY | quantities).items()
    ]


def _whole(run, first=None, last=None, **quantities):
    """Returns two hidden layers and the output at the start and the end of a run; `first` and `last` set hidden.0."""
    return [
        row
        for step, changes in ((0, first or {}), (20, last or {}))
        for layer in ("hidden.0", "hidden.1", "output")
        for row in _layers(run, step, layer, **(quantities | (changes if layer == "hidden.0" else {})))
    ]


def _health(*pairs):
    runs = named(frames(*(run for run, _ in pairs))[0])
    rows = [row for _, layers in pairs for row in layers]
    return health(runs, pd.DataFrame(rows, columns=["run_id", "step", "layer", "quantity", "value"]))


def test_ratios_are_geometric_means_over_seeds_and_others_of_the_worst_layer():
    one, two = made(seed=0), made(seed=1)
    table = _health(
        (one, _whole(one, first={"gradient_norm": 1e-2}, last={"gradient_norm": 4.0, "dead_share": 0.04})),
        (two, _whole(two, first={"gradient_norm": 1e-4}, last={"gradient_norm": 1.0, "dead_share": 0.06})),
    )
    (row,) = table.to_dict("records")
    assert row["runs"] == 2
    assert row["gradient_ratio_start"] == pytest.approx(1e-3)
    assert row["gradient_ratio_end"] == pytest.approx(2.0)
    assert row["gradient_ratio_worst"] == pytest.approx(1e-3)
    assert row["dead_share"] == pytest.approx(0.05)
    assert row["update_ratio"] == pytest.approx(1e-3)
    assert math.isnan(row["running_mean_shift"])
    assert row["signs"] == ("vanishing gradient",)


SICK = {
    "vanishing gradient": {"last": {"gradient_norm": 1e-3}},
    "exploding gradient": {"first": {"gradient_norm": 1e3}},
    "dead units": {"last": {"dead_share": 0.2}},
    "saturated": {"last": {"saturated_share": 0.95}},
    "off centre": {"last": {"activation_mean": -2.0}},
    "hardly moves": {"update_ratio": 1e-8},
    "moves wildly": {"update_ratio": 0.5},
    "running mean lags": {"last": {"running_mean_shift": 0.7}},
    "running std off scale": {"last": {"running_std_ratio": 0.3}},
}


@pytest.mark.parametrize("sign", SIGNS)
def test_each_sign_is_seen_alone(sign):
    run = made()
    (row,) = _health((run, _whole(run, **SICK[sign]))).to_dict("records")
    assert row["signs"] == (sign,)


def test_variants_with_fewer_signs_of_trouble_stand_above():
    runs = {name: made(name) for name in ("sigmoid", "tanh", "relu", "gelu", "elu")}
    table = _health(
        (runs["sigmoid"], _whole(runs["sigmoid"], first={"gradient_norm": 1e-6}, activation_mean=3.0)),
        (runs["tanh"], _whole(runs["tanh"], first={"gradient_norm": 0.2})),
        (runs["relu"], _whole(runs["relu"])),
        (runs["gelu"], []),
        (runs["elu"], _whole(runs["elu"], first={"gradient_norm": 1e-6})),
    )
    assert [name.split()[0] for name in table["variant"]] == ["relu", "tanh", "elu", "sigmoid", "gelu"]
    assert table["runs"].tolist() == [1, 1, 1, 1, 0]
    assert math.isnan(table["gradient_ratio_end"].iloc[-1])


def test_a_dead_network_has_no_gradient_and_does_not_break_the_table():
    dead, gone = made("relu"), made("tanh")
    table = _health(
        (dead, _whole(dead, gradient_norm=0.0, activation_std=0.0)),
        (gone, _whole(gone, last={"gradient_norm": 0.0, "activation_mean": np.nan})),
    )
    rows = table.set_index("variant")
    assert rows.loc["tanh norm=off dropout=0", "gradient_ratio_end"] == 0
    assert "vanishing gradient" in rows.loc["tanh norm=off dropout=0", "signs"]
    assert math.isnan(rows.loc["relu norm=off dropout=0", "gradient_ratio_end"])


def test_runs_that_did_not_finish_are_a_sign_of_their_own():
    well, diverged, failed = made(seed=0), made(seed=1, status=DIVERGED), made("tanh", status=FAILED)
    table = _health((well, _whole(well)), (diverged, _whole(diverged)), (failed, []))
    assert table["signs"].tolist() == [(UNFINISHED,), (UNFINISHED,)]


def test_without_any_layers_every_variant_is_unknown():
    table = _health((made(), []))
    assert table["runs"].tolist() == [0]
