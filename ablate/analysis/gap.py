"""The gap between training and validation scores. A positive gap means overfitting, for accuracy and for loss."""

from collections.abc import Mapping

import numpy as np
from scipy import special

from ablate.analysis.arrays import Floats, Steps

# A loss counts as rising if p of the trend test is at most this. That takes six evaluations after the lowest loss.
RISING_P = 0.01


def gap_at(scores: Mapping[str, Floats], evaluation: int) -> tuple[float, float]:
    """Returns the accuracy gap and the loss gap at an evaluation, an index that counts from the end if negative.

    The accuracy gap is training minus validation accuracy, from -1 to 1. The loss gap is validation minus training
    loss, in nats. `scores` holds the columns `store.schema.SCORES` of one run, each of shape (evaluations,).
    """
    values = {name: float(column[evaluation]) for name, column in scores.items()}
    return values["train_accuracy"] - values["val_accuracy"], values["val_loss"] - values["train_loss"]


def best_gap(scores: Mapping[str, Floats]) -> tuple[float, float]:
    """Returns the gaps at the first evaluation with the highest validation accuracy, NaN if no accuracy is known."""
    accuracy = scores["val_accuracy"]
    if np.isnan(accuracy).all():
        return float("nan"), float("nan")
    return gap_at(scores, int(np.nanargmax(accuracy)))


def overfit_step(steps: Steps, val_loss: Floats) -> float:
    """Returns the step of the lowest validation loss if the loss rises after it, else NaN.

    The loss rises if the evaluations after its first minimum have a positive trend: the one-sided p of the Mann-Kendall
    test (Mann, "Nonparametric tests against trend", Econometrica 13:245-259, 1945) is at most `RISING_P`. Noise alone
    gives such a p in one run of a hundred. A run whose loss still falls, stays level or falls again is censored. Both
    arrays have the shape (evaluations,); steps ascend, and evaluations with loss NaN are skipped.
    """
    known = ~np.isnan(val_loss)
    steps, val_loss = steps[known], val_loss[known]
    if not len(val_loss):
        return float("nan")
    lowest = int(val_loss.argmin())
    return float(steps[lowest]) if rising_p(val_loss[lowest + 1 :]) <= RISING_P else float("nan")


def rising_p(values: Floats) -> float:
    """Returns the one-sided p of the Mann-Kendall test for a rising trend in values of shape (n,).

    The test uses the normal approximation with continuity correction. It does not correct for ties, which makes it
    conservative.
    """
    n = len(values)
    if n < 2:
        return 1.0
    pairs = np.triu(np.sign(values[None, :] - values[:, None]), 1).sum()
    return float(special.ndtr(-(pairs - 1) / np.sqrt(n * (n - 1) * (2 * n + 5) / 18)))
