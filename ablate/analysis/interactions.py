"""Interactions: how the effect of one factor depends on the level of another factor."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ablate.analysis.arrays import Floats
from ablate.analysis.balance import balanced_for
from ablate.analysis.metrics import METRICS
from ablate.analysis.paired import mean_interval, mean_over_seeds, sign_flip_ps, student_half_width
from ablate.analysis.variants import levels_of


@dataclass(frozen=True)
class Cells:
    """The values of a metric for each seed and each cell. A cell is a pair of levels of two factors.

    Each value is the mean over the backgrounds (levels of all other factors) that all cells share. `values` has the
    shape (seeds, row levels, column levels) and holds NaN for a missing value.
    """

    rows: str
    columns: str
    row_levels: tuple[str, ...]
    column_levels: tuple[str, ...]
    values: Floats

    def means(self) -> pd.DataFrame:
        """Returns the mean over seeds of each cell, as a table indexed by the levels of both factors.

        A cell without any value is NaN.
        """
        return pd.DataFrame(
            mean_over_seeds(self.values),
            pd.Index(self.row_levels, name=self.rows),
            pd.Index(self.column_levels, name=self.columns),
        )


@dataclass(frozen=True)
class Moderation:
    """How much the levels of `factor` differ at one level of `moderator`, compared with the base level of `moderator`.

    The compared level is `level`, and the base level is `base`. A spread is the standard deviation of the means of the
    levels of `factor`. `ratio` is `spread` divided by `base_spread`; a ratio of 0.2 means that `level` removes four
    fifths of the differences between the levels of `factor`. `low` and `high` are the ends of a jackknife interval of
    the ratio (one seed left out at a time), NaN for fewer than three seeds.
    """

    factor: str
    moderator: str
    base: str
    level: str
    base_spread: float
    spread: float
    ratio: float
    low: float
    high: float


def cells(runs: pd.DataFrame, metric: str, rows: str, columns: str, factors: tuple[str, ...]) -> Cells:
    """Returns the values of a metric for each pair of levels of two factors, from named and scored runs.

    `factors` are all factors whose levels make up the names of variants.
    """
    background = [factor for factor in factors if factor not in (rows, columns)]
    pairs = runs.assign(cell=runs[rows] + "\x1f" + runs[columns])
    known = balanced_for(pairs, metric, "cell", background)
    row_levels, column_levels = levels_of(runs, rows), levels_of(runs, columns)
    means = known.groupby(["seed", rows, columns])[METRICS[metric].report_column].mean()
    seeds = sorted(known["seed"].unique())
    index = pd.MultiIndex.from_product([seeds, row_levels, column_levels], names=["seed", rows, columns])
    shape = len(seeds), len(row_levels), len(column_levels)
    values = means.reindex(index).to_numpy(np.float64).reshape(shape)
    return Cells(rows, columns, row_levels, column_levels, values)


def contrasts(table: Cells, row_base: str, column_base: str) -> pd.DataFrame:
    """Returns the interaction in each cell (pair of a row level and a column level), as a table with one row per cell.

    Within each seed, the interaction in a cell is the effect of its row level at its column level minus the effect of
    its row level at the column level `column_base`, where an effect is a difference from the row level `row_base`:
    y[row, column] - y[row_base, column] - (y[row, column_base] - y[row_base, column_base]). Cells with `row_base` or
    `column_base` are left out. The columns of the result are the two levels, `seeds` (number of seeds), `interaction`
    (mean over seeds), `low`, `high` and `p` (of the sign-flip test).
    """
    row, column = table.row_levels.index(row_base), table.column_levels.index(column_base)
    y = table.values
    differences = y - y[:, [row], :] - y[:, :, [column]] + y[:, [row], [column]][:, :, None]
    indices = [(i, j) for i, j in np.ndindex(y.shape[1:]) if i != row and j != column]
    known = [differences[:, i, j][~np.isnan(differences[:, i, j])] for i, j in indices]
    rows = [
        (
            table.row_levels[i],
            table.column_levels[j],
            len(some),
            float(mean_over_seeds(some)),
            *_ends(some),
            p,
        )
        for (i, j), some, p in zip(indices, known, sign_flip_ps(known).tolist(), strict=True)
    ]
    names = (table.rows, table.columns, "seeds", "interaction", "low", "high", "p")
    return pd.DataFrame(rows, columns=list(names))


def _ends(values: Floats) -> tuple[float, float]:
    low, high = mean_interval(values)
    return float(low), float(high)


def moderation(table: Cells, base: str) -> tuple[Moderation, ...]:
    """Returns, for each column level, how much the row levels differ, compared with the column level `base`.

    In each `Moderation`, `factor` is the row factor of the table, and `moderator` is the column factor. A comparison
    uses only the row levels that have values at both compared column levels. A column level with fewer than two such
    row levels is left out.
    """
    start = table.column_levels.index(base)
    result = []
    for index, level in enumerate(table.column_levels):
        both = table.values[:, :, [start, index]]
        both = both[:, ~np.isnan(both).any(axis=(0, 2)), :]
        if index == start or both.shape[0] == 0 or both.shape[1] < 2:
            continue
        before, after = both.mean(axis=0).std(axis=0).tolist()
        if before > 0:
            spreads = before, after, after / before
            ends = _jackknife(both, after / before)
            result.append(Moderation(table.rows, table.columns, base, level, *spreads, *ends))
    return tuple(result)


def _jackknife(both: Floats, ratio: float) -> tuple[float, float]:
    """Returns the ends of the jackknife interval of a ratio of spreads, cut off at 0.

    `both` holds the values at the base level and at the compared level, shape (seeds, row levels, 2).
    """
    n = len(both)
    if n < 3:
        return float("nan"), float("nan")
    spreads = ((both.sum(axis=0) - both) / (n - 1)).std(axis=1)
    # If the levels do not differ when one seed is left out, the ratio is undefined, and no interval exists.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = spreads[:, 1] / spreads[:, 0]
        deviations = ratios - ratios.mean()
    error = np.sqrt((n - 1) / n * np.sum(deviations**2))
    half = float(student_half_width(np.array(n)) * error)
    return max(ratio - half, 0.0), ratio + half
