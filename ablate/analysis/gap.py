"""The gap between training and validation scores: positive means overfitting, in accuracy as in loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ablate.analysis.arrays import Floats

# How sure it has to be that the validation loss rises, which takes at least six evaluations after its minimum.
RISING_P = 0.01


@dataclass(frozen=True)
class Gap:
    """The gap at one evaluation.

    Attributes:
        accuracy: Training minus validation accuracy, as a share from -1 to 1.
        loss: Validation minus training loss, in nats.
    """

    accuracy: float
    loss: float


@dataclass(frozen=True)
class Curve:
    """Scores of one run at its evaluations, in eval mode, each of shape (evaluations,)."""

    train_loss: Floats
    train_accuracy: Floats
    val_loss: Floats
    val_accuracy: Floats

    def gap_at(self, evaluation: int) -> Gap:
        """Returns the gap at an evaluation, counted from 0 or, if negative, from the end."""
        return Gap(
            float(self.train_accuracy[evaluation] - self.val_accuracy[evaluation]),
            float(self.val_loss[evaluation] - self.train_loss[evaluation]),
        )


def last_gap(curve: Curve) -> Gap:
    """Returns the gap at the last evaluation."""
    return curve.gap_at(-1)


def best_gap(curve: Curve) -> Gap:
    """Returns the gap at the first evaluation of the highest validation accuracy, NaN if there is none."""
    if np.isnan(curve.val_accuracy).all():
        return Gap(float("nan"), float("nan"))
    return curve.gap_at(int(np.nanargmax(curve.val_accuracy)))


def overfit_step(steps: NDArray[np.int64] | Floats, val_loss: Floats) -> float:
    """Returns the step from which a run overfits: that of its lowest validation loss, if the loss then turns up.

    It turns up for good if over the evaluations after the lowest (the first, of several) it has a rising trend
    such as noise gives in one run of a hundred: the Mann-Kendall test with a one-sided p of at most `RISING_P`
    (Mann, "Nonparametric tests against trend", Econometrica 13:245-259, 1945). NaN if it has none, so a run whose
    loss still falls, lies flat or comes down again is censored.

    Args:
        steps: Steps done at each evaluation, ascending, shape (evaluations,).
        val_loss: Validation loss at each, same shape; evaluations without one (NaN) are passed over.
    """
    known = ~np.isnan(val_loss)
    steps, val_loss = steps[known], val_loss[known]
    if not len(val_loss):
        return float("nan")
    lowest = int(val_loss.argmin())
    return float(steps[lowest]) if rising_p(val_loss[lowest + 1 :]) <= RISING_P else float("nan")


def rising_p(values: Floats) -> float:
    """Returns the one-sided p of the Mann-Kendall test against a rising trend, values of shape (n,).

    By the normal approximation with continuity correction; ties, which make it conservative, are not corrected for.
    """
    n = len(values)
    if n < 2:
        return 1.0
    pairs = np.triu(np.sign(values[None, :] - values[:, None]), 1).sum()
    return float(special.ndtr(-(pairs - 1) / np.sqrt(n * (n - 1) * (2 * n + 5) / 18)))
