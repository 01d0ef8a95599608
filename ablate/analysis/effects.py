"""Analysis of variance: the share of a metric's variance that each factor and each pair of factors explains.

The linear model is y ~ seed + factors + all products of two factors, with the seed as a blocking factor. Sums of
squares are of type II: each term is adjusted for all other terms that do not contain this term. Type II sums of squares
suit grids with missing cells (combinations of levels without a run) and do not depend on how levels are coded as
numbers (Langsrud, "ANOVA for unbalanced data: use type II instead of type III sums of squares", Statistics and
Computing 13:163-167, 2003). The sum of squares of a term is the residual sum of squares of the model without the term
minus that of the model with the term. The degrees of freedom of a term are the difference between the ranks of these
two models. `anova_lm` of statsmodels gives the same results if no cell is missing; otherwise it also counts the
columns of the missing cells as degrees of freedom.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import special

from ablate.analysis.arrays import Floats
from ablate.analysis.balance import counted
from ablate.analysis.least_squares import fitter
from ablate.analysis.metrics import METRICS
from ablate.analysis.paired import holm
from ablate.analysis.variants import varied_factors

SEED = "seed"
UNEXPLAINED = "unexplained"

Term = tuple[str, ...]

# A sum of squares counts as 0 if it is below this share of the total sum of squares.
_ROUNDING = 1e-12


def effects(runs: pd.DataFrame, metric: str, factors: Sequence[str]) -> pd.DataFrame:
    """Returns the analysis of variance of a metric as a table with one row per term of the linear model.

    Terms of factors come first, by descending share of the variance; the seed and the residual follow. The column
    `term` holds a tuple of one or two factors, `("seed",)` or `("unexplained",)`. The other columns are `sum_sq`, `df`,
    `share` (of the total sum of squares), `f`, `p` and `p_holm` (p adjusted for all terms of factors). The shares need
    not add up to 1 if cells are missing. F and p are NaN if no residual degrees of freedom are left. Runs without a
    value of the metric and factors with a single level are left out.
    """
    column = METRICS[metric].report_column
    known = counted(runs, metric).dropna(subset=column)
    if not len(known):
        return _table([], np.zeros((1, 2)), 0.0)
    varied = varied_factors(known, factors)
    terms: list[Term] = [*((factor,) for factor in varied), *combinations(varied, 2)]
    if known[SEED].nunique() > 1:
        terms.append((SEED,))
    y = known[column].to_numpy(np.float64)
    y = y - y.mean()
    fit = fitter(
        y, {term: np.asarray(known.groupby(list(term), sort=False).ngroup(), np.int64) for term in terms}
    )
    rows = []
    for term in terms:
        others = [other for other in terms if not set(term) <= set(other)]
        rows.append(fit(others) - fit([*others, term]))
    return _table(terms, np.array([*rows, fit(terms)]), float(y @ y))


def _table(terms: list[Term], rows: Floats, total: float) -> pd.DataFrame:
    """Returns the table of an analysis of variance.

    Each row of `rows` holds the sum of squares and the degrees of freedom of one term; the last row is the residual's.
    `total` is the total sum of squares.
    """
    sums, df = rows.T
    sums = np.where(sums <= _ROUNDING * total, 0.0, sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = (sums / df) / (sums[-1] / df[-1])
        share = sums / total
    f[-1] = np.nan
    p = np.where(np.isnan(f), np.nan, special.fdtrc(df, df[-1], f))
    is_of_factors = np.array([*(term != (SEED,) for term in terms), False])
    p_holm = holm(np.where(is_of_factors, p, np.nan))
    columns = {"sum_sq": sums, "df": df, "share": share, "f": f, "p": p, "p_holm": p_holm}
    # Terms of factors come first, by descending share. The seed and the residual follow in this order.
    order = np.lexsort((np.where(is_of_factors, -share, 0.0), ~is_of_factors))
    return pd.DataFrame({"term": [*terms, (UNEXPLAINED,)]} | columns).iloc[order].reset_index(drop=True)
