"""Matching of baseline and candidate by variant, with the reasons why some variants cannot be compared."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ablate.analysis.gate.sides import Side
from ablate.analysis.variants import named, naming_factors
from ablate.experiment.grid import SIMULATED
from ablate.experiment.spec import FACTORS, SHARED


@dataclass(frozen=True)
class Match:
    """The runs of both sides, with names made of the same factors, and their variants.

    `common` variants have equal settings on both sides, `vanished` ones are only in the baseline, and `new` ones only
    in the candidate. `apart` maps variants of both sides that cannot be compared to the reason in words.
    """

    baseline: pd.DataFrame
    candidate: pd.DataFrame
    common: tuple[str, ...]
    vanished: tuple[str, ...]
    new: tuple[str, ...]
    apart: dict[str, str]

    def by_variant(self) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
        """Yields each common variant with its runs on both sides."""
        sides = (self.baseline, self.candidate)
        old, new = (dict(iter(runs.groupby("variant", sort=False))) for runs in sides)
        for variant in self.common:
            yield variant, old[variant], new[variant]


def match(baseline: Side, candidate: Side) -> Match:
    """Returns the two sides matched by variant.

    Variants are named by the factors that are varied on either side. A variant of both sides cannot be compared if any
    other setting differs.

    Raises:
        StoreError: Two runs of a side have the same variant and seed.
    """
    naming = {*naming_factors(baseline.runs), *naming_factors(candidate.runs)}
    factors = tuple(factor for factor in FACTORS if factor in naming)
    old, new = named(baseline.runs, factors), named(candidate.runs, factors)
    in_old, in_new = (tuple(runs["variant"].unique()) for runs in (old, new))
    both = tuple(variant for variant in in_old if variant in in_new)
    shared = _differing_shared(baseline, candidate)
    if not shared and _other_arrays(old, new):
        shared = ["the arrays in the file are others"]
    differing = _differing_factors(old, new)
    reasons = {variant: ", ".join(shared + differing.get(variant, [])) for variant in both}
    return Match(
        old,
        new,
        tuple(variant for variant in both if not reasons[variant]),
        tuple(variant for variant in in_old if variant not in in_new),
        tuple(variant for variant in in_new if variant not in in_old),
        {variant: reason for variant, reason in reasons.items() if reason},
    )


def _differing_shared(baseline: Side, candidate: Side) -> list[str]:
    """Returns a text for each setting that is common to all runs of a side and differs between the sides."""
    old, new = _shared(baseline), _shared(candidate)
    if old[SIMULATED] != new[SIMULATED]:
        made_up = "baseline" if old[SIMULATED] == str(True) else "candidate"
        return [f"the {made_up} is SIMULATED, and simulated results cannot be compared with trained ones"]
    known = [name for name in SHARED if name in old and name in new]
    return [_difference(name, old[name], new[name]) for name in known if old[name] != new[name]]


def _shared(side: Side) -> dict[str, str]:
    """Returns the known settings that all runs share, as text, from the runs or else from the metadata."""
    names = (*SHARED, SIMULATED)
    columns = {name: "/".join(map(str, side.runs[name].unique())) for name in names if name in side.runs}
    return {name: str(side.settings[name]) for name in names if name in side.settings} | columns


def _differing_factors(baseline: pd.DataFrame, candidate: pd.DataFrame) -> dict[str, list[str]]:
    """Returns a text for each factor whose levels differ, by variant, for the variants of both sides."""
    old, new = (runs.groupby("variant")[list(FACTORS)].agg(_levels_text) for runs in (baseline, candidate))
    return {
        variant: [
            _difference(factor, old.loc[variant, factor], new.loc[variant, factor])
            for factor in FACTORS
            if old.loc[variant, factor] != new.loc[variant, factor]
        ]
        for variant in old.index.intersection(new.index)
    }


def _levels_text(levels: "pd.Series[str]") -> str:
    return "/".join(sorted(levels.unique()))


def _other_arrays(baseline: pd.DataFrame, candidate: pd.DataFrame) -> bool:
    """Returns whether the content of a data file differs: runs with equal settings then have different ids."""
    if not baseline["dataset"].iloc[0].startswith("npz:"):
        return False
    keys = ["variant", "seed", *FACTORS]
    both = baseline[[*keys, "run_id"]].merge(candidate[[*keys, "run_id"]], on=keys)
    return bool((both["run_id_x"] != both["run_id_y"]).any())


def _difference(name: str, old: str, new: str) -> str:
    return f"{name} is {old} in the baseline and {new} in the candidate"
