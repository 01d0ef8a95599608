"""The metrics and margins that a user chooses for a gate."""

from collections.abc import Sequence
from dataclasses import replace

from ablate.analysis.margin import Margin
from ablate.analysis.metrics import GATE_METRICS, Metric, check_name
from ablate.errors import SpecError


def chosen_metrics(names: Sequence[str], margins: Sequence[str]) -> tuple[Metric, ...]:
    """Returns the metrics that a gate judges, by default all. A regression of a metric in `names` fails the gate.

    `names` are the values of the option `--metric`, and `margins` are the values of the option `--margin`, for example
    `val_accuracy=0.01`.

    Raises:
        SpecError: A metric or margin is not legal.
    """
    for name in names:
        check_name("--metric", name, GATE_METRICS)
    given = {}
    for text in margins:
        name, separator, size = (part.strip() for part in text.partition("="))
        if not separator:
            raise SpecError(f"--margin: {text!r} is not METRIC=SIZE, as val_accuracy=0.01")
        check_name("--margin", name, GATE_METRICS)
        given[name] = Margin.parse(size)
    return tuple(
        replace(
            GATE_METRICS[name],
            gate_margin=given.get(name, GATE_METRICS[name].gate_margin),
            decides=GATE_METRICS[name].decides or bool(names),
        )
        for name in dict.fromkeys(names or GATE_METRICS)
    )
