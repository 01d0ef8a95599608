"""Fair rates: a grid that finds each variant's learning rate on seeds that the comparison does not use."""

from collections.abc import Mapping, Sequence
from itertools import count, islice

from ablate.experiment.grid import Run
from ablate.experiment.levels import label
from ablate.experiment.spec import FACTORS, Experiment

TUNED = "learning_rate"
TUNING_SEEDS = 3
# Far from the seeds that people ask for, so that more seeds in the comparison leave the choice as it was.
FIRST_SEED = 1_000_000

Key = tuple[str, ...]


def tuning_grid(experiment: Experiment) -> Experiment:
    """Returns the grid that the rates are chosen by: every variant with every rate, on three seeds of its own.

    The seeds are the three smallest from 1,000,000 on that the experiment does not use. The split is the experiment's,
    so the validation samples that rates are chosen on are those the comparison is scored on; its seeds are not.
    """
    seeds = tuple(islice((seed for seed in count(FIRST_SEED) if seed not in experiment.seeds), TUNING_SEEDS))
    changes = {TUNED: experiment.tune, "seeds": seeds, "tune": (), "diagnostics": False}
    return experiment.model_copy(update=changes)


def key_of(settings: Mapping[str, object]) -> Key:
    """Returns what distinguishes a variant whatever its rate: the texts of its other settings."""
    return tuple(label(settings[factor]) for factor in FACTORS if factor != TUNED)


def with_rates(runs: Sequence[Run], rates: Mapping[Key, float]) -> tuple[Run, ...]:
    """Returns the runs, each with the rate of its variant."""
    return tuple(run.with_settings(**{TUNED: rates[key_of(run.settings_as_stored())]}) for run in runs)
