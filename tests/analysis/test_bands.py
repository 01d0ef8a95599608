import math

import pandas as pd
import pytest
from scipy import stats

from ablate.analysis.bands import curve_bands, layer_bands, over_seeds
from ablate.analysis.scores import scored
from ablate.analysis.variants import named
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

SEEDS = ((0.1, 0.5, 0.9), (0.1, 0.6, 0.8), (0.1, 0.4, 0.85))


def bands(*runs, score="val_accuracy"):
    stored, curves = frames(*runs)
    return curve_bands(scored(named(stored), curves, 0.5), curves, score)


def test_the_band_at_each_step_is_the_mean_and_students_interval_over_seeds():
    table = bands(*(made(seed=seed, val=val) for seed, val in enumerate(SEEDS)))
    assert table["step"].tolist() == [0, 10, 20]
    assert table["n"].tolist() == [3, 3, 3]
    for row, values in zip(table.itertuples(), zip(*SEEDS, strict=True), strict=True):
        assert row.mean == pytest.approx(sum(values) / 3)
        if len(set(values)) > 1:
            low, high = stats.t.interval(0.95, 2, sum(values) / 3, stats.sem(values))
            assert (row.low, row.high) == pytest.approx((low, high))


def test_variants_are_kept_apart():
    table = bands(made(val=(0.1, 0.9)), made("gelu", val=(0.1, 0.7)))
    assert dict(zip(table["variant"], table["mean"], strict=True)) == {
        "relu norm=off dropout=0": 0.9,
        "gelu norm=off dropout=0": 0.7,
    }


def test_runs_that_did_not_finish_are_left_out():
    table = bands(made(seed=0), made(seed=1, status=DIVERGED), made(seed=2, status=FAILED))
    assert table["n"].tolist() == [1, 1, 1]
    assert table["mean"].tolist() == pytest.approx([0.1, 0.5, 0.9])
    assert table["low"].isna().all()


def test_a_score_that_is_missing_leaves_the_others_of_its_step():
    table = bands(made(seed=0, val=(0.1, math.nan, 0.9)), made(seed=1, val=(0.1, 0.5, 0.7)))
    assert table["n"].tolist() == [2, 1, 2]
    assert table["mean"].tolist() == pytest.approx([0.1, 0.5, 0.8])


def test_no_finished_run_gives_no_rows():
    table = bands(made(status=DIVERGED))
    assert list(table.columns) == ["variant", "step", "mean", "low", "high", "n"]
    assert table.empty


def test_layers_are_told_apart_by_step_and_layer():
    stored, curves = frames(made(seed=0), made(seed=1))
    runs = scored(named(stored), curves, 0.5)
    values = {"hidden.0": (1.0, 3.0), "output": (5.0, 9.0)}
    layers = pd.DataFrame(
        [
            {"run_id": run_id, "step": 0, "layer": layer, "quantity": quantity, "value": pair[place] * scale}
            for place, run_id in enumerate(runs["run_id"])
            for layer, pair in values.items()
            for quantity, scale in (("gradient_norm", 1), ("dead_share", 100))
        ]
    )
    table = layer_bands(runs, layers, "gradient_norm")
    assert dict(zip(table["layer"], table["mean"], strict=True)) == {"hidden.0": 2.0, "output": 7.0}
    assert over_seeds(runs, layers[:0], ["step"], "value").empty
