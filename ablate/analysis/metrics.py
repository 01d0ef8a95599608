"""Definitions of the metrics by which a report and a gate compare runs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ablate.analysis.arrays import Floats
from ablate.analysis.margin import Margin
from ablate.errors import SpecError, not_one_of


@dataclass(frozen=True)
class Metric:
    """One metric by which scored runs are compared.

    Attributes:
        about: Description of the metric for a help text or a legend.
        report_margin: Largest difference that does not matter in a report; None if reports do not show the metric.
        gate_margin: Smallest difference that matters in a gate; None if no gate judges the metric.
        decides: Whether a regression of the metric fails a gate; otherwise the gate only warns of the regression.
    """

    name: str
    higher_is_better: bool
    about: str
    report_margin: Margin | None
    gate_margin: Margin | None
    report_column: str
    gate_column: str
    decides: bool = True

    @property
    def sign(self) -> int:
        """1 if a higher value of the metric is better, -1 if a lower value is better."""
        return 1 if self.higher_is_better else -1

    def gate_limit(self, baseline: Floats, candidate: Floats) -> Floats:
        """Returns the gate margin in the metric's unit, given the metric's means in the baseline and in the candidate.

        A relative margin is a share of the average of the two means. A relative margin therefore stays the same if
        baseline and candidate are swapped, and a baseline of zero needs no special case.
        """
        margin = self.gate_margin or Margin(0.0)
        scale = (np.abs(baseline) + np.abs(candidate)) / 2 if margin.relative else np.ones_like(baseline)
        return np.asarray(margin.size * scale, dtype=np.float64)


def _metric(name: str, higher: bool, about: str, report: Margin | None, gate: Margin | None = None) -> Metric:
    """Returns a metric that has the same name as its column of scored runs."""
    return Metric(name, higher, about, report, gate, name, name)


STEPS_TO_TARGET = "steps_to_target"
STEP_SECONDS = "step_seconds"

_HALF_A_POINT = Margin(0.005)
_NATS = Margin(0.02)
_TENTH = Margin(0.1, relative=True)
_GAP_ACCURACY, _GAP_LOSS = "training minus validation accuracy", "validation minus training loss"
_COST = "seconds of a step: the run's share of its stack"

_ALL = (
    _metric("best_val_accuracy", True, "highest validation accuracy", _HALF_A_POINT, Margin(0.01)),
    _metric("val_accuracy", True, "validation accuracy at the end", _HALF_A_POINT, Margin(0.01)),
    _metric("train_accuracy", True, "training accuracy at the end", _HALF_A_POINT),
    _metric("gap_accuracy", False, f"{_GAP_ACCURACY} at the end", _HALF_A_POINT, Margin(0.02)),
    _metric("gap_loss", False, f"{_GAP_LOSS} at the end, in nats", _NATS),
    _metric("best_gap_accuracy", False, f"{_GAP_ACCURACY} at the best evaluation", _HALF_A_POINT),
    _metric("best_gap_loss", False, f"{_GAP_LOSS} at the best evaluation, in nats", _NATS),
    _metric("aulc", True, "mean validation accuracy over the steps", _HALF_A_POINT, Margin(0.02)),
    Metric(
        STEPS_TO_TARGET,
        False,
        "steps until the validation accuracy first is at the target",
        _TENTH,
        Margin(0.25, relative=True),
        report_column="comparable_steps",
        gate_column="restricted_steps",
    ),
    # The time of a step also depends on other processes on the machine, so by default a slower step does not fail a
    # gate.
    replace(_metric(STEP_SECONDS, False, _COST, None, Margin(0.5, relative=True)), decides=False),
)

# Metrics that a report shows, and metrics that a gate judges.
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL if metric.report_margin}
GATE_METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL if metric.gate_margin}

DEFAULT_SORT = "best_val_accuracy"
# Name of the column of variant names. A table sorted by this column has its rows in the order of the factor levels.
VARIANT = "variant"


def metrics_by_margin() -> dict[Margin, str]:
    """Returns the kind of metric, such as `losses`, for each default margin of a report."""
    return {_HALF_A_POINT: "accuracies", _NATS: "losses", _TENTH: "steps"}


def sort_column(received: str) -> str:
    """Returns the given value of `--sort`. Raises `SpecError` if it is neither a metric of reports nor `variant`."""
    check_name("--sort", received, (VARIANT, *METRICS))
    return received


def check_name(flag: str, received: str, legal: Iterable[str]) -> None:
    """Raises `SpecError` if the name `received` is not legal.

    The error message states the option `flag` and suggests the legal name closest to `received`.
    """
    legal = tuple(legal)
    if received not in legal:
        raise SpecError(f"{flag}: {not_one_of(received, legal)}")
