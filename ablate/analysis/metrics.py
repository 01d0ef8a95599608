"""The metrics a report shows: columns of scored runs, which direction is better and what difference matters."""

from dataclasses import dataclass

from ablate.analysis.margin import Margin
from ablate.errors import SpecError, did_you_mean

STEPS_TO_TARGET = "steps_to_target"


@dataclass(frozen=True)
class Metric:
    """One column of scored runs.

    Attributes:
        higher_is_better: Which end ranks first.
        about: What it is, for a help text or a legend.
        margin: Differences up to this size do not matter, unless the user says otherwise.
    """

    higher_is_better: bool
    about: str
    margin: Margin


_HALF_A_POINT = Margin(0.005)
_NATS = Margin(0.02)
_TENTH = Margin(0.1, relative=True)

METRICS: dict[str, Metric] = {
    "best_val_accuracy": Metric(True, "highest validation accuracy", _HALF_A_POINT),
    "val_accuracy": Metric(True, "validation accuracy at the end", _HALF_A_POINT),
    "train_accuracy": Metric(True, "training accuracy at the end", _HALF_A_POINT),
    "gap_accuracy": Metric(False, "training minus validation accuracy at the end", _HALF_A_POINT),
    "gap_loss": Metric(False, "validation minus training loss at the end, in nats", _NATS),
    "best_gap_accuracy": Metric(
        False, "training minus validation accuracy at the best evaluation", _HALF_A_POINT
    ),
    "best_gap_loss": Metric(False, "validation minus training loss at the best evaluation, in nats", _NATS),
    "aulc": Metric(True, "mean validation accuracy over the steps", _HALF_A_POINT),
    STEPS_TO_TARGET: Metric(False, "steps until the validation accuracy first is at the target", _TENTH),
}

DEFAULT_SORT = "best_val_accuracy"
# Not a metric: the order of the levels.
BY_VARIANT = "variant"


def values_column(metric: str) -> str:
    """Returns the column of scored runs by which a metric of runs is compared, censored or not."""
    return "comparable_steps" if metric == STEPS_TO_TARGET else metric


def metrics_by_margin() -> dict[Margin, str]:
    """Returns each default margin with what it is for, in words."""
    return {_HALF_A_POINT: "accuracies", _NATS: "losses", _TENTH: "steps"}


def sort_column(received: str) -> str:
    """Returns the column to sort by, checked.

    Raises:
        SpecError: There is no such column.
    """
    legal = (BY_VARIANT, *METRICS)
    if received not in legal:
        raise SpecError(
            f"--sort: {received!r} is not one of {', '.join(legal)}{did_you_mean(received, legal)}"
        )
    return received
