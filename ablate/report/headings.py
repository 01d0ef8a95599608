"""Names of metrics and factors in outputs, and the units in which metrics are written."""

from dataclasses import dataclass

from ablate.analysis.gate.verdict import BITS, STATUS
from ablate.analysis.metrics import METRICS, STEP_SECONDS, STEPS_TO_TARGET
from ablate.experiment.norms import OFF
from ablate.experiment.spec import ROLES
from ablate.report.numbers import MILLISECONDS, NATS, PERCENT, STEPS, Unit


@dataclass(frozen=True)
class Heading:
    """The texts and the unit with which reports show a metric.

    `short` is a column heading of at most two lines, `words` is the name of the metric in a sentence, and `unit` is the
    format of its values.
    """

    short: str
    words: str
    unit: Unit


# Headings of all metrics of reports and gates, and of the findings `status` and `bits`, in the order of table columns.
HEADINGS: dict[str, Heading] = {
    STATUS: Heading("finished", "share of finished runs", PERCENT),
    BITS: Heading("bits", "share of equal bits", PERCENT),
    "best_val_accuracy": Heading("best\nval %", "best validation accuracy", PERCENT),
    "val_accuracy": Heading("final\nval %", "final validation accuracy", PERCENT),
    STEPS_TO_TARGET: Heading("steps to\ntarget", "steps to target", STEPS),
    "aulc": Heading("area under\ncurve %", "area under the learning curve", PERCENT),
    "train_accuracy": Heading("final\ntrain %", "final training accuracy", PERCENT),
    "gap_accuracy": Heading("gap %", "gap in accuracy", PERCENT),
    "gap_loss": Heading("gap\nloss", "gap in loss", NATS),
    "best_gap_accuracy": Heading("gap %\nat best", "gap in accuracy at the best evaluation", PERCENT),
    "best_gap_loss": Heading("gap loss\nat best", "gap in loss at the best evaluation", NATS),
    STEP_SECONDS: Heading("ms a step\n(hint)", "time per step", MILLISECONDS),
}
# Metrics of a report, in the order of table columns.
REPORTED = tuple(name for name in HEADINGS if name in METRICS)


def factor_words(factor: str) -> str:
    """Returns the name of a factor in words, such as `batch size`."""
    return factor.replace("_", " ")


def levels_words(factor: str) -> str:
    """Returns the plural noun for the levels of a factor, such as `dropout rates`."""
    return ROLES[factor].plural


def level_words(factor: str, level: str) -> str:
    """Returns a level of a factor in words, as the subject of a sentence, such as `relu` or `dropout 0.5`."""
    if factor == "norm" and level != OFF:
        return f"{level} norm"
    return level if factor == "activation" else f"{factor_words(factor)} {level}"
