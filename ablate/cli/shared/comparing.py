"""Options that `compare` and `gate` share, and how they lead from two paths to verdicts."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from ablate.analysis.convergence import DEFAULT_TARGET, Target
from ablate.analysis.gate import ALPHA, compare
from ablate.analysis.gate_match import Side, absolute_target, score, with_step_cost
from ablate.analysis.gate_metrics import GATE_METRICS, GateMetric, chosen_metrics
from ablate.analysis.gate_verdict import Comparison
from ablate.errors import SpecError
from ablate.store.baseline import Stored, read_results

_DEFAULT_MARGINS = ", ".join(f"{name}={metric.margin}" for name, metric in GATE_METRICS.items())

MetricNames = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help=f"judge this metric (repeatable): {', '.join(GATE_METRICS)} [default: all, the last as a hint]",
        show_default=False,
    ),
]
Margins = Annotated[
    list[str] | None,
    typer.Option(
        "--margin",
        metavar="NAME=SIZE",
        help="smallest difference that matters, in the metric's unit or in % of the mean of both sides "
        f"(repeatable) [default: {_DEFAULT_MARGINS}]",
        show_default=False,
    ),
]
Alpha = Annotated[
    float, typer.Option("--alpha", help="largest probability of a regression being seen where there is none")
]
Exact = Annotated[
    bool, typer.Option("--exact", help="compare bits instead: any difference but in time is a regression")
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document instead of tables")]


@dataclass(frozen=True)
class Judging:
    """What makes a verdict: the options of `compare` and `gate` alike."""

    metric: MetricNames = None
    margin: Margins = None
    alpha: Alpha = ALPHA
    exact: Exact = False

    @property
    def metrics(self) -> tuple[GateMetric, ...]:
        """The metrics to judge.

        Raises:
            SpecError: One of the options is not legal.
        """
        if not 0 < self.alpha < 0.5:
            raise SpecError(f"--alpha: {self.alpha:g} is not above 0 and below 0.5")
        return chosen_metrics(self.metric or (), self.margin or ())

    def compare(self, baseline: Side, candidate: Side) -> Comparison:
        """Returns the verdicts on a candidate."""
        return compare(baseline, candidate, self.metrics, self.alpha, self.exact)


def takes_groups(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a command so that typer sees the fields of its dataclass parameters as options of their own."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {
        name: kind for name, kind in hints.items() if isinstance(kind, type) and is_dataclass(kind)
    }
    signature = inspect.signature(command)

    @wraps(command)
    def wrapped(**given: Any) -> Any:
        made = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        return command(**given, **made)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = []
    for name, parameter in signature.parameters.items():
        if name not in groups:
            parameters.append(parameter.replace(kind=keyword, annotation=hints[name]))
            continue
        types = get_type_hints(groups[name], include_extras=True)
        parameters += [
            inspect.Parameter(field.name, keyword, default=field.default, annotation=types[field.name])
            for field in fields(groups[name])
        ]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # what typer reads
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped


def read_sides(baseline: Path, candidate: Path) -> tuple[Side, Side]:
    """Returns two results folders or baseline files, their steps counted to the target of the baseline.

    Raises:
        NothingToShow: One of them is not there or holds no runs.
        StoreError: One of them cannot be read.
    """
    old, new = read_results(baseline), read_results(candidate)
    target = old.target if old.target is not None else new.target
    if target is None:
        target = default_target(old)
    return side_of(old, target), side_of(new, target)


def default_target(stored: Stored) -> float:
    """Returns the validation accuracy that `report` would take as target for a results folder."""
    return absolute_target(stored.runs, Target.parse(DEFAULT_TARGET))


def side_of(stored: Stored, target: float) -> Side:
    """Returns stored results as a side, scored with this target unless they were stored with one."""
    if stored.curves is None:
        runs, target = with_step_cost(stored.runs), stored.target if stored.target is not None else target
    else:
        runs = score(stored.runs, stored.curves, target)
    # Made-up runs, which no device has trained, are of another experiment than trained ones.
    return Side(runs, target, stored.settings, stored.environment)
