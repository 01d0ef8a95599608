"""Says how many runs of an experiment are missing in its results."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pandas as pd

from ablate.experiment.grid import Run, resolve_levels
from ablate.experiment.levels import spans
from ablate.experiment.limits import MOST_RUNS
from ablate.experiment.shards import Shards
from ablate.experiment.spec import FACTORS, ROLES, Experiment
from ablate.experiment.tuning import TUNED


def incompleteness(settings: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """Returns a sentence with the number of missing runs of an experiment, or an empty text if no run is missing.

    `settings` are those of the experiment, and `runs` are its stored runs. A failed or diverged run is not missing. The
    text is also empty if this version of ablate cannot run such an experiment. The dataset is not read.
    """
    experiment = _experiment(settings)
    if experiment is None or experiment.size > MOST_RUNS:
        return ""
    columns = [factor for factor in FACTORS if not (factor == TUNED and experiment.tune)]
    stored = {levels: set(seeds.tolist()) for levels, seeds in runs.groupby(columns, sort=False)["seed"]}
    seeds = set(experiment.seeds)
    missing = sum(len(seeds - stored.get(levels, set())) for levels in _variants(experiment, columns))
    if not missing:
        return ""
    shard = experiment.shard
    return (
        f"{_name(shard)}incomplete, {missing:,} of the {experiment.size:,} runs of the experiment are missing"
    )


def _experiment(settings: Mapping[str, Any]) -> Experiment | None:
    """Returns the experiment with these settings, or None if a setting is not legal. The dataset is not checked."""
    if not {"activation", "seeds"} <= set(settings):  # an experiment.toml states all settings, so also these
        return None
    try:
        values = {name: ROLES[name].parse(value) for name, value in settings.items() if name in ROLES}
    except ValueError:
        return None
    return Experiment.model_construct(**values)


def _variants(experiment: Experiment, columns: list[str]) -> set[tuple[Any, ...]]:
    """Returns the values that each variant has in these columns of the results."""
    combinations = product(*(getattr(experiment, factor) for factor in FACTORS))
    levels = (resolve_levels(experiment, dict(zip(FACTORS, some, strict=True))) for some in combinations)
    variants = (Run(factors, {}, seed=0, data="").settings_as_stored() for factors in levels)
    return {tuple(variant[column] for column in columns) for variant in variants}


def _name(shard: Shards) -> str:
    if shard.is_whole:
        return ""
    return f"shard{'s' * (len(shard.numbers) > 1)} {spans(shard.numbers)} of {shard.count}: "
