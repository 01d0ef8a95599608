"""The metrics a gate judges: where each stands in scored runs, which direction is better, how much matters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablate.analysis.convergence import Floats
from ablate.analysis.margin import Margin
from ablate.errors import SpecError, did_you_mean


@dataclass(frozen=True)
class GateMetric:
    """One metric of a gate.

    Attributes:
        name: As users write it.
        column: Where it stands in scored runs.
        higher_is_better: Which direction is an improvement.
        margin: The smallest difference that matters.
        decides: Whether a regression fails the gate or is only warned of.
    """

    name: str
    column: str
    higher_is_better: bool
    margin: Margin
    decides: bool = True

    def absolute_margin(self, baseline: Floats, candidate: Floats) -> Floats:
        """Returns the margin in the metric's unit; a relative one is a share of the mean of both sides.

        So it stays the same if the two sides change places, and a baseline of zero needs no special case.

        Args:
            baseline: Means of the metric, of any shape.
            candidate: The same of the candidate.
        """
        scale = (np.abs(baseline) + np.abs(candidate)) / 2 if self.margin.relative else np.ones_like(baseline)
        return np.asarray(self.margin.size * scale, dtype=np.float64)


def chosen_metrics(names: Sequence[str], margins: Sequence[str]) -> tuple[GateMetric, ...]:
    """Returns the metrics to judge, all of them if none is named; a metric that is named decides.

    Args:
        names: What stands behind each `--metric`.
        margins: What stands behind each `--margin`, as `val_accuracy=0.01`.

    Raises:
        SpecError: A metric or margin is not legal.
    """
    for name in names:
        _check_name("--metric", name)
    given = _margins(margins)
    chosen = [GATE_METRICS[name] for name in dict.fromkeys(names)] or list(GATE_METRICS.values())
    return tuple(
        GateMetric(
            metric.name,
            metric.column,
            metric.higher_is_better,
            given.get(metric.name, metric.margin),
            metric.decides or bool(names),
        )
        for metric in chosen
    )


def _margins(texts: Sequence[str]) -> Mapping[str, Margin]:
    found = {}
    for text in texts:
        name, separator, size = text.partition("=")
        if not separator:
            raise SpecError(f"--margin: {text!r} is not METRIC=SIZE, as val_accuracy=0.01")
        _check_name("--margin", name.strip())
        found[name.strip()] = Margin.parse(size)
    return found


def _check_name(flag: str, name: str) -> None:
    if name not in GATE_METRICS:
        raise SpecError(
            f"{flag}: {name!r} is not one of {', '.join(GATE_METRICS)}{did_you_mean(name, GATE_METRICS)}"
        )


STEP_SECONDS = "step_seconds"

GATE_METRICS: dict[str, GateMetric] = {
    metric.name: metric
    for metric in (
        GateMetric("best_val_accuracy", "best_val_accuracy", True, Margin(0.01, relative=False)),
        GateMetric("val_accuracy", "val_accuracy", True, Margin(0.01, relative=False)),
        GateMetric("gap_accuracy", "gap_accuracy", False, Margin(0.02, relative=False)),
        GateMetric("steps_to_target", "restricted_steps", False, Margin(0.25, relative=True)),
        GateMetric("aulc", "aulc", True, Margin(0.02, relative=False)),
        # Seconds of a run are its share of a stack, on whatever else the machine was doing: a hint, no proof.
        GateMetric(STEP_SECONDS, STEP_SECONDS, False, Margin(0.5, relative=True), decides=False),
    )
}
