"""The gap between training and validation scores. A positive accuracy gap or loss gap means overfitting."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from scipy import special

from ablate.analysis.arrays import Floats, Steps

Value = TypeVar("Value", float, Floats)

# A loss counts as rising if its `rising_p` is at most `RISING_P`. A p this small needs at least `_FEWEST` evaluations
# after the lowest loss.
RISING_P = 0.01
_FEWEST = 6


def gap_at(scores: Mapping[str, Floats], evaluation: int) -> tuple[float, float]:
    """Returns the accuracy gap and the loss gap at one evaluation. A negative `evaluation` counts from the end.

    The accuracy gap is the training accuracy minus the validation accuracy, from -1 to 1. The loss gap is the
    validation loss minus the training loss, in nats. `scores` holds the columns `store.schema.SCORES` of one run, each
    of shape (evaluations,).
    """
    return _gaps({name: float(column[evaluation]) for name, column in scores.items()})


def best_gap(scores: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Returns the accuracy gap and the loss gap at the first evaluation with the highest validation accuracy.

    `scores` holds the columns `store.schema.SCORES` of runs, each of shape (..., evaluations). Each gap has the shape
    (...). The gaps of a run are NaN if no validation accuracy is known.
    """
    known = ~np.isnan(scores["val_accuracy"])
    best = np.where(known, scores["val_accuracy"], -np.inf).argmax(axis=-1)[..., None]
    gaps = _gaps({name: np.take_along_axis(column, best, -1)[..., 0] for name, column in scores.items()})
    accuracy, loss = (np.where(known.any(axis=-1), gap, np.nan) for gap in gaps)
    return accuracy, loss


def _gaps(values: Mapping[str, Value]) -> tuple[Value, Value]:
    return values["train_accuracy"] - values["val_accuracy"], values["val_loss"] - values["train_loss"]


def overfit_step(steps: Steps, val_loss: Floats) -> Floats:
    """Returns the step of the lowest validation loss of each run if the loss rises after this step, else NaN.

    The loss counts as rising if a one-sided Mann-Kendall trend test (Mann, "Nonparametric tests against trend",
    Econometrica 13:245-259, 1945) of the losses after the first minimum has a p of at most `RISING_P`, which noise
    alone gives in one of a hundred runs. The result is NaN if the loss still falls at the end, stays level or falls
    again. `steps` and `val_loss` have the shape (..., evaluations), and the result has the shape (...). `steps`
    ascends. Evaluations whose loss is NaN are skipped.
    """
    known = ~np.isnan(val_loss)
    lowest = np.where(known, val_loss, np.inf).argmin(axis=-1)
    later = known & (np.arange(val_loss.shape[-1]) > lowest[..., None])
    result = np.full(lowest.shape, np.nan)
    for run in map(tuple, np.argwhere(later.sum(axis=-1) >= _FEWEST)):
        if rising_p(val_loss[run][later[run]]) <= RISING_P:
            result[run] = steps[run][lowest[run]]
    return result


def rising_p(values: Floats) -> float:
    """Returns the one-sided p of the Mann-Kendall test for a rising trend in values of shape (n,).

    The Mann-Kendall test uses the normal approximation with continuity correction. The test does not correct for ties
    and is therefore conservative.
    """
    n = len(values)
    if n < 2:
        return 1.0
    pairs = np.triu(np.sign(values[None, :] - values[:, None]), 1).sum()
    return float(special.ndtr(-(pairs - 1) / np.sqrt(n * (n - 1) * (2 * n + 5) / 18)))
