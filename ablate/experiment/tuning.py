"""Tuning: a grid that selects each variant's learning rate with seeds that the comparison does not use."""

from collections.abc import Mapping, Sequence
from itertools import count, islice

from ablate.experiment.grid import Run
from ablate.experiment.levels import label
from ablate.experiment.spec import FACTORS, Experiment

TUNED = "learning_rate"
TUNING_SEEDS = 3
# Far above typical seeds, so that adding seeds to the comparison does not change the selected rates.
FIRST_SEED = 1_000_000

Key = tuple[str, ...]


def tuning_grid(experiment: Experiment) -> Experiment:
    """Returns the grid that selects the rates: every variant with every rate, on three separate seeds.

    The seeds are the three smallest seeds from 1,000,000 that the experiment does not use. The split is the same as in
    the experiment, so rates are selected on the same validation samples as in the comparison, but with other seeds.
    """
    seeds = tuple(islice((seed for seed in count(FIRST_SEED) if seed not in experiment.seeds), TUNING_SEEDS))
    changes = {TUNED: experiment.tune, "seeds": seeds, "tune": (), "diagnostics": False}
    return experiment.model_copy(update=changes)


def key_of(settings: Mapping[str, object]) -> Key:
    """Returns the key of a variant without its learning rate: the texts of its other settings."""
    return tuple(label(settings[factor]) for factor in FACTORS if factor != TUNED)


def with_rates(runs: Sequence[Run], rates: Mapping[Key, float]) -> tuple[Run, ...]:
    """Returns the runs, each with the selected learning rate of its variant."""
    return tuple(run.with_settings(**{TUNED: rates[key_of(run.settings_as_stored())]}) for run in runs)
