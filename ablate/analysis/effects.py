"""Effects: how much of a metric's variance each factor and each two of them together account for.

An analysis of variance of the runs with the seed as block: y ~ seed + factors + all products of two factors.
Sums of squares are of type II, each term adjusted for all that do not contain it, which asks the right question
of grids with holes and depends on no coding (Langsrud, "ANOVA for unbalanced data: use type II instead of type
III sums of squares", Statistics and Computing 13:163-167, 2003). Each is the difference of what two nested models
leave, its degrees of freedom that of their ranks: statsmodels' `anova_lm`, which agrees wherever every cell has a
run, counts columns, also those of cells without any.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Self

import numpy as np
import pandas as pd
from scipy import special

from ablate.analysis.arrays import Floats
from ablate.analysis.metrics import METRICS, STEPS_TO_TARGET
from ablate.analysis.paired import holm

SEED = "seed"
UNEXPLAINED = "unexplained"

Term = tuple[str, ...]

# Sums of squares below this share of the total are rounding.
_ROUNDING = 1e-12
# Directions in which indicators vary less than this, relative to the most, are combinations of others.
_DEPENDENT = 1e-10


@dataclass(frozen=True)
class _Fit:
    """A linear model fitted: what it leaves, and how many degrees of freedom it leaves."""

    left: float
    df: float


@dataclass(frozen=True)
class _Model:
    """All that fits of any of the terms need: sums of products, so that none touches the runs again.

    Attributes:
        products: Of the indicators with one another, shape (columns, columns).
        moments: Of the indicators with what is explained, shape (columns,).
        places: The columns of each term; the first column, of ones, belongs to none.
        total: Sum of squares of what is explained.
        count: Number of runs.
    """

    products: Floats
    moments: Floats
    places: dict[Term, range]
    total: float
    count: int

    @classmethod
    def of(cls, y: Floats, blocks: dict[Term, Floats]) -> Self:
        """Returns the model of values of shape (runs,) by indicators of shape (runs, cells)."""
        y = y - y.mean()
        design = np.hstack([np.ones((len(y), 1)), *blocks.values()])
        starts = np.cumsum([1, *(block.shape[1] for block in blocks.values())]).tolist()
        places = {term: range(*ends) for term, ends in zip(blocks, pairwise(starts), strict=True)}
        return cls(design.T @ design, design.T @ y, places, float(y @ y), len(y))

    def with_and_without(self, term: Term) -> tuple[_Fit, _Fit]:
        """Returns the fits with and without a term, of all terms that do not contain it."""
        others = [other for other in self.places if not set(term) <= set(other)]
        return self.fit([*others, term]), self.fit(others)

    def fit(self, terms: Iterable[Term]) -> _Fit:
        """Returns the least-squares fit of some terms."""
        columns = [0, *(place for term in terms for place in self.places[term])]
        values, vectors = np.linalg.eigh(self.products[np.ix_(columns, columns)])
        kept = values > _DEPENDENT * values[-1]
        explained = (vectors[:, kept].T @ self.moments[columns]) ** 2 / values[kept]
        return _Fit(self.total - float(explained.sum()), float(self.count - kept.sum()))


def effects(runs: pd.DataFrame, metric: str, factors: Sequence[str]) -> pd.DataFrame:
    """Returns the analysis of variance of a metric, one row a term, the largest share first, then seed and rest.

    The columns are `term` (a tuple of factors, or of `seed` or `unexplained`), `sum_sq`, `df`, `share` (of the
    total sum of squares; with holes in the grid shares need not add up to 1), `f`, `p` and `p_holm` (adjusted for
    all terms of factors). F and p are NaN where nothing is left to judge by.

    Args:
        runs: Named and scored runs; those without a value of the metric are left out.
        metric: What to explain.
        factors: What may explain it; those that take one level are left out.
    """
    column = METRICS[metric].report_column
    held = runs if metric == STEPS_TO_TARGET else runs[runs["finished"]]
    held = held[held[column].notna()]
    terms = _terms([factor for factor in factors if held[factor].nunique() > 1])
    if not len(held):
        return _table([], [], [], _Fit(0.0, 0.0), 0.0)
    blocks = {term: _indicators(held, term) for term in terms}
    if held[SEED].nunique() > 1:
        blocks[(SEED,)] = _indicators(held, (SEED,))
    model = _Model.of(held[column].to_numpy(np.float64), blocks)
    whole = model.fit(blocks)
    pairs = [model.with_and_without(term) for term in blocks]
    sums = [less.left - more.left for more, less in pairs]
    return _table(list(blocks), sums, [less.df - more.df for more, less in pairs], whole, model.total)


def _terms(factors: list[str]) -> list[Term]:
    return [(factor,) for factor in factors] + list(combinations(factors, 2))


def _indicators(runs: pd.DataFrame, term: Term) -> Floats:
    """Returns one column a combination of levels that occurs, 1 in the runs that have it, shape (runs, cells)."""
    cells = runs.groupby(list(term), sort=False).ngroup().to_numpy()
    return np.asarray(np.eye(cells.max() + 1)[cells], dtype=np.float64)


def _table(terms: list[Term], sums: list[float], dfs: list[float], whole: _Fit, total: float) -> pd.DataFrame:
    found = np.array([*sums, whole.left], dtype=np.float64)
    found[found <= _ROUNDING * total] = 0.0
    df = np.array([*dfs, whole.df], dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = (found / df) / (found[-1] / df[-1])
        share = found / total
    f[-1] = np.nan
    p = np.where(np.isnan(f), np.nan, special.fdtrc(df, df[-1], f))
    of_factors = np.array([term != (SEED,) for term in terms] + [False])
    table = pd.DataFrame(
        {
            "term": [*terms, (UNEXPLAINED,)],
            "sum_sq": found,
            "df": df,
            "share": share,
            "f": f,
            "p": p,
            "p_holm": holm(np.where(of_factors, p, np.nan)),
        }
    )
    order = np.lexsort((-table["share"], ~of_factors))
    first = table.iloc[order[: int(of_factors.sum())]]
    return pd.concat([first, table[~of_factors]], ignore_index=True)
