"""What metrics and factors are called where people read, and the unit a metric is written in."""

from dataclasses import dataclass

from ablate.analysis.metrics import STEPS_TO_TARGET
from ablate.experiment.norms import OFF
from ablate.experiment.spec import ROLES
from ablate.report.numbers import NATS, PERCENT, STEPS, Unit


@dataclass(frozen=True)
class Heading:
    """How a metric is written.

    Attributes:
        short: Heading of a column, of two lines.
        words: In a sentence.
        unit: How its values are written.
        of_values: The unit's name after a value.
        of_differences: The unit's name after a difference.
    """

    short: str
    words: str
    unit: Unit
    of_values: str
    of_differences: str


def _percent(short: str, words: str) -> Heading:
    return Heading(short, words, PERCENT, "%", " points")


def _nats(short: str, words: str) -> Heading:
    return Heading(short, words, NATS, " nats", " nats")


# In the order of the columns.
HEADINGS: dict[str, Heading] = {
    "best_val_accuracy": _percent("best\nval %", "best validation accuracy"),
    "val_accuracy": _percent("final\nval %", "final validation accuracy"),
    STEPS_TO_TARGET: Heading("steps to\ntarget", "steps to target", STEPS, " steps", " steps"),
    "aulc": _percent("area under\ncurve %", "area under the learning curve"),
    "train_accuracy": _percent("final\ntrain %", "final training accuracy"),
    "gap_accuracy": _percent("gap %", "gap in accuracy"),
    "gap_loss": _nats("gap\nloss", "gap in loss"),
    "best_gap_accuracy": _percent("gap %\nat best", "gap in accuracy at the best evaluation"),
    "best_gap_loss": _nats("gap loss\nat best", "gap in loss at the best evaluation"),
}


def factor_words(factor: str) -> str:
    """Returns a factor in words: `batch size`."""
    return factor.replace("_", " ")


def levels_words(factor: str) -> str:
    """Returns what the levels of a factor are called: `dropout rates`."""
    return ROLES[factor].plural


def level_words(factor: str, level: str) -> str:
    """Returns a level as the subject of a sentence: `relu`, `batch norm`, `dropout 0.5`."""
    if factor == "norm" and level != OFF:
        return f"{level} norm"
    return level if factor == "activation" else f"{factor_words(factor)} {level}"
