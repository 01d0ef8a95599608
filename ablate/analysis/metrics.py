"""The metrics a report shows: columns of scored runs, and which direction is better."""

from dataclasses import dataclass

from ablate.errors import SpecError, did_you_mean

STEPS_TO_TARGET = "steps_to_target"


@dataclass(frozen=True)
class Metric:
    """One column of scored runs.

    Attributes:
        higher_is_better: Which end ranks first.
        about: What it is, for a help text or a legend.
    """

    higher_is_better: bool
    about: str


METRICS: dict[str, Metric] = {
    "best_val_accuracy": Metric(True, "highest validation accuracy"),
    "val_accuracy": Metric(True, "validation accuracy at the end"),
    "train_accuracy": Metric(True, "training accuracy at the end"),
    "gap_accuracy": Metric(False, "training minus validation accuracy at the end"),
    "gap_loss": Metric(False, "validation minus training loss at the end, in nats"),
    "best_gap_accuracy": Metric(False, "training minus validation accuracy at the best evaluation"),
    "best_gap_loss": Metric(False, "validation minus training loss at the best evaluation, in nats"),
    "aulc": Metric(True, "mean validation accuracy over the steps"),
    STEPS_TO_TARGET: Metric(False, "steps until the validation accuracy first is at the target"),
}

DEFAULT_SORT = "best_val_accuracy"
# Not a metric: the order of the levels.
BY_VARIANT = "variant"


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
