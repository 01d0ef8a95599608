"""One side of a gate: scored runs, and what they were made with."""

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
    """Runs, as `score` returns them, the settings that they share, and the environment they were made in.

    `target` is the validation accuracy that their steps to target refer to, NaN if unknown.
    """

    runs: pd.DataFrame
    target: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def score(runs: pd.DataFrame, curves: pd.DataFrame, target: float) -> pd.DataFrame:
    """Returns runs with all columns that a gate judges, given a target as a validation accuracy."""
    return with_step_cost(scored(runs, curves, target))


def with_step_cost(runs: pd.DataFrame) -> pd.DataFrame:
    """Returns runs with the seconds of a step; the seconds of a run are its share of its stack."""
    return runs.assign(**{STEP_SECONDS: runs["seconds"] / runs["steps"]})


def absolute_target(runs: pd.DataFrame, target: Target) -> float:
    """Returns a target as a validation accuracy; a relative one is a share of the best of the plainest relu."""
    runs = named(runs)
    return target.accuracy(reference_best(runs, reference_variant(runs, None)))
