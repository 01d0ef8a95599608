"""Variants: which factors tell them apart, what they are called and how they are ordered.

Names are made anew from all the runs there are: results grow, and a name stored while one learning rate was
in use does not mention it.
"""

import pandas as pd

from ablate.errors import SpecError, StoreError, did_you_mean
from ablate.experiment.grid import name_of
from ablate.experiment.levels import NONE, label
from ablate.experiment.spec import FACTORS, ROLES
from ablate.store.status import FINISHED


def varied(runs: pd.DataFrame) -> tuple[str, ...]:
    """Returns the factors that tell the variants of a `runs` frame apart, in the order of `FACTORS`.

    Activation, norm and dropout always, another setting when it takes more than one value. A learning
    rate, momentum or weight decay of which each optimizer has its one value goes with the optimizer and is
    not varied.
    """
    return tuple(
        factor for factor in FACTORS if ROLES[factor].names_every_variant or _is_varied(runs, factor)
    )


def _is_varied(runs: pd.DataFrame, factor: str) -> bool:
    if owner := ROLES[factor].goes_with:
        return bool((runs.groupby(owner)[factor].nunique() > 1).any())
    return runs[factor].nunique() > 1


def named(runs: pd.DataFrame, factors: tuple[str, ...] | None = None) -> pd.DataFrame:
    """Returns the runs in the order of their levels, settings as texts of levels, and `variant` made anew.

    Args:
        runs: Frame with the columns of `store.schema.RUNS`.
        factors: Those a name is made of, by default those `varied` in these runs.

    Raises:
        StoreError: Two runs are of the same variant and seed.
    """
    factors = factors or varied(runs)
    result = runs.assign(**{factor: [label(value) for value in runs[factor].tolist()] for factor in FACTORS})
    rows = list(zip(*(result[factor] for factor in FACTORS), strict=True))
    result["variant"] = [name_of(dict(zip(FACTORS, row, strict=True)), factors) for row in rows]
    keys = [[level_key(factor, level) for factor, level in zip(FACTORS, row, strict=True)] for row in rows]
    _check_unique(result)
    seeds = result["seed"].tolist()
    order = sorted(range(len(rows)), key=lambda row: (keys[row], seeds[row]))
    return result.iloc[order].reset_index(drop=True)


def _check_unique(runs: pd.DataFrame) -> None:
    twice = runs[runs.duplicated(["variant", "seed"])]
    if len(twice):
        variant, seed = twice.iloc[0][["variant", "seed"]]
        raise StoreError(
            f"RESULTS: two runs are {variant!r} with seed {seed}; they "
            "differ in a setting that all runs of an experiment share, as --split-seed; store each of them "
            "in a folder of its own with -o/--output"
        )


def level_key(factor: str, level: str) -> tuple[float | str, ...]:
    """Returns what a level is sorted by among those of its factor: its place in a list, or its numbers."""
    order = ROLES[factor].order
    if not order:
        return tuple(float(part) for part in level.split("/")) if level != NONE else ()
    return (order.index(level) if level in order else len(order), level)


def levels_of(runs: pd.DataFrame, factor: str) -> tuple[str, ...]:
    """Returns the levels of a factor that occur in named runs, in order."""
    return tuple(sorted(runs[factor].unique(), key=lambda level: level_key(factor, level)))


def reference_variant(runs: pd.DataFrame, name: str | None) -> str:
    """Returns the variant the others are compared with: the one named, or the plainest relu that finished.

    The plainest is the first in the order of `named`, so batch norm `off` and the least dropout; without relu
    it is the first of all.

    Args:
        runs: Named runs.
        name: A variant, or None for the default.

    Raises:
        SpecError: No variant has this name.
    """
    variants = runs["variant"].unique().tolist()
    if name is None:
        usable = runs[runs["status"] == FINISHED]
        usable = runs if usable.empty else usable
        relu = usable[usable["activation"] == "relu"]
        return str((usable if relu.empty else relu)["variant"].iloc[0])
    if name not in variants:
        shown = ", ".join(map(repr, variants[:3])) + (", ..." if len(variants) > 3 else "")
        raise SpecError(
            f"--reference: {name!r} is not one of the {len(variants)} variants ({shown})"
            + did_you_mean(name, variants)
        )
    return name
