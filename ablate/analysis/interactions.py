"""Interactions: how the effect of one factor depends on the level of another."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ablate.analysis.arrays import Floats
from ablate.analysis.balance import balanced_for
from ablate.analysis.metrics import METRICS
from ablate.analysis.paired import mean_interval, mean_over_seeds, sign_flip_p, student_half_width
from ablate.analysis.variants import levels_of


@dataclass(frozen=True)
class Cells:
    """A metric by seed and the levels of two factors, averaged over the backgrounds that all cells share.

    Values have the shape (seeds, row levels, column levels), NaN where nothing was run or finished.
    """

    rows: str
    columns: str
    row_levels: tuple[str, ...]
    column_levels: tuple[str, ...]
    values: Floats

    def means(self) -> pd.DataFrame:
        """Returns the means over seeds, with the factors as names of rows and columns; NaN if no seed is left."""
        return pd.DataFrame(
            mean_over_seeds(self.values),
            pd.Index(self.row_levels, name=self.rows),
            pd.Index(self.column_levels, name=self.columns),
        )


@dataclass(frozen=True)
class Moderation:
    """How far the differences between the levels of `factor` change from one level of `moderator`, `base`, to another.

    A spread is the standard deviation of the level means of `factor`, and the ratio is `spread` over `base_spread`: 0.2
    says that four fifths of the difference are gone. Its interval is the delete-one-seed jackknife's, which needs three
    seeds.
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
    """Returns the cells of two factors of named and scored runs; `factors` are all that are varied."""
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
    """Returns the interaction in each cell: how far the effect of its row's level differs from that at the base.

    It is the difference of differences y[row, column] - y[base, column] - y[row, base] + y[base, base], taken within
    each seed. Each pair of a row level and a column level, neither of them a base, has one row. Its columns are the two
    levels, `seeds` (how many), `interaction` (mean over seeds), `low`, `high` and `p` (of the sign-flip test).
    """
    row, column = table.row_levels.index(row_base), table.column_levels.index(column_base)
    y = table.values
    differences = y - y[:, [row], :] - y[:, :, [column]] + y[:, [row], [column]][:, :, None]
    rows = []
    for i, j in np.ndindex(y.shape[1:]):
        if i == row or j == column:
            continue
        known = differences[:, i, j][~np.isnan(differences[:, i, j])]
        figures = [float(figure) for figure in (mean_over_seeds(known), *mean_interval(known))]
        rows.append((table.row_levels[i], table.column_levels[j], len(known), *figures, sign_flip_p(known)))
    names = (table.rows, table.columns, "seeds", "interaction", "low", "high", "p")
    return pd.DataFrame(rows, columns=list(names))


def moderation(table: Cells, base: str) -> tuple[Moderation, ...]:
    """Returns what each level of the column factor does to the differences between the levels of the row factor.

    The levels are compared with `base`, one of their own. Only row levels with a value in both columns count, and
    levels with less than two of them are left out.
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
    """Returns the interval of a ratio of spreads, not below 0, from cells of shape (seeds, rows, 2)."""
    n = len(both)
    if n < 3:
        return float("nan"), float("nan")
    spreads = ((both.sum(axis=0) - both) / (n - 1)).std(axis=1)
    # Without one of the seeds the levels may not differ at all; then there is no ratio and no interval.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = spreads[:, 1] / spreads[:, 0]
        deviations = ratios - ratios.mean()
    error = np.sqrt((n - 1) / n * np.sum(deviations**2))
    half = float(student_half_width(np.array(n)) * error)
    return max(ratio - half, 0.0), ratio + half
