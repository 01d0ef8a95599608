"""One side of a gate, baseline or candidate: scored runs, their settings and their environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ablate.analysis.convergence import Target
from ablate.analysis.metrics import STEP_SECONDS
from ablate.analysis.scores import reference_best, scored
from ablate.analysis.variants import named, reference_variant


@dataclass(frozen=True)
class Side:
    """The baseline or the candidate of a gate.

    `runs` is a result of the function `score`. `settings` are the settings that all runs of the side share. `target` is
    the validation accuracy that defines `steps_to_target`, or NaN if unknown.
    """

    runs: pd.DataFrame
    target: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def score(runs: pd.DataFrame, curves: pd.DataFrame, target: float) -> pd.DataFrame:
    """Returns the runs with all columns that a gate judges. `target` is a validation accuracy."""
    return with_step_cost(scored(runs, curves, target))


def with_step_cost(runs: pd.DataFrame) -> pd.DataFrame:
    """Returns the runs with a column of seconds per step.

    A run's seconds are its share of the time of its stack (the runs trained together as one network).
    """
    return runs.assign(**{STEP_SECONDS: runs["seconds"] / runs["steps"]})


def absolute_target(runs: pd.DataFrame, target: Target) -> float:
    """Returns a target as a validation accuracy.

    A relative target is a share of the best accuracy of the default reference.
    """
    runs = named(runs)
    return target.accuracy(reference_best(runs, reference_variant(runs, None)))
