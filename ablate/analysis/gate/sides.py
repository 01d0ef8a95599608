"""One side of a gate: scored runs, their settings and their environment."""

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
    """Runs as returned by `score`, the settings that they share, and the environment in which they were made.

    `target` is the validation accuracy that steps to target refer to, NaN if unknown.
    """

    runs: pd.DataFrame
    target: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def score(runs: pd.DataFrame, curves: pd.DataFrame, target: float) -> pd.DataFrame:
    """Returns the runs with all columns that a gate judges; `target` is a validation accuracy."""
    return with_step_cost(scored(runs, curves, target))


def with_step_cost(runs: pd.DataFrame) -> pd.DataFrame:
    """Returns the runs with the seconds per step. A run's seconds are its share of the time of its stack."""
    return runs.assign(**{STEP_SECONDS: runs["seconds"] / runs["steps"]})


def absolute_target(runs: pd.DataFrame, target: Target) -> float:
    """Returns a target as a validation accuracy; a relative target is a share of the default reference's best."""
    runs = named(runs)
    return target.accuracy(reference_best(runs, reference_variant(runs, None)))
