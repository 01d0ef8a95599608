"""Differences paired by seed, between variants and a reference variant or between factor levels and a reference level.

A table of differences has one row per item (variant or level), in the order of the input, with these columns:

- `pairs`: number of seeds where the item's run and the reference's run both finished.
- `failed`: number of seeds where only the reference's run finished.
- `reference_failed`: number of seeds where only the item's run finished.
- `difference`, `low`, `high`: mean difference over the pairs of runs, in the metric's unit, and the interval of this
  mean.
- `p`, `p_holm`: p of the sign-flip test, and this p adjusted by Holm's method.
- `t_p_holm`: p of the t-test, adjusted by Holm's method.
- `improvement`: probability that a run beats the reference's run of the same seed.
- `verdict`, `more_seeds`: a `standing.Standing`, and the approximate number of further seeds needed if the verdict is
  `TOO_FEW`.

The interval and the t-test assume normally distributed differences. Under the null hypothesis of the sign-flip test,
differences are symmetric around 0.

A failed run ranks last. The tests, `improvement` and the verdict count a failed run as a loss as large as the largest
difference among the pairs (worst-rank scores, Lachin, "Worst-rank score analysis with informatively missing
observations in clinical trials", Controlled Clinical Trials 20:408-422, 1999). Seeds where both runs failed are left
out.

Steps to target are cut off at the number of steps of the shortest run. Without this cut-off, if two runs never reach
the target, the run that was trained for fewer steps would seem to be faster.
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

# Fewer than `_FEW` differences that are equal up to the relative tolerance `_SAME` give no estimate of variance.
_FEW, _SAME = 4, 1e-9
# The columns of a table of differences that follow the column of variants or levels.
COLUMNS = (
    *("pairs", "failed", "reference_failed", "difference", "low", "high"),
    *("p", "p_holm", "t_p_holm", "improvement", "verdict", "more_seeds"),
)


@dataclass(frozen=True)
class _Pairs:
    """Differences between one variant or level and the reference, with the numbers of seeds where runs failed.

    `differences` has the shape (pairs,). The other fields are defined in `standing.Evidence`.
    """

    differences: Floats
    failed: int
    reference_failed: int
    unreached: int

    @classmethod
    def of(cls, values: Floats, reference: Floats, horizon: float) -> Self:
        """Returns the pairs of one variant or level and the reference, given the values of both by seed.

        NaN marks a failed run, and a value of at least `horizon` marks a run that missed the target.
        """
        known, reference_known = ~np.isnan(values), ~np.isnan(reference)
        both = known & reference_known
        return cls(
            values[both] - reference[both],
            int((reference_known & ~known).sum()),
            int((known & ~reference_known).sum()),
            int(np.sum((values >= horizon) & (reference >= horizon))),
        )

    def scored(self, sign: int) -> Floats:
        """Returns the differences, positive where the variant or level is better than the reference.

        The result has one value for each seed in which at least one of the two runs finished. If only the reference's
        run finished, the value is a loss as large as the largest difference. If only the reference's run failed, the
        value is a win as large as the largest difference.
        """
        largest = np.abs(self.differences).max() if len(self.differences) else 1.0
        losses, wins = np.full(self.failed, -largest), np.full(self.reference_failed, largest)
        return np.concatenate((sign * self.differences, losses, wins))

    def interval(self) -> tuple[Floats, Floats]:
        """Returns the ends of the interval of the mean difference.

        The ends are NaN if there are fewer than `_FEW` differences and all have the same nonzero value. Differences of
        accuracies on a few hundred samples are often equal by chance. An interval of width 0 around a few equal
        differences would claim a certainty that a few seeds cannot give. If all differences are 0, an interval of width
        0 is correct, because the two variants compute the same values.
        """
        is_few = 0 < len(self.differences) < _FEW and bool(np.any(self.differences))
        if is_few and np.ptp(self.differences) <= _SAME * np.abs(self.differences).max():
            return np.array(np.nan), np.array(np.nan)
        return paired.mean_interval(self.differences)


def variant_differences(
    runs: pd.DataFrame, metric: str, reference: str, margin: Margin, *, is_chosen: bool = False
) -> pd.DataFrame:
    """Returns the table of differences between all variants and a reference variant.

    `is_chosen` means that the reference was chosen because it is the best variant (see `difference_table`).
    """
    ran = runs.assign(ran=True).pivot(index="seed", columns=VARIANT, values="ran").notna()
    ran = ran[runs[VARIANT].drop_duplicates()]
    column = METRICS[metric].report_column
    values = counted(runs, metric).pivot(index="seed", columns=VARIANT, values=column).reindex_like(ran)
    horizon = _horizon(runs, metric)
    return difference_table(values, ran, reference, metric, margin, is_chosen=is_chosen, horizon=horizon)


def level_differences(
    runs: pd.DataFrame, metric: str, factor: str, factors: tuple[str, ...], reference: str, margin: Margin
) -> pd.DataFrame:
    """Returns the main effects of a factor: the differences between its levels and a reference level.

    Within each seed, the value of a level is the mean over the backgrounds (levels of all other factors) that all
    levels of the factor share.
    """
    known = balanced_for(runs, metric, factor, [other for other in factors if other != factor])
    levels = levels_of(known, factor)
    if reference not in levels:
        levels = (reference, *levels)
    values = known.groupby(["seed", factor])[METRICS[metric].report_column].mean().unstack(factor)
    values = values.reindex(columns=pd.Index(levels, name=factor))
    return difference_table(values, values.notna(), reference, metric, margin, horizon=_horizon(runs, metric))


def _horizon(runs: pd.DataFrame, metric: str) -> float:
    """Returns the value from which a run counts as having missed the target.

    For steps to target, this value is the number of steps of the shortest run. For any other metric, it is infinity.
    """
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
    """Returns the table of differences between all columns of `values` and the column `reference`.

    `values` has one row per seed and one column per variant or level, and holds NaN where a run failed or does not
    exist. A value of at least `horizon` belongs to a run that missed the target. `ran` has the shape of `values` and
    tells which runs exist. `is_chosen` says that the reference was chosen because it is the best column; p is then
    adjusted for the comparisons of all pairs of columns. If p were adjusted only for the comparisons with the
    reference, the best of several equal variants would too often seem to be significantly better than the worst.
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
    p = np.where(is_other, paired.sign_flip_ps(scored), np.nan)
    t = np.where(is_other, [paired.t_p(differences) for differences in scored], np.nan)
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
