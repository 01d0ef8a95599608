"""Findings: the results on one metric that a report describes in words."""

from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from ablate.analysis.differences import level_differences, variant_differences
from ablate.analysis.effects import effects
from ablate.analysis.interactions import Moderation, cells, contrasts, moderation
from ablate.analysis.margin import Margin
from ablate.analysis.metrics import DEFAULT_SORT, METRICS, STEPS_TO_TARGET, VARIANT
from ablate.analysis.summary import Summary, ranked


@dataclass(frozen=True)
class Findings:
    """The results on one metric. The columns of each table are described in the module that computes the table.

    `variants` is the table of differences between all variants and the reference variant. `winner` is the variant with
    the best mean, and `against_winner` is the table of differences between all variants and the winner. If no run
    finished or no run reached the target, `winner` is None and `against_winner` is empty. `levels` maps each factor to
    the table of its main effects: the differences between the levels of the factor and its reference level, which
    `reference_levels` states. `contrasts` and `moderations` describe the interaction of each pair of factors; the
    second factor of a pair is the moderator (see `interactions.Moderation`).
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
    """Returns the findings about a metric, by default the metric by which the summary is sorted.

    If `margin` is None, the metric's own margin for reports applies.
    """
    metric = metric or _sorted_by(summary)
    margin = margin or METRICS[metric].report_margin or Margin(0.0)
    factors = summary.factors
    runs = summary.runs[[VARIANT, *factors, "seed", "steps", "finished", METRICS[metric].report_column]]
    base = {factor: summary.reference_levels[factor] for factor in summary.varied_factors}
    best = ranked(summary.variants, metric).iloc[0]
    is_known = not pd.isna(best[f"{metric}_mean"]) and (metric != STEPS_TO_TARGET or best["reached"])
    winner = str(best[VARIANT]) if is_known else None
    variants = variant_differences(runs, metric, summary.reference, margin)
    grids = {pair: cells(runs, metric, *pair, factors) for pair in _pairs(summary)}
    return Findings(
        metric,
        margin,
        variants,
        winner,
        against_winner=variants.iloc[:0]
        if winner is None
        else variant_differences(runs, metric, winner, margin, is_chosen=True),
        reference_levels=base,
        levels={
            factor: level_differences(runs, metric, factor, factors, level, margin)
            for factor, level in base.items()
        },
        effects=effects(runs, metric, factors),
        contrasts={pair: contrasts(grid, *(base[factor] for factor in pair)) for pair, grid in grids.items()},
        moderations={pair: moderation(grid, base[pair[1]]) for pair, grid in grids.items()},
    )


def find_all(summary: Summary, margin: Margin | None = None) -> dict[str, Findings]:
    """Returns the findings about every metric. `margin` applies only to the metric by which the summary is sorted."""
    asked = _sorted_by(summary)
    return {metric: find(summary, metric, margin if metric == asked else None) for metric in METRICS}


def _sorted_by(summary: Summary) -> str:
    return summary.sort if summary.sort in METRICS else DEFAULT_SORT


def _pairs(summary: Summary) -> list[tuple[str, str]]:
    """Returns all pairs of varied factors.

    The second factor of a pair, the moderator, has at most as many levels as the first.
    """
    count = summary.runs[list(summary.varied_factors)].nunique()
    return [
        (first, second) if count[first] >= count[second] else (second, first)
        for first, second in combinations(summary.varied_factors, 2)
    ]
