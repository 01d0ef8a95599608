"""The choice of a learning rate for each variant: the rate with the best validation accuracy."""

from dataclasses import dataclass

import pandas as pd

from ablate.analysis.variants import level_key, naming_factors
from ablate.experiment.grid import name_of
from ablate.experiment.spec import FACTORS
from ablate.experiment.tuning import TUNED, Key, key_of
from ablate.store.status import FINISHED

_OTHERS = tuple(factor for factor in FACTORS if factor != TUNED)


@dataclass(frozen=True)
class Tried:
    """A learning rate tried for a variant, with its final validation accuracy and loss as means over seeds.

    A run that did not finish counts with accuracy 0 and an infinite loss.
    """

    rate: float
    accuracy: float
    loss: float
    finished: int
    runs: int


@dataclass(frozen=True)
class Choice:
    """The best learning rate of a variant, and all rates tried, which are in ascending order.

    `key` and `name` identify the variant without its learning rate.
    """

    key: Key
    name: str
    tried: tuple[Tried, ...]
    best: Tried

    @property
    def is_at_the_edge(self) -> bool:
        """Whether the best rate is the smallest or the largest rate tried.

        If the best rate is at the edge, a still better rate may lie outside the rates tried.
        """
        return self.best in (self.tried[0], self.tried[-1])


def choose(runs: pd.DataFrame) -> tuple[Choice, ...]:
    """Returns the best learning rate of each variant in tuning runs. The best rate has the highest validation accuracy.

    Ties go to the lower validation loss, then to the smaller rate.
    """
    factors = tuple(factor for factor in naming_factors(runs) if factor != TUNED)
    choices = []
    for _, group in runs.groupby(list(_OTHERS), sort=False):
        key = key_of({factor: group[factor].iloc[0] for factor in _OTHERS})
        tried = tuple(_tried(group[group[TUNED] == rate]) for rate in sorted(group[TUNED].unique()))
        best = min(tried, key=lambda rate: (-rate.accuracy, rate.loss, rate.rate))
        choices.append(Choice(key, name_of(dict(zip(_OTHERS, key, strict=True)), factors), tried, best))
    return tuple(sorted(choices, key=lambda choice: [*map(level_key, _OTHERS, choice.key)]))


def _tried(runs: pd.DataFrame) -> Tried:
    is_finished = runs["status"] == FINISHED
    return Tried(
        float(runs[TUNED].iloc[0]),
        float(runs["val_accuracy"].where(is_finished, 0.0).mean()),
        float(runs["val_loss"].where(is_finished, float("inf")).mean()),
        int(is_finished.sum()),
        len(runs),
    )
