"""The gap between training and validation scores: positive means overfitting, in accuracy as in loss."""

from collections.abc import Mapping

import numpy as np
from scipy import special

from ablate.analysis.arrays import Floats, Steps

# Largest p of the trend test at which a validation loss is said to rise. It takes six evaluations to get there.
RISING_P = 0.01


def gap_at(scores: Mapping[str, Floats], evaluation: int) -> tuple[float, float]:
    """Returns the gap at an evaluation, which is counted from 0 or, if negative, from the end.

    It is training minus validation accuracy, as a share from -1 to 1, and validation minus training loss, in nats.
    `scores` holds the columns `store.schema.SCORES` of one run, each of shape (evaluations,).
    """
    values = {name: float(column[evaluation]) for name, column in scores.items()}
    return values["train_accuracy"] - values["val_accuracy"], values["val_loss"] - values["train_loss"]


def best_gap(scores: Mapping[str, Floats]) -> tuple[float, float]:
    """Returns the gap at the first evaluation of the highest validation accuracy, NaN if no accuracy is known."""
    accuracy = scores["val_accuracy"]
    if np.isnan(accuracy).all():
        return float("nan"), float("nan")
    return gap_at(scores, int(np.nanargmax(accuracy)))


def overfit_step(steps: Steps, val_loss: Floats) -> float:
    """Returns the step of the lowest validation loss if the loss rises after it, else NaN.

    The loss rises if the evaluations after the lowest one (the first of several) have a positive trend: the one-sided
    p of the Mann-Kendall test is at most `RISING_P`, which noise alone reaches in one run of a hundred (Mann,
    "Nonparametric tests against trend", Econometrica 13:245-259, 1945). A run whose loss still falls, stays level or
    comes down again is censored. Both arrays have the shape (evaluations,); steps ascend, and a loss of NaN is skipped.
    """
    known = ~np.isnan(val_loss)
    steps, val_loss = steps[known], val_loss[known]
    if not len(val_loss):
        return float("nan")
    lowest = int(val_loss.argmin())
    return float(steps[lowest]) if rising_p(val_loss[lowest + 1 :]) <= RISING_P else float("nan")


def rising_p(values: Floats) -> float:
    """Returns the p of the Mann-Kendall test for a rising trend (one-sided), values of shape (n,).

    It uses the normal approximation with continuity correction. Ties are not corrected for, so they make the test
    conservative.
    """
    n = len(values)
    if n < 2:
        return 1.0
    pairs = np.triu(np.sign(values[None, :] - values[:, None]), 1).sum()
    return float(special.ndtr(-(pairs - 1) / np.sqrt(n * (n - 1) * (2 * n + 5) / 18)))
