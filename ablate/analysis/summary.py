"""The summary of some results: one row a variant, and one row a level of each factor, seeds collapsed.

A summary table has the identifying columns, `n` (seeds that finished), `runs`, `failed` (diverged ones
included), `reached` (runs that reached the target), `overfitting` (runs whose validation loss turned up), and
`METRIC_mean`, `METRIC_sd` (of the sample, over seeds), `METRIC_low` and `METRIC_high` (95 % interval of the mean)
of each metric. Of `steps_to_target` the mean is the restricted one, over all runs: one that failed never reached
its target; and `steps_to_target_rank` is the mean to rank by, in which a run that missed it counts with the most
steps that any run was trained for, so that less training is never taken for more speed. Of
`overfit_step`, which is no metric, it is the restricted one over the runs that finished.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ablate.analysis.convergence import Target
from ablate.analysis.metrics import METRICS, STEPS_TO_TARGET, VARIANT
from ablate.analysis.paired import student_half_width
from ablate.analysis.scores import reference_best, scored
from ablate.analysis.seconds import with_seconds
from ablate.analysis.variants import levels_of, named, reference_variant, varied

STEPS_RANK = f"{STEPS_TO_TARGET}_rank"
_OF_FINISHED = [name for name in METRICS if name != STEPS_TO_TARGET]


@dataclass(frozen=True)
class LevelSummary:
    """One row a level of a factor, the other factors averaged out.

    A background is a choice of the other factors' levels. All levels are averages over the same backgrounds
    and seeds: those run at every level, and for scores those where every run finished too. A level of which
    no run finished holds up no other. Steps to target are known of failed runs too: they reached none.

    Attributes:
        factor: Whose levels these are.
        table: The summary, without rows if no background was run at every level.
        backgrounds: How many there are.
        compared: How many of them were run at every level, with the same seeds.
        scored: How many of those the scores are averages of.
    """

    factor: str
    table: pd.DataFrame
    backgrounds: int
    compared: int
    scored: int


@dataclass(frozen=True)
class Summary:
    """All that the tables of a report say.

    Attributes:
        runs: The runs, named and scored.
        factors: What tells the variants apart.
        target: As given.
        target_accuracy: The same as a validation accuracy, NaN if it is relative to a reference that never
        finished. reference: A variant. variants: One row a variant. levels: One summary for each factor with
        more than one level. sort: What the rows of all tables are ranked by.
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
        return tuple(factor for factor in self.factors if self.runs[factor].nunique() > 1)

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
    """Returns the summary of a results folder's `runs` and `curves`.

    Args:
        runs: Frame with the columns of `store.schema.RUNS`, at least one row.
        curves: Frame with the columns of `store.schema.CURVES`.
        target: What counts as converged.
        reference: A variant, or None for the plainest of relu.
        sort: A metric to rank by, or `variant`.
        step_costs: Columns `variant` and `step_seconds` where they have been measured; adds seconds to target.

    Raises:
        SpecError: No variant is named like the reference.
        StoreError: Two runs are of the same variant and seed.
    """
    factors = varied(runs)
    runs = named(runs)
    reference = reference_variant(runs, reference)
    accuracy = target.accuracy(reference_best(runs, reference))
    runs = scored(runs, curves, accuracy)
    levels = (by_level(runs, factor, factors) for factor in factors if runs[factor].nunique() > 1)
    variants = by_variant(runs, factors)
    if step_costs is not None:
        variants = with_seconds(variants, step_costs)
    return Summary(
        runs,
        factors,
        target,
        accuracy,
        reference,
        ranked(variants, sort),
        tuple(replace(level, table=ranked(level.table, sort)) for level in levels),
        sort,
    )


