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
    """The runs of baseline and candidate, and the names of the variants that can and cannot be compared.

    Names of variants list the same factors in baseline and candidate. Variants in `common` have equal settings in both.
    Variants in `vanished` exist only in the baseline, and variants in `new` only in the candidate. For each variant
    that exists in both but cannot be compared, `apart` holds the reason in words.
    """

    baseline: pd.DataFrame
    candidate: pd.DataFrame
    common: tuple[str, ...]
    vanished: tuple[str, ...]
    new: tuple[str, ...]
    apart: dict[str, str]

    def by_variant(self) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
        """Yields each common variant with its runs in the baseline and its runs in the candidate."""
        sides = (self.baseline, self.candidate)
        old, new = (dict(iter(runs.groupby("variant", sort=False))) for runs in sides)
        for variant in self.common:
            yield variant, old[variant], new[variant]


def match(baseline: Side, candidate: Side) -> Match:
    """Returns baseline and candidate matched by variant.

    The name of a variant lists the factors that are varied in the baseline or in the candidate. Two variants of the
    same name cannot be compared if any other setting differs between baseline and candidate.

    Raises:
        StoreError: Two runs of the baseline or two runs of the candidate have the same variant and seed.
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
    """Returns a text for each shared setting that differs between baseline and candidate.

    A shared setting is the same for all runs of an experiment.
    """
    old, new = _shared(baseline), _shared(candidate)
    if old[SIMULATED] != new[SIMULATED]:
        made_up = "baseline" if old[SIMULATED] == str(True) else "candidate"
        return [f"the {made_up} is SIMULATED, and simulated results cannot be compared with trained ones"]
    known = [name for name in SHARED if name in old and name in new]
    return [_difference(name, old[name], new[name]) for name in known if old[name] != new[name]]


def _shared(side: Side) -> dict[str, str]:
    """Returns the known settings that all runs of one side share, as text.

    A setting is read from the runs or, if the runs lack it, from the metadata.
    """
    names = (*SHARED, SIMULATED)
    columns = {name: "/".join(map(str, side.runs[name].unique())) for name in names if name in side.runs}
    return {name: str(side.settings[name]) for name in names if name in side.settings} | columns


def _differing_factors(baseline: pd.DataFrame, candidate: pd.DataFrame) -> dict[str, list[str]]:
    """Returns, for each variant that both sides have, a text for each factor whose levels differ between the sides."""
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
    """Returns whether baseline and candidate used data files with different content.

    If the content differs, runs with equal settings have different ids, because the id of a run depends on the content
    of the data file.
    """
    if not baseline["dataset"].iloc[0].startswith("npz:"):
        return False
    keys = ["variant", "seed", *FACTORS]
    both = baseline[[*keys, "run_id"]].merge(candidate[[*keys, "run_id"]], on=keys)
    return bool((both["run_id_x"] != both["run_id_y"]).any())


def _difference(name: str, old: str, new: str) -> str:
    return f"{name} is {old} in the baseline and {new} in the candidate"
