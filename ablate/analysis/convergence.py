"""Measures of convergence: the number of steps to a target accuracy, and the area under the learning curve."""

from typing import Self

import numpy as np

from ablate.analysis.arrays import Floats, Steps
from ablate.analysis.margin import Amount
from ablate.errors import SpecError

DEFAULT_TARGET = "90%"


class Target(Amount):
    """Validation accuracy at which a run counts as converged.

    A relative target is a share of the best accuracy of the reference.
    """

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the target that a text such as `0.95` or `90%` states. Raises `SpecError` for any other text."""
        target = cls.read(text)
        if target is None or not 0 < target.size <= 1:
            raise SpecError(
                f"--target: {text!r} is neither an accuracy above 0 and at most 1, as 0.95, nor a share of "
                "the reference's best above 0% and at most 100%, as 90%"
            )
        return target

    def accuracy(self, reference_best: float) -> float:
        """Returns the target as a validation accuracy.

        The result is NaN if the target is relative and `reference_best` is NaN.
        """
        return self.size * reference_best if self.relative else self.size


def steps_to_target(steps: Steps, val_accuracy: Floats, target: float) -> float:
    """Returns the number of steps after which a run first reaches the target.

    The result is NaN if the run never reaches the target, and 0 if the untrained network already reaches it. The
    accuracy is interpolated linearly between evaluations. `steps` and `val_accuracy` have the shape (evaluations,).
    `steps` ascends. Evaluations whose accuracy is NaN are skipped.
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
    share = (target - val_accuracy[before]) / (val_accuracy[after] - val_accuracy[before])
    return float(steps[before] + share * (steps[after] - steps[before]))


def restricted(times: Floats, horizons: Floats) -> Floats:
    """Returns the steps to target of each run, shape (runs,).

    A censored run (NaN in `times`), which missed the target, counts with its horizon: the number of its planned steps.
    The mean of the result is the restricted mean survival time, E[min(T, horizon)], where T is the number of steps to
    target (Royston and Parmar, "Restricted mean survival time: an alternative to the hazard ratio for the design and
    analysis of randomized trials with a time-to-event outcome", BMC Medical Research Methodology 13:152, 2013). No run
    is censored before its horizon, so the mean needs no Kaplan-Meier weights. If some runs are censored, the mean of
    the result is a lower bound of the mean steps to target.
    """
    return np.fmin(times, horizons)


def aulc(steps: Steps, val_accuracy: Floats) -> float:
    """Returns the area under the learning curve: the mean validation accuracy over the steps, by the trapezoid rule."""
    span = float(steps[-1] - steps[0])
    return float(np.trapezoid(val_accuracy, steps)) / span if span else float(val_accuracy[0])
