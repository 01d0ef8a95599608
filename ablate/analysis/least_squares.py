"""Linear models whose columns are indicators of cells, fitted by least squares from counts and sums."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ablate.analysis.arrays import Floats

Term = TypeVar("Term")
Indices = NDArray[np.int64]

# An eigenvalue of the cross products counts as 0 if it is below this share of the largest one. Some eigenvalues are 0
# because some indicator columns are linearly dependent.
_DEPENDENT = 1e-10
# A term with at least this number of cells is absorbed, because the cost of a fit grows with the cube of the columns.
_MANY_CELLS = 500
_BLOCK_ELEMENTS = 1 << 23  # elements of the indicator columns that are in memory at once


@dataclass(frozen=True)
class _Equations:
    """The cross products of the columns of a model, the products of the columns with y, and what is left of y.

    `residual` is the sum of squares of y, and `df` is the number of its degrees of freedom.
    """

    products: Floats
    moments: Floats
    residual: float
    df: int

    def solved(self, columns: Sequence[int], runs: int) -> Floats:
        """Returns the residual sum of squares and the residual degrees of freedom of the model with some columns."""
        values, vectors = np.linalg.eigh(self.products[np.ix_(columns, columns)])
        # In equations without absorbed term, the largest eigenvalue is at least the number of runs.
        kept = values > _DEPENDENT * max(values[-1], runs)
        explained = (vectors[:, kept].T @ self.moments[columns]) ** 2 / values[kept]
        return np.array([self.residual - float(explained.sum()), self.df - kept.sum()])


def fitter(y: Floats, cells: Mapping[Term, Indices]) -> Callable[[Sequence[Term]], Floats]:
    """Returns a function that fits the linear model with an intercept and the given terms.

    The returned function gives the residual sum of squares and the residual degrees of freedom of the model. `y` has
    mean 0 and shape (runs,). `cells` holds the number of the cell of each run for each term; the model has an indicator
    column for each cell of a term. The cross products of the columns are computed once and reused in every fit.

    If the largest term has very many cells, such as thousands of seeds, it is absorbed: the means within its cells are
    subtracted from y and from all other columns, which needs only counts and sums by cell. The residuals stay the same
    (Frisch and Waugh, "Partial time regressions as compared with individual trends", Econometrica 1:387-401, 1933).
    """
    count = {term: int(of_runs.max()) + 1 for term, of_runs in cells.items()}
    absorbed = max(
        (term for term in count if count[term] >= _MANY_CELLS), key=count.__getitem__, default=None
    )
    kept = {term: of_runs for term, of_runs in cells.items() if term != absorbed}
    starts = np.cumsum([1, *(count[term] for term in kept)]).tolist()
    columns_of = {term: range(*ends) for term, ends in zip(kept, pairwise(starts), strict=True)}
    whole = within = _equations(y, list(kept.values()))
    if absorbed is not None:
        within = _without(whole, y, cells[absorbed], list(kept.values()))

    def fit(terms: Sequence[Term]) -> Floats:
        columns = [0, *(column for term in terms if term != absorbed for column in columns_of[term])]
        return (within if absorbed in terms else whole).solved(columns, len(y))

    return fit


def _equations(y: Floats, terms: Sequence[Indices]) -> _Equations:
    """Returns the equations of the intercept and the indicator columns of all given terms."""
    sizes = [int(cells.max()) + 1 for cells in terms]
    width = 1 + sum(sizes)
    products, moments = np.zeros((width, width)), np.zeros(width)
    rows = max(1, _BLOCK_ELEMENTS // width)
    for start in range(0, len(y), rows):
        block = slice(start, start + rows)
        indicators = (cells[block, None] == np.arange(size) for cells, size in zip(terms, sizes, strict=True))
        design = np.hstack([np.ones((len(y[block]), 1)), *indicators])
        products += design.T @ design
        moments += design.T @ y[block]
    return _Equations(products, moments, float(y @ y), len(y))


def _without(whole: _Equations, y: Floats, absorbed: Indices, terms: Sequence[Indices]) -> _Equations:
    """Returns the equations after the means within the cells of the absorbed term are subtracted."""
    counts = np.bincount(absorbed).astype(np.float64)
    sums = np.bincount(absorbed, y)
    crossed = np.hstack([counts[:, None], *(_crossed(absorbed, cells) for cells in terms)])
    return _Equations(
        whole.products - crossed.T @ (crossed / counts[:, None]),
        whole.moments - crossed.T @ (sums / counts),
        whole.residual - float(np.sum(sums**2 / counts)),
        whole.df - len(counts),
    )


def _crossed(first: Indices, second: Indices) -> NDArray[np.int64]:
    """Returns the number of runs in each cell of two terms at once, shape (first cells, second cells)."""
    shape = int(first.max()) + 1, int(second.max()) + 1
    return np.bincount(first * shape[1] + second, minlength=shape[0] * shape[1]).reshape(shape)
