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


def steps_to_target(steps: Steps, val_accuracy: Floats, target: float) -> Floats:
    """Returns the number of steps after which each run first reaches the target, shape (...).

    The result is NaN if the run never reaches the target, and 0 if the untrained network already reaches it. The
    accuracy is interpolated linearly between evaluations. `steps` and `val_accuracy` have the shape (..., evaluations).
    `steps` ascends. Evaluations whose accuracy is NaN are skipped.
    """
    known = np.where(np.isnan(val_accuracy), -1, np.arange(val_accuracy.shape[-1]))
    latest = np.maximum.accumulate(known, axis=-1)  # the index of the latest evaluation that is not skipped
    reached = val_accuracy >= target
    after = reached.argmax(axis=-1)[..., None]
    before = np.where(after > 0, np.take_along_axis(latest, np.maximum(after - 1, 0), -1), -1)
    before = np.where(before < 0, after, before)
    step, accuracy = np.take_along_axis(steps, before, -1), np.take_along_axis(val_accuracy, before, -1)
    rise = np.take_along_axis(val_accuracy, after, -1) - accuracy
    share = np.divide(target - accuracy, rise, out=np.zeros_like(rise), where=before != after)
    crossing = step + share * (np.take_along_axis(steps, after, -1) - step)
    return np.where(reached.any(axis=-1), crossing[..., 0], np.nan)


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
