"""Effects: how much of a metric's variance each factor and each pair of factors account for.

An analysis of variance of the runs with the seed as block: y ~ seed + factors + all products of two factors. Sums of
squares are of type II: each term is adjusted for all terms that do not contain it. That suits grids with holes and does
not depend on the coding (Langsrud, "ANOVA for unbalanced data: use type II instead of type III sums of squares",
Statistics and Computing 13:163-167, 2003). A sum of squares is the difference between the residuals of two nested
models, and its degrees of freedom are the difference between their ranks. statsmodels' `anova_lm` gives the same if
every cell has a run; otherwise it counts columns of cells without any.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from scipy import special

from ablate.analysis.arrays import Floats
from ablate.analysis.balance import counted
from ablate.analysis.metrics import METRICS
from ablate.analysis.paired import holm
from ablate.analysis.variants import varied_factors

SEED = "seed"
UNEXPLAINED = "unexplained"

Term = tuple[str, ...]

# Sums of squares below this share of the total are rounding errors.
_ROUNDING = 1e-12
# Directions in which indicators vary less than this, relative to the most, are combinations of others.
_DEPENDENT = 1e-10


class _Fit(NamedTuple):
    """The residual sum of squares of a fitted linear model, and its degrees of freedom."""

    residual: float
    df: float


@dataclass(frozen=True)
class _Model:
    """A linear model as sums of products, from which any of its terms can be fitted without the runs.

    Attributes:
        products: Of the indicators with one another, shape (columns, columns).
        moments: Of the indicators with the values, shape (columns,).
        columns: The columns of each term; the first column, of ones, belongs to none.
        total: Sum of squares of the values.
        count: Number of runs.
    """

    products: Floats
    moments: Floats
    columns: dict[Term, range]
    total: float
    count: int

    @classmethod
    def of(cls, y: Floats, blocks: dict[Term, Floats]) -> Self:
        """Returns the model of values of shape (runs,) by indicators of shape (runs, cells) for each term."""
        y = y - y.mean()
        design = np.hstack([np.ones((len(y), 1)), *blocks.values()])
        starts = np.cumsum([1, *(block.shape[1] for block in blocks.values())]).tolist()
        columns = {term: range(*ends) for term, ends in zip(blocks, pairwise(starts), strict=True)}
        return cls(design.T @ design, design.T @ y, columns, float(y @ y), len(y))

    def explained_by(self, term: Term) -> _Fit:
        """Returns the sum of squares that a term explains beyond all terms that do not contain it."""
        others = [other for other in self.columns if not set(term) <= set(other)]
        without, with_it = self.fit(others), self.fit([*others, term])
        return _Fit(without.residual - with_it.residual, without.df - with_it.df)

    def fit(self, terms: Iterable[Term]) -> _Fit:
        """Returns the least-squares fit of some terms."""
        columns = [0, *(column for term in terms for column in self.columns[term])]
        values, vectors = np.linalg.eigh(self.products[np.ix_(columns, columns)])
        kept = values > _DEPENDENT * values[-1]
        explained = (vectors[:, kept].T @ self.moments[columns]) ** 2 / values[kept]
        return _Fit(self.total - float(explained.sum()), float(self.count - kept.sum()))


def effects(runs: pd.DataFrame, metric: str, factors: Sequence[str]) -> pd.DataFrame:
    """Returns the analysis of variance of a metric, one row per term: factors by their share, then seed and residual.

    The columns are `term` (a tuple of factors, or of `seed` or `unexplained`), `sum_sq`, `df`, `share` (of the total;
    shares need not add up to 1 if the grid has holes), `f`, `p` and `p_holm` (adjusted for all terms of factors). F and
    p are NaN where no degrees of freedom are left.

    Args:
        runs: Named and scored runs; those without a value of the metric are left out.
        metric: What to explain.
        factors: What may explain it; those with a single level are left out.
    """
    column = METRICS[metric].report_column
    known = counted(runs, metric).dropna(subset=column)
    if not len(known):
        return _table({}, _Fit(0.0, 0.0), 0.0)
    varied = varied_factors(known, factors)
    terms: list[Term] = [*((factor,) for factor in varied), *combinations(varied, 2)]
    if known[SEED].nunique() > 1:
        terms.append((SEED,))
    blocks = {term: _indicators(known, term) for term in terms}
    model = _Model.of(known[column].to_numpy(np.float64), blocks)
    return _table({term: model.explained_by(term) for term in terms}, model.fit(terms), model.total)


def _indicators(runs: pd.DataFrame, term: Term) -> Floats:
    """Returns one column per combination of levels that occurs, 1 in the runs that have it, shape (runs, cells)."""
    cells = runs.groupby(list(term), sort=False).ngroup().to_numpy()
    return np.asarray(np.eye(cells.max() + 1)[cells], dtype=np.float64)


def _table(explained: dict[Term, _Fit], residual: _Fit, total: float) -> pd.DataFrame:
    sums, df = np.array([*explained.values(), residual], dtype=np.float64).T
    sums = np.where(sums <= _ROUNDING * total, 0.0, sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = (sums / df) / (sums[-1] / df[-1])
        share = sums / total
    f[-1] = np.nan
    p = np.where(np.isnan(f), np.nan, special.fdtrc(df, df[-1], f))
    terms = [*explained, (UNEXPLAINED,)]
    is_of_factors = np.array([term not in ((SEED,), (UNEXPLAINED,)) for term in terms])
    p_holm = holm(np.where(is_of_factors, p, np.nan))
    columns = {"term": terms, "sum_sq": sums, "df": df, "share": share, "f": f, "p": p, "p_holm": p_holm}
    # Seed and residual keep their order below the factors.
    order = np.lexsort((np.where(is_of_factors, -share, 0.0), ~is_of_factors))
    return pd.DataFrame(columns).iloc[order].reset_index(drop=True)
