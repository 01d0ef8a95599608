from itertools import product

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from ablate.analysis import least_squares
from ablate.analysis.effects import effects

FACTORS = ("activation", "norm", "dropout")
LEVELS = {
    "activation": ("relu", "tanh", "elu", "gelu"),
    "norm": ("off", "batch"),
    "dropout": ("0", "0.2", "0.5"),
}
FORMULA = "val_accuracy ~ C(seed) + (C(activation) + C(norm) + C(dropout)) ** 2"


def grid(seeds=4, noise=0.02):
    generator = np.random.default_rng(1)
    rows = list(product(*LEVELS.values(), range(seeds)))
    frame = pd.DataFrame(rows, columns=[*FACTORS, "seed"])
    bump = (frame["activation"] == "tanh") * (frame["norm"] == "off") * 0.1 + (
        frame["dropout"] == "0.5"
    ) * 0.03
    frame["val_accuracy"] = 0.8 + bump + 0.01 * frame["seed"] + generator.normal(0, noise, len(frame))
    return frame.assign(finished=True)


def table_of(frame, factors=FACTORS):
    table = effects(frame, "val_accuracy", factors)
    return {":".join(row["term"]): row for row in table.to_dict("records")}


def statsmodels_name(term):
    return ":".join(f"C({name})" for name in term.split(":"))


@pytest.mark.parametrize("missing", [0, 7, 30])
def test_they_are_the_type_two_analysis_of_variance_of_statsmodels(missing):
    frame = grid()
    failed = np.random.default_rng(2).choice(len(frame), missing, replace=False)
    frame.loc[failed, "finished"] = False
    assert frame[frame["finished"]].groupby(list(FACTORS)).ngroups == 24
    expected = anova_lm(ols(FORMULA, frame[frame["finished"]]).fit(), typ=2)
    found = table_of(frame)
    assert len(found) == len(expected) == 8
    for term, row in found.items():
        other = expected.loc["Residual" if term == "unexplained" else statsmodels_name(term)]
        assert row["sum_sq"] == pytest.approx(other["sum_sq"], rel=1e-8)
        assert row["df"] == other["df"]
        assert row["f"] == pytest.approx(other["F"], rel=1e-8, nan_ok=True)
        assert row["p"] == pytest.approx(other["PR(>F)"], rel=1e-7, nan_ok=True)


def test_in_a_balanced_grid_sums_of_squares_are_those_of_the_means_and_shares_add_up_to_one():
    frame = grid()
    y, found = frame["val_accuracy"], table_of(grid())
    deviation = {
        factor: frame.groupby(factor)["val_accuracy"].transform("mean") - y.mean()
        for factor in (*FACTORS, "seed")
    }
    both = frame.groupby(["activation", "norm"])["val_accuracy"].transform("mean") - y.mean()
    for factor, each in deviation.items():
        assert found[factor]["sum_sq"] == pytest.approx((each**2).sum())
    product_term = both - deviation["activation"] - deviation["norm"]
    assert found["activation:norm"]["sum_sq"] == pytest.approx((product_term**2).sum())
    assert sum(row["share"] for row in found.values()) == pytest.approx(1)


def test_cells_without_any_run_cost_their_degrees_of_freedom_and_no_more():
    frame = grid()
    hole = (frame["activation"] == "tanh") & (frame["norm"] == "batch")
    frame.loc[hole, "finished"] = False
    found = table_of(frame)
    assert found["activation"]["df"] == 3
    assert found["activation:norm"]["df"] == 2
    assert found["activation:dropout"]["df"] == 6
    # The same by nested models: without the hole's column the design has full rank.
    held = frame[frame["finished"]].reset_index(drop=True)
    terms = ("C(activation)", "C(dropout)", "C(activation):C(dropout)", "C(norm):C(dropout)")
    smaller = ols(f"val_accuracy ~ C(seed) + C(norm) + {' + '.join(terms)}", held).fit()
    cells = pd.get_dummies(held["activation"] + held["norm"]).to_numpy(float)
    exog = np.hstack([smaller.model.exog, cells])
    left = held["val_accuracy"] - exog @ np.linalg.pinv(exog) @ held["val_accuracy"]
    assert found["unexplained"]["sum_sq"] == pytest.approx((left**2).sum())
    assert found["activation:norm"]["sum_sq"] == pytest.approx(smaller.ssr - (left**2).sum())
    assert found["unexplained"]["df"] == len(held) - np.linalg.matrix_rank(exog)


def test_terms_come_largest_first_then_seed_and_what_is_left():
    table = effects(grid(), "val_accuracy", FACTORS)
    shares = table["share"].tolist()
    assert table["term"].tolist()[-2:] == [("seed",), ("unexplained",)]
    assert shares[:-2] == sorted(shares[:-2], reverse=True)
    assert table["p_holm"].isna().tolist() == [False] * 6 + [True] * 2


def test_without_noise_what_does_nothing_has_no_share_and_what_does_all_is_certain():
    frame = grid(noise=0.0)
    frame["val_accuracy"] = 0.5 + 0.1 * (frame["activation"] == "tanh")
    found = table_of(frame)
    assert found["activation"]["share"] == pytest.approx(1)
    assert found["activation"]["p"] == 0
    assert found["dropout"]["sum_sq"] == found["unexplained"]["sum_sq"] == 0
    assert np.isnan(found["dropout"]["p"])


def test_of_a_single_seed_and_factor_shares_are_all_there_is():
    frame = grid(seeds=1)
    frame = frame[(frame["norm"] == "off") & (frame["dropout"] == "0")]
    found = table_of(frame)
    assert set(found) == {"activation", "unexplained"}
    assert found["activation"]["share"] == pytest.approx(1)
    assert np.isnan(found["activation"]["p"])


def test_where_nothing_finished_there_is_nothing_to_explain():
    table = effects(grid().assign(finished=False), "val_accuracy", FACTORS)
    assert table["term"].tolist() == [("unexplained",)]
    assert np.isnan(table["share"][0])


def test_of_factors_that_do_nothing_one_grid_in_twenty_shows_one():
    generator = np.random.default_rng(5)
    frame, shown = grid(), 0
    for _ in range(100):
        frame["val_accuracy"] = generator.normal(0, 1, len(frame))
        shown += (effects(frame, "val_accuracy", FACTORS)["p_holm"] <= 0.05).any()
    assert 1 <= shown <= 11


@pytest.mark.parametrize("missing", [0, 30, 60])
def test_a_term_with_very_many_cells_is_absorbed_without_changing_the_table(monkeypatch, missing):
    frame = grid().sample(frac=1, random_state=3).reset_index(drop=True)
    frame.loc[:missing, "finished"] = False
    frame = frame[~((frame["activation"] == "tanh") & (frame["norm"] == "batch"))]
    whole = effects(frame, "val_accuracy", FACTORS)
    monkeypatch.setattr(least_squares, "_BLOCK_ELEMENTS", 100)
    for fewest in (4, 10):  # the largest term is activation:dropout, or is seed without dropout
        monkeypatch.setattr(least_squares, "_MANY_CELLS", fewest)
        pd.testing.assert_frame_equal(effects(frame, "val_accuracy", FACTORS), whole, rtol=1e-8)
    one = frame[frame["dropout"] == "0"]
    monkeypatch.setattr(least_squares, "_MANY_CELLS", 4)
    absorbed = effects(one, "val_accuracy", FACTORS)
    monkeypatch.setattr(least_squares, "_MANY_CELLS", 100)
    pd.testing.assert_frame_equal(absorbed, effects(one, "val_accuracy", FACTORS), rtol=1e-8)
