"""The gap between training and validation scores. A positive accuracy gap or loss gap means overfitting."""

from collections.abc import Mapping

import numpy as np
from scipy import special

from ablate.analysis.arrays import Floats, Steps

# A loss counts as rising if its `rising_p` is at most `RISING_P`. A p this small needs at least six evaluations after
# the lowest loss.
RISING_P = 0.01


def gap_at(scores: Mapping[str, Floats], evaluation: int) -> tuple[float, float]:
    """Returns the accuracy gap and the loss gap at one evaluation. A negative `evaluation` counts from the end.

    The accuracy gap is the training accuracy minus the validation accuracy, from -1 to 1. The loss gap is the
    validation loss minus the training loss, in nats. `scores` holds the columns `store.schema.SCORES` of one run, each
    of shape (evaluations,).
    """
    values = {name: float(column[evaluation]) for name, column in scores.items()}
    return values["train_accuracy"] - values["val_accuracy"], values["val_loss"] - values["train_loss"]


def best_gap(scores: Mapping[str, Floats]) -> tuple[float, float]:
    """Returns the accuracy gap and the loss gap at the first evaluation with the highest validation accuracy.

    Both are NaN if no validation accuracy is known.
    """
    accuracy = scores["val_accuracy"]
    if np.isnan(accuracy).all():
        return float("nan"), float("nan")
    return gap_at(scores, int(np.nanargmax(accuracy)))


def overfit_step(steps: Steps, val_loss: Floats) -> float:
    """Returns the step of the lowest validation loss if the loss rises after this step, else NaN.

    The loss counts as rising if a one-sided Mann-Kendall trend test (Mann, "Nonparametric tests against trend",
    Econometrica 13:245-259, 1945) of the losses after the first minimum has a p of at most `RISING_P`, which noise
    alone gives in one of a hundred runs. The result is NaN if the loss still falls at the end, stays level or falls
    again. `steps` and `val_loss` have the shape (evaluations,). `steps` ascends. Evaluations whose loss is NaN are
    skipped.
    """
    known = ~np.isnan(val_loss)
    steps, val_loss = steps[known], val_loss[known]
    if not len(val_loss):
        return float("nan")
    lowest = int(val_loss.argmin())
    return float(steps[lowest]) if rising_p(val_loss[lowest + 1 :]) <= RISING_P else float("nan")


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
