"""Means over seeds, with 95 % intervals, of each variant's learning curves and layer quantities."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ablate.analysis.metrics import VARIANT
from ablate.analysis.paired import mean_interval


def curve_bands(runs: pd.DataFrame, curves: pd.DataFrame, score: str) -> pd.DataFrame:
    """Returns the mean over seeds of one score of the learning curves, for each variant and step."""
    return over_seeds(runs, curves, ["step"], score)


def layer_bands(runs: pd.DataFrame, layers: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Returns the mean over seeds of one layer quantity, for each variant, step and layer."""
    return over_seeds(runs, layers[layers["quantity"] == quantity], ["step", "layer"], "value")


def over_seeds(runs: pd.DataFrame, table: pd.DataFrame, keys: Sequence[str], value: str) -> pd.DataFrame:
    """Returns the mean of the column `value` over seeds and its interval, for each variant and combination of keys.

    A combination of keys is a combination of values in the columns that `keys` names. The result is sorted by variant
    and keys, and has the columns `mean`, `low`, `high` and `n` (number of seeds) after those of variant and keys.
    `table` has one row per run and combination of keys. Rows of `table` without a value are left out. Runs that did not
    finish are left out, because their curves end early.
    """
    finished = runs.loc[runs["finished"], ["run_id", VARIANT, "seed"]]
    known = table.loc[table[value].notna(), ["run_id", *keys, value]].merge(finished, on="run_id")
    wide = known.pivot(index=[VARIANT, *keys], columns="seed", values=value)
    low, high = mean_interval(wide.to_numpy(np.float64).T)
    return wide[[]].assign(mean=wide.mean(axis=1), low=low, high=high, n=wide.count(axis=1)).reset_index()
