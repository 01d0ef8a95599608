"""Convergence: how many steps a run needs to reach a target, and how well it did on the way."""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ablate.analysis.arrays import Floats
from ablate.errors import SpecError

DEFAULT_TARGET = "90%"


@dataclass(frozen=True)
class Target:
    """The validation accuracy that defines "converged".

    Attributes:
        share: From 0 to 1: an accuracy, or a share of one.
        relative: Whether it is a share of the best validation accuracy of the reference.
    """

    share: float
    relative: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the target a user wrote: `0.95` is an accuracy, `90%` a share of the reference's best.

        Raises:
            SpecError: It is neither.
        """
        number = re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)(%?)", text.strip())
        share = float(number[1]) / (100 if number[2] else 1) if number else 0.0
        if number is None or not 0 < share <= 1:
            raise SpecError(
                f"--target: {text!r} is neither an accuracy above 0 and at most 1, as 0.95, nor a share of "
                "the reference's best above 0% and at most 100%, as 90%"
            )
        return cls(share, relative=number[2] == "%")

    def accuracy(self, reference_best: float) -> float:
        """Returns the target as a validation accuracy, given the reference's best, which may be NaN."""
        return self.share * reference_best if self.relative else self.share

    def __str__(self) -> str:
        return f"{self.share * 100:.12g}%" if self.relative else f"{self.share:.12g}"


def steps_to_target(steps: NDArray[np.int64] | Floats, val_accuracy: Floats, target: float) -> float:
    """Returns the steps after which a run first is at the target, or NaN if it never is (censored).

    Between the evaluation below the target and the one that is not, the accuracy is taken to rise linearly. A
    run whose untrained network is there already needs none.

    Args:
        steps: Steps done at each evaluation, ascending, shape (evaluations,).
        val_accuracy: Validation accuracy at each, same shape; evaluations without one (NaN) are passed over.
        target: Validation accuracy to reach.
    """
    known = ~np.isnan(val_accuracy)
    steps, val_accuracy = steps[known], val_accuracy[known]
    reached = val_accuracy >= target
    if not reached.any():
        return float("nan")
    after = int(reached.argmax())
    if after == 0:
        return float(steps[0])
    before = after - 1
    rise = (target - val_accuracy[before]) / (val_accuracy[after] - val_accuracy[before])
    return float(steps[before] + rise * (steps[after] - steps[before]))


def restricted(times: Floats, horizons: Floats) -> Floats:
    """Returns min(T, horizon) of each run, the horizon where it never reached its target, shape (runs,).

    The mean of these is the restricted mean survival time, E[min(T, horizon)] (Royston and Parmar,
    "Restricted mean survival time: an alternative to the hazard ratio for the design and analysis of
    randomized trials with a time-to-event outcome", BMC Medical Research Methodology 13:152, 2013). No run is
    lost before its horizon, so it needs no Kaplan-Meier weights; where some runs are censored it is a lower
    bound of the mean steps to target.

    Args:
        times: Steps to target, NaN where censored, shape (runs,).
        horizons: Steps each run was meant to train for, shape (runs,).
    """
    return np.fmin(times, horizons)


def aulc(steps: NDArray[np.int64] | Floats, val_accuracy: Floats) -> float:
    """Returns the area under the learning curve, the mean validation accuracy over the steps.

    The curve is taken to be linear between evaluations (trapezoid rule).

    Args:
        steps: Steps done at each evaluation, ascending, shape (evaluations,).
        val_accuracy: Validation accuracy at each, same shape.
    """
    span = float(steps[-1] - steps[0])
    return float(np.trapezoid(val_accuracy, steps)) / span if span else float(val_accuracy[0])
