"""Differences from a reference, paired by seed: of variants, and of the levels of a factor in the same backgrounds.

A table of differences has one row per variant or level, in the order given, with these columns:

- `pairs`: seeds where both finished.
- `failed`, `reference_failed`: seeds where only the reference finished, and where only the other one did.
- `difference`, `low`, `high`: mean over the pairs, in the metric's unit, with its interval.
- `p`, `p_holm`, `t_p_holm`: of the sign-flip test, and of the t-test.
- `improvement`: probability that a run beats the reference's run of the same seed.
- `verdict`, `more_seeds`: the `standing.Standing`, and about how many more seeds would give one where it is missing.

Interval and t-test assume normal differences. The sign-flip test assumes that differences are symmetric around 0 if
there is no difference on average.

A failed run ranks last: in tests, probability and verdict its pair is a loss as large as the largest difference among
the pairs (worst-rank scores, Lachin, "Worst-rank score analysis with informatively missing observations in clinical
trials", Controlled Clinical Trials 20:408-422, 1999). Seeds where both failed are left out.

Steps to target are compared within the fewest steps that any of the runs was trained for. Otherwise, of two runs that
never reach it, the one trained for less would seem to be faster.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from ablate.analysis import paired
from ablate.analysis.arrays import Floats
from ablate.analysis.balance import balanced_for, counted
from ablate.analysis.margin import Margin
from ablate.analysis.metrics import METRICS, STEPS_TO_TARGET, VARIANT
from ablate.analysis.standing import Evidence, Standing, judge, more_seeds
from ablate.analysis.variants import levels_of

# Fewer differences than this that are all equal, up to rounding, say nothing of their spread.
_FEW, _SAME = 4, 1e-9
# The columns of a table of differences, after the variant or level.
COLUMNS = (
    *("pairs", "failed", "reference_failed", "difference", "low", "high"),
    *("p", "p_holm", "t_p_holm", "improvement", "verdict", "more_seeds"),
)


@dataclass(frozen=True)
class _Pairs:
    """Differences of one row from the reference, shape (pairs,), with the counts of `standing.Evidence`."""

    differences: Floats
    failed: int
    reference_failed: int
    unreached: int

    @classmethod
    def of(cls, values: Floats, reference: Floats, horizon: float) -> Self:
        """Returns the pairs of values by seed, NaN where a run failed; values from `horizon` on are censored."""
        known, reference_known = ~np.isnan(values), ~np.isnan(reference)
        both = known & reference_known
        return cls(
            values[both] - reference[both],
            int((reference_known & ~known).sum()),
            int((known & ~reference_known).sum()),
            int(np.sum((values >= horizon) & (reference >= horizon))),
        )

    def scored(self, sign: int) -> Floats:
        """Returns the differences, positive where better, failed runs as losses, shape (pairs + failed seeds,)."""
        largest = np.abs(self.differences).max() if len(self.differences) else 1.0
        losses, wins = np.full(self.failed, -largest), np.full(self.reference_failed, largest)
        return np.concatenate((sign * self.differences, losses, wins))

    def interval(self) -> tuple[Floats, Floats]:
        """Returns the interval of the mean difference, NaN if a few differences are all equal, but not 0.

        Accuracies on a few hundred samples are often equal by chance, and an interval without width would contain the
        mean in three of four cases with two seeds. If all are 0, however, the variants compute the same values.
        """
        is_few = 0 < len(self.differences) < _FEW and bool(np.any(self.differences))
        if is_few and np.ptp(self.differences) <= _SAME * np.abs(self.differences).max():
            return np.array(np.nan), np.array(np.nan)
        return paired.mean_interval(self.differences)


def variant_differences(
    runs: pd.DataFrame, metric: str, reference: str, margin: Margin, *, is_chosen: bool = False
) -> pd.DataFrame:
    """Returns the differences of all variants from a reference variant; `is_chosen` as for `difference_table`."""
    ran = runs.assign(ran=True).pivot(index="seed", columns=VARIANT, values="ran").notna()
    ran = ran[runs[VARIANT].drop_duplicates()]
    column = METRICS[metric].report_column
    values = counted(runs, metric).pivot(index="seed", columns=VARIANT, values=column).reindex_like(ran)
    horizon = _horizon(runs, metric)
    return difference_table(values, ran, reference, metric, margin, is_chosen=is_chosen, horizon=horizon)


def level_differences(
    runs: pd.DataFrame, metric: str, factor: str, factors: tuple[str, ...], reference: str, margin: Margin
) -> pd.DataFrame:
    """Returns the main effects of a factor: differences of its levels from a reference level.

    Within a seed a level is averaged over the backgrounds that all levels have in common.
    """
    known = balanced_for(runs, metric, factor, [other for other in factors if other != factor])
    levels = levels_of(known, factor)
    if reference not in levels:
        levels = (reference, *levels)
    values = known.groupby(["seed", factor])[METRICS[metric].report_column].mean().unstack(factor)
    values = values.reindex(columns=pd.Index(levels, name=factor))
    return difference_table(values, values.notna(), reference, metric, margin, horizon=_horizon(runs, metric))


def _horizon(runs: pd.DataFrame, metric: str) -> float:
    """Returns the steps that stand for "not reached", infinity for other metrics."""
    return float(runs["steps"].min()) if metric == STEPS_TO_TARGET else float("inf")


def difference_table(
    values: pd.DataFrame,
    ran: pd.DataFrame,
    reference: str,
    metric: str,
    margin: Margin,
    *,
    is_chosen: bool = False,
    horizon: float = float("inf"),
) -> pd.DataFrame:
    """Returns the table of differences of all columns from one of them.

    `values` has the metric by seed (rows), NaN where a run failed or was not made, and censored from `horizon` on.
    `ran` tells which runs were made, same shape. With `is_chosen` the reference is the best column. Its differences
    are then some of those between all pairs of columns and adjusted for all of them: of equal variants the luckiest
    beats the unluckiest far more often than one of them beats another.
    """
    base = values[reference].to_numpy(np.float64)
    both_ran = ran.to_numpy() & ran[[reference]].to_numpy()
    pairs = [
        _Pairs.of(column[both], base[both], horizon)
        for column, both in zip(values.to_numpy(np.float64).T, both_ran.T, strict=True)
    ]
    scored = [pair.scored(METRICS[metric].sign) for pair in pairs]
    is_other = values.columns != reference
    family = max(int(is_other.sum()), 1)
    if is_chosen:
        family = family * (family + 1) // 2
    p, t = (
        np.where(is_other, [test(differences) for differences in scored], np.nan)
        for test in (paired.sign_flip_p, paired.t_p)
    )
    p_holm, t_p_holm = (paired.holm(tests, family if is_chosen else None) for tests in (p, t))
    rows = []
    for index, (pair, differences) in enumerate(zip(pairs, scored, strict=True)):
        low, high = map(float, pair.interval())
        evidence = Evidence(
            pairs=len(pair.differences),
            failed=pair.failed,
            reference_failed=pair.reference_failed,
            unreached=pair.unreached,
            mean=float(paired.mean_over_seeds(differences)),
            sd=float(np.sqrt(paired.variance_over_seeds(differences))),
            low=low,
            high=high,
            p_holm=float(p_holm[index]),
            t_p_holm=float(t_p_holm[index]),
            family=family,
            margin=margin.absolute(float(values[reference].mean())),
        )
        standing = judge(evidence) if is_other[index] else Standing.REFERENCE
        rows.append(
            vars(evidence)
            | {
                "difference": float(paired.mean_over_seeds(pair.differences)),
                "p": p[index],
                "improvement": paired.improvement(differences) if is_other[index] else float("nan"),
                "verdict": standing,
                "more_seeds": more_seeds(evidence) if standing is Standing.TOO_FEW else None,
            }
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table.insert(0, values.columns.name, values.columns)
    return table.astype({"more_seeds": "Int64"})
