"""The self-test of a gate: in each trial, the gate compares a baseline with a changed copy of the baseline.

If the change is a fault, the gate must fail for the expected reason; otherwise the gate must pass.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ablate.analysis.gate.compare import compare
from ablate.analysis.gate.sides import Side
from ablate.analysis.gate.verdict import Reason, reasons
from ablate.analysis.metrics import Metric
from ablate.experiment.spec import FACTORS
from ablate.store.status import DIVERGED, FINISHED

# A fault shifts a metric by `_MARGINS` margins plus `_SPREADS` standard deviations over seeds, which exceeds the noise.
_MARGINS, _SPREADS = 3.0, 6.0


@dataclass(frozen=True)
class Trial:
    """One trial of the self-test: the change of the copy, and the expected and actual reasons why the gate fails.

    If the gate must pass, `expected` is empty.
    """

    fault: str
    expected: tuple[Reason, ...]
    found: tuple[Reason, ...]

    @property
    def passed(self) -> bool:
        """Whether the gate failed for exactly the expected reasons."""
        return self.expected == self.found


def self_test(baseline: Side, metrics: Sequence[Metric], alpha: float) -> Iterator[Trial]:
    """Yields the trials of the self-test.

    The baseline must have at least one finished run. The trial `A/A pair` moves each result of a variant to the next
    seed, so the differences from the baseline vary between seeds, but the mean difference is zero.
    """
    for fault, expected, runs in _copies(baseline.runs, metrics):
        comparison = compare(baseline, replace(baseline, runs=runs), metrics, alpha)
        yield Trial(fault, expected, reasons(comparison, allow_missing=False))


def _copies(
    runs: pd.DataFrame, metrics: Sequence[Metric]
) -> Iterator[tuple[str, tuple[Reason, ...], pd.DataFrame]]:
    """Yields changed copies of the runs, each with a description of the change and the reasons why a gate must fail."""
    levels = runs[list(FACTORS)].astype(str)
    chosen = (levels == levels[runs["status"] == FINISHED].iloc[0]).all(axis=1)
    for metric in metrics:
        if metric.decides:
            worse = _shifted(runs, chosen, metric, worse=True)
            yield f"{metric.name} of one variant worse", (Reason.REGRESSION,), worse
    first = chosen & (runs["seed"] == runs.loc[chosen, "seed"].min())
    diverged = runs.assign(status=runs["status"].mask(first, DIVERGED), finished=runs["finished"] & ~first)
    yield "one run diverged", (Reason.FAILED_RUNS,), diverged
    column = metrics[0].gate_column
    not_finite = runs.assign(**{column: runs[column].mask(first, np.nan)})
    yield f"{metrics[0].name} of one run NaN", (Reason.FAILED_RUNS,), not_finite
    if not chosen.all():
        yield "one variant gone", (Reason.NOT_COMPARABLE,), runs[~chosen]
    seeds = runs.groupby(list(FACTORS), sort=False)["seed"]
    moved_on = seeds.transform(lambda column: np.roll(column.to_numpy(), 1))
    yield "A/A pair", (), runs.assign(seed=moved_on)
    yield f"{column} of one variant better", (), _shifted(runs, chosen, metrics[0], worse=False)


def _shifted(runs: pd.DataFrame, chosen: "pd.Series[bool]", metric: Metric, worse: bool) -> pd.DataFrame:
    values = runs.loc[chosen, metric.gate_column]
    mean = np.array(values.mean())
    margin = float(metric.gate_limit(mean, mean))
    size = _MARGINS * margin + _SPREADS * (values.std() if len(values) > 1 else 0.0)
    shift = -metric.sign * size if worse else metric.sign * size
    return runs.assign(**{metric.gate_column: runs[metric.gate_column] + shift * chosen})
