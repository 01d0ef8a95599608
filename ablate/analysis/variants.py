"""Names of variants, the factors in these names, and the order of variants.

The names of variants are computed from all present runs instead of being read from the store, because later runs can
vary further factors. For example, a name that was stored while all runs had the same learning rate would not mention
the learning rate.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from ablate.errors import SpecError, StoreError, did_you_mean
from ablate.experiment.grid import name_of
from ablate.experiment.levels import NONE, label
from ablate.experiment.spec import FACTORS, ROLES
from ablate.store.status import FINISHED


def naming_factors(runs: pd.DataFrame) -> tuple[str, ...]:
    """Returns the factors whose levels make up the names of variants, in the order of `FACTORS`.

    A factor whose role sets `names_every_variant` is always part of the names. Any other factor is part of the names if
    it has several levels. A factor that goes with another factor, as the learning rate goes with the optimizer, is part
    of the names if it has several levels for one level of the other factor.
    """
    return tuple(name for name in FACTORS if ROLES[name].names_every_variant or _is_varied(runs, name))


def _is_varied(runs: pd.DataFrame, factor: str) -> bool:
    if owner := ROLES[factor].goes_with:
        return bool((runs.groupby(owner)[factor].nunique() > 1).any())
    return runs[factor].nunique() > 1


def varied_factors(runs: pd.DataFrame, factors: Iterable[str]) -> tuple[str, ...]:
    """Returns the factors that have more than one level in the given runs."""
    return tuple(factor for factor in factors if runs[factor].nunique() > 1)


def named(runs: pd.DataFrame, factors: tuple[str, ...] | None = None) -> pd.DataFrame:
    """Returns the runs sorted by their levels, with levels as text and the name of the variant in the column `variant`.

    The name of a variant consists of its levels of `factors`, by default the `naming_factors` of the given runs.

    Raises:
        StoreError: Two runs have the same variant and seed.
    """
    factors = factors or naming_factors(runs)
    of_runs = runs.groupby(list(FACTORS), sort=False, dropna=False).ngroup().to_numpy()
    rows = [tuple(map(label, row)) for row in _distinct(runs)]
    names = [name_of(dict(zip(FACTORS, row, strict=True)), factors) for row in rows]
    texts = dict(zip(FACTORS, zip(*rows, strict=True), strict=True)) | {"variant": names}
    result = runs.assign(
        **{column: pd.Series(values).array.take(of_runs) for column, values in texts.items()}
    )
    repeated = result[result.duplicated(["variant", "seed"])]
    if len(repeated):
        variant, seed = repeated.iloc[0][["variant", "seed"]]
        raise StoreError(
            f"RESULTS: two runs are {variant!r} with seed {seed}; they differ in a setting that all runs of an "
            "experiment share, as --split-seed; store each of them in a folder of its own with -o/--output"
        )
    keys = [tuple(map(level_key, FACTORS, row)) for row in rows]
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    order = np.lexsort((result["seed"], np.array([ranks[key] for key in keys])[of_runs]))
    return result.iloc[order].reset_index(drop=True)


def _distinct(runs: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Returns the different combinations of levels of all factors, in the order in which they first occur."""
    levels = runs[list(FACTORS)].drop_duplicates()
    return zip(*(levels[factor].tolist() for factor in FACTORS), strict=True)


def level_key(factor: str, level: str) -> tuple[float | str, ...]:
    """Returns the sort key of one level of a factor.

    The key is the level's position in the factor's list of levels, or the numbers in the text of the level if the
    factor has no such list.
    """
    order = ROLES[factor].order
    if not order:
        return tuple(float(part) for part in level.split("/")) if level != NONE else ()
    return (order.index(level) if level in order else len(order), level)


def levels_of(runs: pd.DataFrame, factor: str) -> tuple[str, ...]:
    """Returns the levels of a factor that occur in named runs, sorted by `level_key`."""
    return tuple(sorted(runs[factor].unique(), key=lambda level: level_key(factor, level)))


def reference_variant(runs: pd.DataFrame, name: str | None) -> str:
    """Returns the reference variant, with which all other variants are compared, chosen from named runs.

    If `name` is None, the reference is the first relu variant with a finished run or, if no variant uses relu, the
    first of all variants. Named runs start with the variant without normalization and with the least dropout. Raises
    `SpecError` if no variant has the given name.
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
