"""Summary tables with means over seeds: one row per variant, and one row per level of each factor.

A summary table has the following columns in addition to the columns that identify a row:

- `n`: number of seeds with a finished run.
- `runs`, `failed`: number of runs, and number of runs that did not finish, including diverged ones.
- `reached`: number of runs that reached the target.
- `overfitting`: number of runs whose validation loss rose at the end.
- `METRIC_mean`, `METRIC_sd`, `METRIC_low`, `METRIC_high` for each metric: the mean over seeds, the sample standard
  deviation over seeds, and the ends of the 95 % interval of the mean.
- `steps_to_target_rank`: the mean steps to target by which variants are ranked, where a run that missed the target
  counts with the largest number of steps for which any run was trained. If each run that missed the target counted with
  its own number of steps, a run trained for fewer steps would seem to be faster.
- `overfit_step_mean`, `overfit_step_sd`, `overfit_step_low`, `overfit_step_high`: mean, standard deviation and ends of
  the interval of the step at which overfitting starts.

The mean of `steps_to_target` is the restricted mean (`analysis.convergence.restricted`) over all runs, because a failed
run never reached its target. The mean of `overfit_step` is the restricted mean over the runs that finished.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ablate.analysis.balance import balanced
from ablate.analysis.convergence import Target
from ablate.analysis.metrics import METRICS, STEPS_TO_TARGET, VARIANT
from ablate.analysis.paired import student_half_width
from ablate.analysis.scores import reference_best, scored
from ablate.analysis.seconds import with_seconds
from ablate.analysis.variants import levels_of, named, naming_factors, reference_variant, varied_factors

STEPS_RANK = f"{STEPS_TO_TARGET}_rank"
_OF_FINISHED = [name for name in METRICS if name != STEPS_TO_TARGET]


@dataclass(frozen=True)
class LevelSummary:
    """A summary table with one row per level of a factor.

    A background is a combination of levels of all factors except `factor`. All levels are averaged over the same
    backgrounds and seeds. `backgrounds` is the number of all backgrounds. `compared` is the number of backgrounds that
    were run with the same seeds at every level; counts and steps to target are computed from the runs of these
    backgrounds. `scored` is the number of compared backgrounds in which every run finished, not counting levels that
    have no finished run; all other metrics are computed from the runs of these backgrounds. The table has no rows if no
    background was run at every level.
    """

    factor: str
    table: pd.DataFrame
    backgrounds: int
    compared: int
    scored: int


@dataclass(frozen=True)
class Summary:
    """The tables of a report, all ranked by `sort`: a table of all variants, and a table of the levels of each factor.

    Only varied factors have a table of levels. `runs` are named and scored. `target_accuracy` is NaN if the target is
    relative to a reference of which no run finished. `incomplete` says how many runs of the experiment are missing;
    it is empty if none is missing.
    """

    runs: pd.DataFrame
    factors: tuple[str, ...]
    target: Target
    target_accuracy: float
    reference: str
    variants: pd.DataFrame
    levels: tuple[LevelSummary, ...]
    sort: str
    incomplete: str = ""

    @property
    def simulated(self) -> bool:
        """Whether any of the runs was simulated instead of trained."""
        return bool(self.runs["simulated"].any())

    @property
    def varied_factors(self) -> tuple[str, ...]:
        """The factors with more than one level."""
        return varied_factors(self.runs, self.factors)

    @property
    def shown_factors(self) -> tuple[str, ...]:
        """The factors with more than one level, or the first factor if no factor has more than one level."""
        return self.varied_factors or self.factors[:1]

    @property
    def reference_levels(self) -> dict[str, str]:
        """The level of each factor in the reference variant."""
        row = self.runs[self.runs[VARIANT] == self.reference].iloc[0]
        return {factor: str(row[factor]) for factor in self.factors}


def summarize(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    target: Target,
    reference: str | None,
    sort: str,
    step_costs: pd.DataFrame | None = None,
) -> Summary:
    """Returns the summary of one or more runs.

    `reference` is the name of the reference variant; if it is None, the function `reference_variant` chooses the
    reference. `sort` is a metric, or `variant` for the order of the levels. If `step_costs` is given, with the columns
    `variant` and `step_seconds`, the summary includes seconds to target.

    Raises:
        SpecError: No variant has the name `reference`.
        StoreError: Two runs have the same variant and seed.
    """
    factors = naming_factors(runs)
    runs = named(runs)
    reference = reference_variant(runs, reference)
    accuracy = target.accuracy(reference_best(runs, reference))
    runs = scored(runs, curves, accuracy)
    variants = runs[[VARIANT, *factors]].drop_duplicates()
    variants = variants.merge(_collapsed(runs, runs[runs["finished"]], VARIANT), on=VARIANT)
    if step_costs is not None:
        variants = with_seconds(variants, step_costs)
    levels = tuple(_by_level(runs, factor, factors, sort) for factor in varied_factors(runs, factors))
    return Summary(runs, factors, target, accuracy, reference, ranked(variants, sort), levels, sort)


def _by_level(runs: pd.DataFrame, factor: str, factors: Sequence[str], sort: str) -> LevelSummary:
    """Returns the summary by level of a factor.

    Each score is averaged over backgrounds within each seed, and then averaged over seeds.
    """
    background = [other for other in factors if other != factor]
    compared = balanced(runs, factor, background)
    scores = balanced(compared[compared["finished"]], factor, background)
    levels = pd.DataFrame({factor: levels_of(compared, factor)}, dtype=runs[factor].dtype)
    table = levels.merge(_collapsed(compared, scores, factor), on=factor)
    counts = (len(part[background].drop_duplicates()) for part in (runs, compared, scores))
    return LevelSummary(factor, ranked(table, sort), *counts)


def _collapsed(runs: pd.DataFrame, compared: pd.DataFrame, key: str) -> pd.DataFrame:
    """Returns a summary table with one row per value of the column `key`.

    Counts of runs and steps to target are computed from `runs`, and all other metrics are computed from `compared`.
    """
    groups = runs.groupby(key, sort=False)
    table = pd.DataFrame(
        {
            "n": compared.groupby(key)["seed"].nunique(),
            "runs": groups.size(),
            "failed": groups.size() - groups["finished"].sum(),
            "reached": groups[STEPS_TO_TARGET].count(),
            "overfitting": groups["overfit_step"].count(),
        },
        index=groups.size().index,
    ).fillna({"n": 0})
    times = runs.assign(steps_to_target=runs["restricted_steps"])
    onsets = compared.assign(overfit_step=compared["overfit_step"].fillna(compared["steps"]))
    latest = runs[STEPS_TO_TARGET].fillna(float(runs["steps"].max())).where(runs["restricted_steps"].notna())
    columns: list[pd.DataFrame | pd.Series[float]] = [
        latest.groupby(runs[key]).mean().rename(STEPS_RANK),
        _over_seeds(compared, key, _OF_FINISHED),
        _over_seeds(times, key, [STEPS_TO_TARGET]),
        _over_seeds(onsets, key, ["overfit_step"]),
    ]
    return table.astype({"n": int}).join(columns).reset_index()


def _over_seeds(runs: pd.DataFrame, key: str, columns: list[str]) -> pd.DataFrame:
    """Returns mean, standard deviation and interval over seeds of the given columns.

    Each column is first averaged within each seed.
    """
    seeds = runs.groupby([key, "seed"])[columns].mean().groupby(level=key)
    mean, sd, n = seeds.mean(), seeds.std(), seeds.count()
    half = student_half_width(n.to_numpy()) * sd / np.sqrt(n)
    figures = {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half}
    table = pd.concat([frame.add_suffix(f"_{name}") for name, frame in figures.items()], axis=1)
    return table[[f"{column}_{name}" for column in columns for name in figures]]


def ranked(table: pd.DataFrame, sort: str) -> pd.DataFrame:
    """Returns a summary table sorted by a metric, the best row first. Tied rows keep their order.

    Rows without a finished run come last. If `sort` is `variant`, the order of rows does not change.
    """
    if sort == VARIANT:
        return table
    keys = pd.DataFrame({"never": table["n"] == 0, "score": -METRICS[sort].sign * table[_rank_column(sort)]})
    return table.loc[keys.sort_values(["never", "score"]).index].reset_index(drop=True)


def _rank_column(metric: str) -> str:
    return STEPS_RANK if metric == STEPS_TO_TARGET else f"{metric}_mean"


def extremes(table: pd.DataFrame, metric: str) -> tuple[list[bool], list[bool]]:
    """Returns which rows of a summary table are the best by a metric and which rows are the worst, ties included.

    A row without a finished run is neither the best nor the worst. If all rows are equal, no row is the best or the
    worst.
    """
    mean = table[_rank_column(metric)].where(table["n"] > 0)
    low, high = (np.isclose(mean, end, rtol=1e-12, atol=1e-12) for end in (mean.min(), mean.max()))
    differ = ~(low & high)
    best, worst = (high, low) if METRICS[metric].higher_is_better else (low, high)
    return (best & differ).tolist(), (worst & differ).tolist()
