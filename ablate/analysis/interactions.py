"""Interactions: how the effect of one factor depends on the level of another."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.arrays import Floats
from ablate.analysis.metrics import METRICS, STEPS_TO_TARGET
from ablate.analysis.paired import mean_interval, sign_flip_p, student_half_width
from ablate.analysis.summary import balanced
from ablate.analysis.variants import levels_of


@dataclass(frozen=True)
class Cells:
    """A metric by seed and the levels of two factors, averaged over the backgrounds all cells share.

    Attributes:
        rows: The first factor.
        columns: The second.
        row_levels: Its levels, in order.
        column_levels: Those of the second.
        values: NaN where nothing was run or finished, shape (seeds, rows, columns).
    """

    rows: str
    columns: str
    row_levels: tuple[str, ...]
    column_levels: tuple[str, ...]
    values: Floats

    def means(self) -> pd.DataFrame:
        """Returns the means over seeds, rows and columns as named; NaN if no seed is left."""
        nothing = np.full(self.values.shape[1:], np.nan)
        mean = self.values.mean(axis=0) if len(self.values) else nothing
        return pd.DataFrame(
            mean, pd.Index(self.row_levels, name=self.rows), pd.Index(self.column_levels, name=self.columns)
        )


@dataclass(frozen=True)
class Moderation:
    """How far a level of one factor changes the differences between the levels of another.

    Attributes:
        factor: Whose levels differ more or less.
        moderator: The other factor.
        base: Its level that the differences are measured against.
        level: Its level this is about.
        base_spread: Standard deviation of the level means of `factor` at `base`, in the metric's unit.
        spread: The same at `level`.
        ratio: The second over the first: 0.2 says that four fifths of the difference are gone.
        low: Lower end of the 95 % interval of the ratio (delete-one-seed jackknife), NaN below three seeds.
        high: Upper end of it.
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
    """Returns the cells of two factors of named and scored runs, `factors` being all that are varied."""
    background = [factor for factor in factors if factor not in (rows, columns)]
    held = runs.assign(cell=runs[rows] + "\x1f" + runs[columns])
    held = balanced(held, "cell", background)
    if metric != STEPS_TO_TARGET:
        held = balanced(held[held["finished"]], "cell", background)
    row_levels, column_levels = levels_of(runs, rows), levels_of(runs, columns)
    grid = held.groupby(["seed", rows, columns])[METRICS[metric].report_column].mean()
    seeds = sorted(held["seed"].unique())
    index = pd.MultiIndex.from_product([seeds, row_levels, column_levels], names=["seed", rows, columns])
    values = grid.reindex(index).to_numpy(np.float64).reshape(len(seeds), len(row_levels), len(column_levels))
    return Cells(rows, columns, row_levels, column_levels, values)


def contrasts(found: Cells, row_base: str, column_base: str) -> pd.DataFrame:
    """Returns the interaction in each cell: how far the effect of its row's level differs from that at the base.

    The difference of differences y[row, column] - y[base, column] - y[row, base] + y[base, base], taken within
    each seed. One row a pair of levels other than the bases, with both levels, `seeds`, `interaction` (mean over
    seeds), `low`, `high` and `p` (of the sign-flip test).
    """
    row, column = found.row_levels.index(row_base), found.column_levels.index(column_base)
    values = found.values
    differing = values - values[:, [row], :] - values[:, :, [column]] + values[:, [row], [column]][:, :, None]
    table = []
    for i, row_level in enumerate(found.row_levels):
        for j, column_level in enumerate(found.column_levels):
            if i != row and j != column:
                each = differing[:, i, j]
                each = each[~np.isnan(each)]
                low, high = mean_interval(each)
                mean = float(each.mean()) if len(each) else float("nan")
                table.append(
                    (row_level, column_level, len(each), mean, float(low), float(high), sign_flip_p(each))
                )
    names = (found.rows, found.columns, "seeds", "interaction", "low", "high", "p")
    return pd.DataFrame(table, columns=list(names))


def moderation(found: Cells, base: str) -> tuple[Moderation, ...]:
    """Returns what each level of the column factor makes of the differences between the levels of the row factor.

    Only row levels with a value in both columns count, and levels with less than two of them are left out.

    Args:
        found: Cells whose columns are the moderator.
        base: The moderator's level to compare with.
    """
    start = found.column_levels.index(base)
    result = []
    for place, level in enumerate(found.column_levels):
        both = found.values[:, :, [start, place]]
        both = both[:, ~np.isnan(both).any(axis=(0, 2)), :]
        if place == start or both.shape[0] == 0 or both.shape[1] < 2:
            continue
        before, after = both.mean(axis=0).std(axis=0)
        if before > 0:
            low, high = _jackknife(both, after / before)
            result.append(
                Moderation(
                    found.rows,
                    found.columns,
                    base,
                    level,
                    float(before),
                    float(after),
                    float(after / before),
                    low,
                    high,
                )
            )
    return tuple(result)


def _jackknife(both: Floats, ratio: float) -> tuple[float, float]:
    """Returns the interval of a ratio of spreads, not below 0, from cells of shape (seeds, rows, 2)."""
    n = len(both)
    if n < 3:
        return float("nan"), float("nan")
    without: NDArray[np.float64] = (both.sum(axis=0) - both) / (n - 1)
    spreads = without.std(axis=1)
    # Where levels do not differ in the first place there is no ratio, nor an interval.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = spreads[:, 1] / spreads[:, 0]
        deviations = ratios - ratios.mean()
    error = np.sqrt((n - 1) / n * np.sum(deviations**2))
    half = float(student_half_width(np.array(n)) * error)
    return max(float(ratio) - half, 0.0), float(ratio) + half
