"""Faults planted into copies of results, to see that a gate can go red, and for the right reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ablate.analysis.gate.compare import compare
from ablate.analysis.gate.match import Side
from ablate.analysis.gate.verdict import Reason, reasons
from ablate.analysis.metrics import Metric
from ablate.experiment.spec import FACTORS
from ablate.store.status import DIVERGED, FINISHED

# A planted loss: so many margins, and so many standard deviations over seeds, so that no noise hides it.
_MARGINS, _SPREADS = 3.0, 6.0


@dataclass(frozen=True)
class Trial:
    """A fault and what the gate said of it.

    Attributes:
        fault: What was planted, in words.
        expected: What the gate has to say, nothing for a copy that is as good.
        found: What it said.
    """

    fault: str
    expected: tuple[Reason, ...]
    found: tuple[Reason, ...]

    @property
    def passed(self) -> bool:
        """Whether the gate said what it had to."""
        return self.expected == self.found


def self_test(baseline: Side, metrics: Sequence[Metric], alpha: float) -> Iterator[Trial]:
    """Yields trials of a gate on copies of a baseline: faults it must find, and copies it must let pass.

    In the A/A pair the results of each variant are handed on from seed to seed: all differences are real ones, and
    their mean is zero.

    Args:
        baseline: Results with at least one finished run.
        metrics: Those that would be judged.
        alpha: As for the gate.
    """
    runs = baseline.runs
    variant = str(runs.loc[runs["status"] == FINISHED, "run_id"].iloc[0])
    chosen = _same_variant(runs, variant)

    def trial(fault: str, expected: tuple[Reason, ...], candidate: pd.DataFrame) -> Trial:
        found = reasons(
            compare(baseline, replace(baseline, runs=candidate), metrics, alpha), allow_missing=False
        )
        return Trial(fault, expected, found)

    for metric in metrics:
        if metric.decides:
            red = (Reason.REGRESSION,)
            yield trial(
                f"{metric.name} of one variant worse", red, _shifted(runs, chosen, metric, worse=True)
            )
    first = chosen & (runs["seed"] == runs.loc[chosen, "seed"].min())
    diverged = runs.assign(status=runs["status"].mask(first, DIVERGED), finished=runs["finished"] & ~first)
    yield trial("one run diverged", (Reason.FAILED_RUNS,), diverged)
    column = metrics[0].gate_column
    broken = runs.assign(**{column: runs[column].mask(first, np.nan)})
    yield trial(f"{metrics[0].name} of one run NaN", (Reason.FAILED_RUNS,), broken)
    if not chosen.all():
        yield trial("one variant gone", (Reason.NOT_COMPARABLE,), runs[~chosen])
    yield trial("A/A pair", (), _handed_on(runs))
    yield trial(f"{column} of one variant better", (), _shifted(runs, chosen, metrics[0], worse=False))


def _same_variant(runs: pd.DataFrame, run_id: str) -> "pd.Series[bool]":
    levels = runs[list(FACTORS)].astype(str)
    return (levels == levels[runs["run_id"] == run_id].iloc[0]).all(axis=1)


def _shifted(runs: pd.DataFrame, chosen: "pd.Series[bool]", metric: Metric, worse: bool) -> pd.DataFrame:
    values = runs.loc[chosen, metric.gate_column]
    mean = np.array(values.mean())
    size = float(metric.gate_limit(mean, mean))
    loss = _MARGINS * size + _SPREADS * (values.std() if len(values) > 1 else 0.0)
    up = worse != metric.higher_is_better
    return runs.assign(**{metric.gate_column: runs[metric.gate_column] + (loss if up else -loss) * chosen})


def _handed_on(runs: pd.DataFrame) -> pd.DataFrame:
    levels = list(FACTORS)
    seeds = runs.groupby(levels, sort=False)["seed"].transform(lambda column: np.roll(column.to_numpy(), 1))
    return runs.assign(seed=seeds)
