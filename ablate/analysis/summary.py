"""Summary tables with means over seeds: one row per variant, and one row per level of each factor.

A summary table has the columns that identify its rows, and these columns:

- `n`: number of seeds that finished.
- `runs`, `failed`: number of runs, and number of runs that did not finish, including diverged ones.
- `reached`: number of runs that reached the target.
- `overfitting`: number of runs whose validation loss rose at the end.
- `METRIC_mean`, `METRIC_sd`, `METRIC_low`, `METRIC_high` of each metric: mean and sample standard deviation over seeds,
  and the ends of the 95 % interval of the mean.
- `steps_to_target_rank`: mean to rank by. A run that missed the target counts with the most steps that any run was
  trained for. Otherwise less training would look like more speed.
- `overfit_step_mean` and so on: the same figures for the step at which overfitting starts, which is not a metric.

The mean of `steps_to_target` is the restricted mean over all runs, because a failed run never reached its target. The
mean of `overfit_step` is the restricted mean over the runs that finished.
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
    """A table with one row per level of a factor. It has no rows if no background was run at every level.

    A background is a combination of the other factors' levels; `backgrounds` is their number. All levels are averages
    over the same backgrounds and seeds. Counts and steps to target refer to the `compared` backgrounds that were run at
    every level with the same seeds. Scores refer to the `scored` ones of these where every run finished. A level
    without any finished run does not exclude backgrounds.
    """

    factor: str
    table: pd.DataFrame
    backgrounds: int
    compared: int
    scored: int


@dataclass(frozen=True)
class Summary:
    """The tables of a report, all ranked by `sort`: one by variant, and one by level for each varied factor.

    The runs are named and scored. `target_accuracy` is NaN if the target is a share of a reference that never finished.
    """

    runs: pd.DataFrame
    factors: tuple[str, ...]
    target: Target
    target_accuracy: float
    reference: str
    variants: pd.DataFrame
    levels: tuple[LevelSummary, ...]
    sort: str

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
        """The factors with more than one level, or the first factor if there is none."""
        return self.varied_factors or self.factors[:1]

    @property
    def reference_levels(self) -> dict[str, str]:
        """The level of each factor in the reference."""
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
    """Returns the summary of the runs, of which there has to be at least one.

    `reference` is a variant, by default that of `reference_variant`. `sort` is a metric, or `variant` for the order of
    the levels. `step_costs` has the columns `variant` and `step_seconds`, if measured, and adds seconds to target.

    Raises:
        SpecError: No variant has the name of the reference.
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
    """Returns the summary by level of a factor, averaged over the backgrounds within each seed, then over seeds."""
    background = [other for other in factors if other != factor]
    compared = balanced(runs, factor, background)
    scores = balanced(compared[compared["finished"]], factor, background)
    levels = pd.DataFrame({factor: levels_of(compared, factor)}, dtype=runs[factor].dtype)
    table = levels.merge(_collapsed(compared, scores, factor), on=factor)
    counts = (len(part[background].drop_duplicates()) for part in (runs, compared, scores))
    return LevelSummary(factor, ranked(table, sort), *counts)


def _collapsed(runs: pd.DataFrame, compared: pd.DataFrame, key: str) -> pd.DataFrame:
    """Returns one row per value of `key`: counts and steps to target of `runs`, and scores of `compared`."""
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
    """Returns mean, standard deviation and interval over seeds of columns that are first averaged within each seed."""
    seeds = runs.groupby([key, "seed"])[columns].mean().groupby(level=key)
    mean, sd, n = seeds.mean(), seeds.std(), seeds.count()
    half = student_half_width(n.to_numpy()) * sd / np.sqrt(n)
    figures = {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half}
    table = pd.concat([frame.add_suffix(f"_{name}") for name, frame in figures.items()], axis=1)
    return table[[f"{column}_{name}" for column in columns for name in figures]]


def ranked(table: pd.DataFrame, sort: str) -> pd.DataFrame:
    """Returns a summary table sorted best first. Ties keep their order; rows without a finished run are last.

    If `sort` is `variant`, the table stays as it is.
    """
    if sort == VARIANT:
        return table
    keys = pd.DataFrame({"never": table["n"] == 0, "score": -METRICS[sort].sign * table[_rank_column(sort)]})
    return table.loc[keys.sort_values(["never", "score"]).index].reset_index(drop=True)


def _rank_column(metric: str) -> str:
    return STEPS_RANK if metric == STEPS_TO_TARGET else f"{metric}_mean"


def extremes(table: pd.DataFrame, metric: str) -> tuple[list[bool], list[bool]]:
    """Returns which rows of a summary table are the best and which the worst by a metric, ties included.

    Rows without a finished run are neither. If all rows are equal, no row is the best or the worst.
    """
    mean = table[_rank_column(metric)].where(table["n"] > 0)
    low, high = (np.isclose(mean, end, rtol=1e-12, atol=1e-12) for end in (mean.min(), mean.max()))
    differ = ~(low & high)
    best, worst = (high, low) if METRICS[metric].higher_is_better else (low, high)
    return (best & differ).tolist(), (worst & differ).tolist()
