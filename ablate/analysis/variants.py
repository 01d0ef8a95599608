"""Names of variants, the factors in these names, and the order of variants.

Names are computed from all runs present and not read from the store, because results grow. A name that was stored while
only one learning rate was in use does not mention the rate.
"""

from collections.abc import Iterable

import pandas as pd

from ablate.errors import SpecError, StoreError, did_you_mean
from ablate.experiment.grid import name_of
from ablate.experiment.levels import NONE, label
from ablate.experiment.spec import FACTORS, ROLES
from ablate.store.status import FINISHED


def naming_factors(runs: pd.DataFrame) -> tuple[str, ...]:
    """Returns the factors that tell the variants of these runs apart, in the order of `FACTORS`.

    Factors whose role says so always do. Other factors do if they have several levels. A factor that goes with another,
    as the learning rate with the optimizer, does if it has several levels for one level of the other.
    """
    return tuple(name for name in FACTORS if ROLES[name].names_every_variant or _is_varied(runs, name))


def _is_varied(runs: pd.DataFrame, factor: str) -> bool:
    if owner := ROLES[factor].goes_with:
        return bool((runs.groupby(owner)[factor].nunique() > 1).any())
    return runs[factor].nunique() > 1


def varied_factors(runs: pd.DataFrame, factors: Iterable[str]) -> tuple[str, ...]:
    """Returns those of the factors that have more than one level in these runs."""
    return tuple(factor for factor in factors if runs[factor].nunique() > 1)


def named(runs: pd.DataFrame, factors: tuple[str, ...] | None = None) -> pd.DataFrame:
    """Returns the runs sorted by their levels, with settings as texts of levels and `variant` computed anew.

    A name consists of levels of `factors`, by default the `naming_factors` of these runs.

    Raises:
        StoreError: Two runs have the same variant and seed.
    """
    factors = factors or naming_factors(runs)
    result = runs.assign(**{factor: [label(value) for value in runs[factor].tolist()] for factor in FACTORS})
    rows = list(zip(*(result[factor] for factor in FACTORS), strict=True))
    result["variant"] = [name_of(dict(zip(FACTORS, row, strict=True)), factors) for row in rows]
    repeated = result[result.duplicated(["variant", "seed"])]
    if len(repeated):
        variant, seed = repeated.iloc[0][["variant", "seed"]]
        raise StoreError(
            f"RESULTS: two runs are {variant!r} with seed {seed}; they differ in a setting that all runs of an "
            "experiment share, as --split-seed; store each of them in a folder of its own with -o/--output"
        )
    keys = [
        ([level_key(*pair) for pair in zip(FACTORS, row, strict=True)], seed)
        for row, seed in zip(rows, result["seed"].tolist(), strict=True)
    ]
    return result.iloc[sorted(range(len(rows)), key=keys.__getitem__)].reset_index(drop=True)


def level_key(factor: str, level: str) -> tuple[float | str, ...]:
    """Returns the sort key of a level among those of its factor: its position in a list, or its numbers."""
    order = ROLES[factor].order
    if not order:
        return tuple(float(part) for part in level.split("/")) if level != NONE else ()
    return (order.index(level) if level in order else len(order), level)


def levels_of(runs: pd.DataFrame, factor: str) -> tuple[str, ...]:
    """Returns the levels of a factor that occur in named runs, sorted by `level_key`."""
    return tuple(sorted(runs[factor].unique(), key=lambda level: level_key(factor, level)))


def reference_variant(runs: pd.DataFrame, name: str | None) -> str:
    """Returns the variant that the others are compared with, or raises `SpecError` if none has the name given.

    The default is the first relu variant that finished, in the order of `named`. This order puts variants without norm
    and with the least dropout first. If there is no relu variant, the default is the first of all variants.
    """
    if name is None:
        finished = runs[runs["status"] == FINISHED]
        usable = runs if finished.empty else finished
        relu = usable[usable["activation"] == "relu"]
        return str((usable if relu.empty else relu)["variant"].iloc[0])
    variants = runs["variant"].unique().tolist()
    if name not in variants:
        shown = ", ".join(map(repr, variants[:3])) + (", ..." if len(variants) > 3 else "")
        hint = did_you_mean(name, variants)
        raise SpecError(f"--reference: {name!r} is not one of the {len(variants)} variants ({shown}){hint}")
    return name
