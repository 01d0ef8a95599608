"""Completeness of results: how many runs of their experiment are missing."""

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
    """Returns a sentence about the missing runs of the experiment with these settings; empty if none is missing.

    Failed and diverged runs are not missing. If the settings are not those of an experiment that this version of ablate
    could run, nothing is known about missing runs, and the result is empty. The dataset is not read.
    """
    experiment = _experiment(settings)
    if experiment is None or experiment.size > MOST_RUNS:
        return ""
    columns = [factor for factor in FACTORS if not (factor == TUNED and experiment.tune)]
    stored = set(zip(*(runs[column] for column in (*columns, "seed")), strict=True))
    missing = sum(
        (*levels, seed) not in stored
        for levels in _variants(experiment, columns)
        for seed in experiment.seeds
    )
    if not missing:
        return ""
    shard = experiment.shard
    return (
        f"{_name(shard)}incomplete, {missing:,} of the {experiment.size:,} runs of the experiment are missing"
    )


def _experiment(settings: Mapping[str, Any]) -> Experiment | None:
    """Returns the experiment with these settings, without the checks that need the dataset; None if it is not legal."""
    if not {"activation", "seeds"} <= set(settings):  # an experiment.toml states all settings
        return None
    try:
        values = {name: ROLES[name].parse(value) for name, value in settings.items() if name in ROLES}
    except ValueError:
        return None
    return Experiment.model_construct(**values)


def _variants(experiment: Experiment, columns: list[str]) -> set[tuple[Any, ...]]:
    """Returns the levels of each variant as they are stored in these columns of the results."""
    combinations = product(*(getattr(experiment, factor) for factor in FACTORS))
    levels = (resolve_levels(experiment, dict(zip(FACTORS, some, strict=True))) for some in combinations)
    variants = (Run(factors, {}, seed=0, data="").settings_as_stored() for factors in levels)
    return {tuple(variant[column] for column in columns) for variant in variants}


def _name(shard: Shards) -> str:
    if shard.is_whole:
        return ""
    return f"shard{'s' * (len(shard.numbers) > 1)} {spans(shard.numbers)} of {shard.count}: "
