"""The summary of some results, seeds averaged out: one row per variant, and one row per level of each factor.

A summary table has the identifying columns and these:

- `n`: seeds that finished.
- `runs`, `failed`: number of runs, and of those that did not finish (diverged ones included).
- `reached`: runs that reached the target.
- `overfitting`: runs whose validation loss rose at the end.
- `METRIC_mean`, `METRIC_sd`, `METRIC_low`, `METRIC_high` of each metric: mean and sample standard deviation over seeds,
  and the ends of the 95 % interval of the mean.
- `steps_to_target_rank`: the mean to rank by. A run that missed the target counts with the most steps that any run was
  trained for, so that less training is never taken for more speed.
- `overfit_step_mean` and so on: the same of the onset of overfitting, which is no metric.

The mean of `steps_to_target` is the restricted mean over all runs, since one that failed never reached its target; that
of `overfit_step` is the restricted mean over the runs that finished.
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
    """A table with one row per level of a factor, without rows if no background was run at every level.

    A background is a combination of the other factors' levels. All levels are averages over the same backgrounds and
    seeds. Of all `backgrounds`, `compared` is the number of those run at every level with the same seeds, which counts
    and steps to target refer to, and `scored` that of those where every run finished too, which scores refer to. A
    level of which no run finished does not hold up the others.
    """

    factor: str
    table: pd.DataFrame
    backgrounds: int
    compared: int
    scored: int


@dataclass(frozen=True)
class Summary:
    """Everything that the tables of a report say, all ranked by `sort`: by variant, and by level of the varied factors.

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
        """Whether any of the runs was made up and not trained."""
        return bool(self.runs["simulated"].any())

    @property
    def varied_factors(self) -> tuple[str, ...]:
        """The factors with more than one level."""
        return varied_factors(self.runs, self.factors)

    @property
    def shown_factors(self) -> tuple[str, ...]:
        """The factors with more than one level, or the first of all if there is none."""
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
    """Returns the summary of at least one run.

    The reference is a variant, by default the plainest relu; `sort` is a metric, or `variant` for the order of the
    levels. `step_costs` has the columns `variant` and `step_seconds`, if measured, and adds seconds to target.

    Raises:
        SpecError: No variant has the name of the reference.
        StoreError: Two runs are of the same variant and seed.
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
    """Returns the summary by the levels of a factor, averaged over backgrounds within each seed, then over seeds."""
    background = [other for other in factors if other != factor]
    compared = balanced(runs, factor, background)
    scores = balanced(compared[compared["finished"]], factor, background)
    levels = pd.DataFrame({factor: levels_of(compared, factor)}, dtype=runs[factor].dtype)
    table = levels.merge(_collapsed(compared, scores, factor), on=factor)
    counts = (len(part[background].drop_duplicates()) for part in (runs, compared, scores))
    return LevelSummary(factor, ranked(table, sort), *counts)


def _collapsed(runs: pd.DataFrame, compared: pd.DataFrame, key: str) -> pd.DataFrame:
    """Returns one row per value of `key`: counts and steps to target of the runs, scores of those compared."""
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
    """Returns mean, standard deviation and interval over seeds of columns, which are first averaged within a seed."""
    seeds = runs.groupby([key, "seed"])[columns].mean().groupby(level=key)
    mean, sd, n = seeds.mean(), seeds.std(), seeds.count()
    half = student_half_width(n.to_numpy()) * sd / np.sqrt(n)
    figures = {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half}
    table = pd.concat([frame.add_suffix(f"_{name}") for name, frame in figures.items()], axis=1)
    return table[[f"{column}_{name}" for column in columns for name in figures]]


def ranked(table: pd.DataFrame, sort: str) -> pd.DataFrame:
    """Returns a summary table best first by a metric, ties in their order, rows that never finished last.

    Sorted by `variant` it stays as it is.
    """
    if sort == VARIANT:
        return table
    keys = pd.DataFrame({"never": table["n"] == 0, "score": -METRICS[sort].sign * table[_rank_column(sort)]})
    return table.loc[keys.sort_values(["never", "score"]).index].reset_index(drop=True)


def _rank_column(metric: str) -> str:
    return STEPS_RANK if metric == STEPS_TO_TARGET else f"{metric}_mean"


def extremes(table: pd.DataFrame, metric: str) -> tuple[list[bool], list[bool]]:
    """Returns which rows of a summary table are the best and which the worst by a metric, ties included.

    Rows that never finished are neither, and if all rows are equal none is.
    """
    mean = table[_rank_column(metric)].where(table["n"] > 0)
    low, high = (np.isclose(mean, end, rtol=1e-12, atol=1e-12) for end in (mean.min(), mean.max()))
    differ = ~(low & high)
    best, worst = (high, low) if METRICS[metric].higher_is_better else (low, high)
    return (best & differ).tolist(), (worst & differ).tolist()
