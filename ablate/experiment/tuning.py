"""Tuning: a separate grid, with seeds that the experiment does not use, selects the learning rate of each variant."""

from collections.abc import Mapping, Sequence
from itertools import count, islice

from ablate.experiment.grid import Run
from ablate.experiment.levels import label
from ablate.experiment.seeding import TUNING_SEEDS
from ablate.experiment.shards import WHOLE
from ablate.experiment.spec import FACTORS, Experiment

TUNED = "learning_rate"
# Far above typical seeds, so that adding seeds to an experiment does not change the selected learning rates.
FIRST_SEED = 1_000_000

Key = tuple[str, ...]


def tuning_grid(experiment: Experiment) -> Experiment:
    """Returns the grid that selects learning rates: every variant with every rate and three separate seeds.

    The three seeds are the smallest seeds from 1,000,000 upwards that the experiment does not use. The grid uses the
    data split of the experiment, so rates are selected on the validation samples of the experiment.
    """
    seeds = tuple(islice((seed for seed in count(FIRST_SEED) if seed not in experiment.seeds), TUNING_SEEDS))
    changes = {TUNED: experiment.tune, "seeds": seeds, "tune": (), "diagnostics": False, "shard": WHOLE}
    return experiment.model_copy(update=changes)


def key_of(settings: Mapping[str, object]) -> Key:
    """Returns a key that identifies a variant without its learning rate: the levels of all other factors, as text."""
    return tuple(label(settings[factor]) for factor in FACTORS if factor != TUNED)


def with_rates(runs: Sequence[Run], rates: Mapping[Key, float]) -> tuple[Run, ...]:
    """Returns the runs with the learning rate that was selected for the variant of each run."""
    return tuple(run.with_settings(**{TUNED: rates[key_of(run.settings_as_stored())]}) for run in runs)
