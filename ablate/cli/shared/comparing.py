"""Code shared by `ablate compare` and `ablate gate`: options, and reading of baseline and candidate."""

from dataclasses import dataclass
from pathlib import Path

import typer

from ablate.analysis.convergence import DEFAULT_TARGET, Target
from ablate.analysis.gate.compare import ALPHA, compare
from ablate.analysis.gate.metrics import chosen_metrics
from ablate.analysis.gate.sides import Side, absolute_target, score, with_step_cost
from ablate.analysis.gate.verdict import Comparison
from ablate.analysis.metrics import GATE_METRICS, Metric
from ablate.cli.shared.groups import option
from ablate.cli.shared.places import output_path, results_path
from ablate.errors import SpecError
from ablate.store.baseline import Stored, read_results

_DEFAULT_MARGINS = ", ".join(f"{name}={metric.gate_margin}" for name, metric in GATE_METRICS.items())

# `ablate gate --missing-baseline create` writes the baseline.
BASELINE = typer.Argument(
    parser=output_path, metavar="BASELINE", help="results folder or baseline file, the old one"
)
CANDIDATE = typer.Argument(
    parser=results_path, metavar="CANDIDATE", help="results folder or baseline file, the new one"
)


@dataclass(frozen=True)
class Judging:
    """Options that determine how `ablate compare` and `ablate gate` judge differences."""

    metric: list[str] | None = option(
        None,
        metavar="NAME",
        help=f"judge this metric (repeatable): {', '.join(GATE_METRICS)} [default: all, the last as a hint]",
    )
    margin: list[str] | None = option(
        None,
        metavar="NAME=SIZE",
        help="smallest difference that matters, in the metric's unit or in % of the mean of both sides "
        f"(repeatable) [default: {_DEFAULT_MARGINS}]",
    )
    alpha: float = option(ALPHA, help="largest probability of reporting a regression where there is none")
    exact: bool = option(False, help="compare bits instead: any difference except in time is a regression")

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics to judge. Raises SpecError if one of the options is not legal."""
        if not 0 < self.alpha < 0.5:
            raise SpecError(f"--alpha: {self.alpha:g} is not above 0 and below 0.5")
        return chosen_metrics(self.metric or (), self.margin or ())

    def compare(self, baseline: Side, candidate: Side) -> Comparison:
        """Returns the comparison of a candidate with a baseline."""
        return compare(baseline, candidate, self.metrics, self.alpha, self.exact)


def read_sides(baseline: Path, candidate: Path) -> tuple[Side, Side]:
    """Reads the baseline and the candidate, each from a results folder or a baseline file.

    Baseline and candidate are scored with the target accuracy of the baseline.

    Raises:
        NothingToShow: A folder or file does not exist or contains no runs.
        StoreError: A folder or file cannot be read.
    """
    old, new = read_results(baseline), read_results(candidate)
    first = side_of(old, new.target)
    return first, side_of(new, first.target)


def default_target(stored: Stored) -> float:
    """Returns the target validation accuracy that `ablate report` uses for a results folder by default."""
    return absolute_target(stored.runs, Target.parse(DEFAULT_TARGET))


def side_of(stored: Stored, target: float | None = None) -> Side:
    """Returns stored results as one side of a comparison. A baseline file keeps its own target accuracy.

    A results folder gets the accuracy `target` or, if `target` is None, the default target.
    """
    if stored.target is not None:
        target = stored.target
    elif target is None:
        target = default_target(stored)
    runs = with_step_cost(stored.runs) if stored.curves is None else score(stored.runs, stored.curves, target)
    return Side(runs, target, stored.settings, stored.environment)