def by_variant(runs: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """Returns the summary table of named and scored runs, one row a variant, in the order of the runs."""
    variants = runs[[VARIANT, *factors]].drop_duplicates()
    return variants.merge(_collapsed(runs, runs[runs["finished"]], VARIANT), on=VARIANT)


def by_level(runs: pd.DataFrame, factor: str, factors: Sequence[str]) -> LevelSummary:
    """Returns the summary of named and scored runs by the levels of a factor, in the order of the levels.

    Within a seed a level is averaged over the backgrounds, so that the standard deviation is one over seeds
    and no mixture of seeds and backgrounds.
    """
    background = [other for other in factors if other != factor]
    compared = balanced(runs, factor, background)
    scores = balanced(compared[compared["finished"]], factor, background)
    levels = pd.DataFrame({factor: levels_of(compared, factor)}, dtype=runs[factor].dtype)
    return LevelSummary(
        factor,
        levels.merge(_collapsed(compared, scores, factor), on=factor),
        _count(runs, background),
        _count(compared, background),
        _count(scores, background),
    )


def balanced(runs: pd.DataFrame, factor: str, background: list[str]) -> pd.DataFrame:
    """Returns the runs of which there is one for every level, background and seed that occurs in the result.

    What has a hole is left out: either the backgrounds that lack a seed or the seeds that lack a background,
    whichever leaves more.
    """
    levels = runs[factor].nunique()
    whole = runs[runs.groupby([*background, "seed"])[factor].transform("size") == levels]
    full_background = levels * whole["seed"].nunique()
    full_seed = levels * _count(whole, background)
    by_background = whole[whole.groupby(background)[factor].transform("size") == full_background]
    by_seed = whole[whole.groupby("seed")[factor].transform("size") == full_seed]
    return by_seed if len(by_seed) > len(by_background) else by_background


def _count(runs: pd.DataFrame, columns: list[str]) -> int:
    return len(runs[columns].drop_duplicates())


def _collapsed(runs: pd.DataFrame, compared: pd.DataFrame, key: str) -> pd.DataFrame:
    """Returns one row a value of `key`: counts and steps to target of the runs, scores of those compared."""
    groups = runs.groupby(key, sort=False)
    finished = groups["finished"].sum()
    counts = pd.DataFrame(
        {
            "runs": groups.size(),
            "failed": groups.size() - finished,
            "reached": groups[STEPS_TO_TARGET].count(),
            "overfitting": groups["overfit_step"].count(),
        }
    )
    n = compared.groupby(key)["seed"].nunique().reindex(counts.index, fill_value=0)
    counts.insert(0, "n", n)
    times = runs.assign(steps_to_target=runs["restricted_steps"])
    onsets = compared.assign(overfit_step=compared["overfit_step"].fillna(compared["steps"]))
    latest = runs[STEPS_TO_TARGET].fillna(float(runs["steps"].max())).where(runs["restricted_steps"].notna())
    tables: list[pd.DataFrame | pd.Series[float]] = [
        latest.groupby(runs[key]).mean().rename(STEPS_RANK),
        _over_seeds(compared, key, _OF_FINISHED),
        _over_seeds(times, key, [STEPS_TO_TARGET]),
        _over_seeds(onsets, key, ["overfit_step"]),
    ]
    return counts.join(tables).reset_index()


def _over_seeds(runs: pd.DataFrame, key: str, metrics: list[str]) -> pd.DataFrame:
    """Returns mean, standard deviation and interval over seeds, of what is first averaged within a seed."""
    seeds = runs.groupby([key, "seed"])[metrics].mean().groupby(level=key)
    mean, sd, n = seeds.mean(), seeds.std(), seeds.count()
    half = student_half_width(n.to_numpy()) * sd / np.sqrt(n)
    figures = {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half}
    table = pd.concat([frame.add_suffix(f"_{name}") for name, frame in figures.items()], axis=1)
    return table[[f"{metric}_{name}" for metric in metrics for name in figures]]


def ranked(table: pd.DataFrame, sort: str) -> pd.DataFrame:
    """Returns a summary table best first by a metric, ties as they stood, what never finished last.

    Args:
        table: A summary table.
        sort: A metric, or `variant` to leave the order as it is.
    """
    if sort == VARIANT:
        return table
    sign = -METRICS[sort].sign
    keys = pd.DataFrame({"never": table["n"] == 0, "score": sign * table[_rank_column(sort)]})
    return table.loc[keys.sort_values(["never", "score"]).index].reset_index(drop=True)


def _rank_column(metric: str) -> str:
    return STEPS_RANK if metric == STEPS_TO_TARGET else f"{metric}_mean"


def extremes(table: pd.DataFrame, metric: str) -> tuple[list[bool], list[bool]]:
    """Returns which rows of a summary table are the best and which the worst by a metric, ties included.

    What never finished is neither, and where all are equal none is.
    """
    mean = table[_rank_column(metric)].where(table["n"] > 0)
    low, high = (np.isclose(mean, end, rtol=1e-12, atol=1e-12) for end in (mean.min(), mean.max()))
    differ = ~(low & high)
    best, worst = (high, low) if METRICS[metric].higher_is_better else (low, high)
    return (best & differ).tolist(), (worst & differ).tolist()
