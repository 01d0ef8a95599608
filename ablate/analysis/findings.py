"""Findings: what the runs say about one metric, all that a report puts into words."""

from dataclasses import dataclass

import pandas as pd

from ablate.analysis.differences import level_differences, variant_differences
from ablate.analysis.effects import effects
from ablate.analysis.interactions import Moderation, cells, contrasts, moderation
from ablate.analysis.margin import Margin
from ablate.analysis.metrics import DEFAULT_SORT, METRICS, STEPS_TO_TARGET, VARIANT
from ablate.analysis.summary import Summary, ranked


@dataclass(frozen=True)
class Findings:
    """What the runs say about one metric.

    Attributes:
        metric: Which.
        margin: Differences up to it do not matter.
        variants: Differences of all variants from the reference, as `analysis.differences` describes them.
        winner: The variant with the best mean, None if no run finished or reached the target.
        against_winner: Differences of all variants from the winner, no rows if there is none.
        reference_levels: The level of each varied factor in the reference.
        levels: Main effects: differences of each factor's levels from the reference's, by factor.
        effects: The analysis of variance, as `analysis.effects` describes it.
        contrasts: Interactions of each two factors cell by cell, as `analysis.interactions` describes them.
        moderations: How far one factor changes the differences between the levels of another, by their pair.
    """

    metric: str
    margin: Margin
    variants: pd.DataFrame
    winner: str | None
    against_winner: pd.DataFrame
    reference_levels: dict[str, str]
    levels: dict[str, pd.DataFrame]
    effects: pd.DataFrame
    contrasts: dict[tuple[str, str], pd.DataFrame]
    moderations: dict[tuple[str, str], tuple[Moderation, ...]]


def find(summary: Summary, metric: str | None = None, margin: Margin | None = None) -> Findings:
    """Returns the findings about a metric.

    Args:
        summary: Of the runs.
        metric: Which; None for the one the summary is sorted by.
        margin: Differences up to it do not matter; None for the metric's own.
    """
    metric = metric or _asked(summary)
    margin = margin or METRICS[metric].report_margin or Margin(0.0)
    factors, reference = summary.factors, summary.reference
    columns = [VARIANT, *factors, "seed", "steps", "finished", METRICS[metric].report_column]
    runs = summary.runs[list(dict.fromkeys(columns))]
    base = {factor: summary.reference_levels[factor] for factor in summary.varied_factors}
    best = ranked(summary.variants, metric).iloc[0]
    is_known = not pd.isna(best[f"{metric}_mean"]) and (metric != STEPS_TO_TARGET or best["reached"])
    winner = str(best[VARIANT]) if is_known else None
    variants = variant_differences(runs, metric, reference, margin)
    found, moderations = {}, {}
    for pair in _pairs(runs, tuple(base)):
        grid = cells(runs, metric, *pair, factors)
        found[pair] = contrasts(grid, base[pair[0]], base[pair[1]])
        moderations[pair] = moderation(grid, base[pair[1]])
    return Findings(
        metric,
        margin,
        variants,
        winner,
        variants.iloc[:0]
        if winner is None
        else variant_differences(runs, metric, winner, margin, is_chosen=True),
        base,
        {
            factor: level_differences(runs, metric, factor, factors, level, margin)
            for factor, level in base.items()
        },
        effects(runs, metric, factors),
        found,
        moderations,
    )


def find_all(summary: Summary, margin: Margin | None = None) -> dict[str, Findings]:
    """Returns the findings about every metric; a margin given is that of the metric the summary is sorted by."""
    asked = _asked(summary)
    return {metric: find(summary, metric, margin if metric == asked else None) for metric in METRICS}


def _asked(summary: Summary) -> str:
    return summary.sort if summary.sort in METRICS else DEFAULT_SORT


def _pairs(runs: pd.DataFrame, factors: tuple[str, ...]) -> list[tuple[str, str]]:
    """Returns each two factors, the one with fewer levels second: it is said to change what the first does."""
    count = {factor: runs[factor].nunique() for factor in factors}
    both = [(first, second) for place, first in enumerate(factors) for second in factors[place + 1 :]]
    return [(first, second) if count[first] >= count[second] else (second, first) for first, second in both]
