"""Baseline and candidate brought together: which variants are the same, and what keeps others apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ablate.analysis.convergence import Target
from ablate.analysis.metrics import STEP_SECONDS
from ablate.analysis.scores import reference_best, scored
from ablate.analysis.variants import named, reference_variant, varied
from ablate.experiment.spec import FACTORS, SHARED

# Shared settings that stand in a column of the runs; the others are in the metadata.
_COLUMNS = ("dataset", "model", "simulated")


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        runs: Scored runs, as `scores.scored` returns them.
        target: Validation accuracy their steps to target are counted to, NaN if unknown.
        settings: Those of `SHARED` that are known.
        environment: What they were made with.
    """

    runs: pd.DataFrame
    target: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def score(runs: pd.DataFrame, curves: pd.DataFrame, target: float) -> pd.DataFrame:
    """Returns runs with all columns a gate judges, given a target as a validation accuracy."""
    return with_step_cost(scored(runs, curves, target))


def with_step_cost(runs: pd.DataFrame) -> pd.DataFrame:
    """Returns runs with the seconds a step took, a run's share of its stack."""
    return runs.assign(**{STEP_SECONDS: runs["seconds"] / runs["steps"]})


def absolute_target(runs: pd.DataFrame, target: Target) -> float:
    """Returns a target as a validation accuracy, a relative one taken from the plainest relu of these runs."""
    runs = named(runs)
    return target.accuracy(reference_best(runs, reference_variant(runs, None)))


@dataclass(frozen=True)
class Match:
    """Both sides under common names of variants.

    Attributes:
        baseline: Its runs, `variant` made anew.
        candidate: Its runs.
        common: Variants of both sides with equal settings, in order.
        vanished: Those of the baseline alone.
        new: Those of the candidate alone.
        apart: What keeps a variant of both sides from being compared, in words.
    """

    baseline: pd.DataFrame
    candidate: pd.DataFrame
    common: tuple[str, ...]
    vanished: tuple[str, ...]
    new: tuple[str, ...]
    apart: dict[str, str]

    def by_variant(self) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
        """Yields each common variant with its runs on both sides."""
        ours, theirs = (
            dict(iter(runs.groupby("variant", sort=False))) for runs in (self.baseline, self.candidate)
        )
        for variant in self.common:
            yield variant, ours[variant], theirs[variant]


def match(baseline: Side, candidate: Side) -> Match:
    """Returns the two sides matched by variant.

    A variant is told by the factors that are varied on either side; if another setting differs, it is the same
    variant under other settings, and not to be compared.

    Raises:
        StoreError: Two runs of a side are of the same variant and seed.
    """
    told_by = {*varied(baseline.runs), *varied(candidate.runs)}
    factors = tuple(factor for factor in FACTORS if factor in told_by)
    old, new = named(baseline.runs, factors), named(candidate.runs, factors)
    ours, theirs = (
        runs.drop_duplicates(["variant", *FACTORS]).groupby("variant", sort=False) for runs in (old, new)
    )
    in_old, in_new = (tuple(dict.fromkeys(runs["variant"].tolist())) for runs in (old, new))
    both = tuple(variant for variant in in_old if variant in in_new)
    everywhere = _differing_shared(baseline, candidate)
    if not everywhere and _other_arrays(old, new):
        everywhere = ["the arrays in the file are others"]
    apart = {}
    for variant in both:
        told = everywhere + _differing(ours.get_group(variant), theirs.get_group(variant))
        if told:
            apart[variant] = ", ".join(told)
    return Match(
        old,
        new,
        tuple(variant for variant in both if variant not in apart),
        tuple(variant for variant in in_old if variant not in in_new),
        tuple(variant for variant in in_new if variant not in in_old),
        apart,
    )


def _differing_shared(baseline: Side, candidate: Side) -> list[str]:
    ours, theirs = _shared(baseline), _shared(candidate)
    return [
        _told(name, ours[name], theirs[name])
        for name in (*SHARED, "simulated")
        if name in ours and name in theirs and ours[name] != theirs[name]
    ]


def _shared(side: Side) -> dict[str, str]:
    known = {name: str(side.settings[name]) for name in SHARED if name in side.settings}
    held = {name: "/".join(map(str, pd.unique(side.runs[name]))) for name in _COLUMNS}
    return known | held


def _differing(baseline: pd.DataFrame, candidate: pd.DataFrame) -> list[str]:
    told = []
    for factor in FACTORS:
        ours, theirs = ("/".join(sorted(runs[factor])) for runs in (baseline, candidate))
        if ours != theirs:
            told.append(_told(factor, ours, theirs))
    return told


def _other_arrays(baseline: pd.DataFrame, candidate: pd.DataFrame) -> bool:
    """Says whether data in a file have other content: then runs with equal settings have other ids."""
    if not baseline["dataset"].iloc[0].startswith("npz:"):
        return False
    keys = ["variant", "seed", *FACTORS]
    both = baseline[[*keys, "run_id"]].merge(candidate[[*keys, "run_id"]], on=keys)
    return bool((both["run_id_x"] != both["run_id_y"]).any())


def _told(name: str, ours: str, theirs: str) -> str:
    return f"{name} is {ours} in the baseline and {theirs} in the candidate"
