"""The gap between training and validation scores: positive means overfitting, in accuracy as in loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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
