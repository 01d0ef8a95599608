"""Differences from a reference, paired by seed: of variants, and of the levels of a factor in the same backgrounds.

A table of differences has one row a variant or level, in the order given, with `pairs` (seeds where both
finished), `failed` (seeds where only the reference finished), `reference_failed` (seeds where only the other
did), `difference` (mean over the pairs, in the metric's unit), `low` and `high` (its 95 % interval), `p` (of the
sign-flip test), `p_holm` (adjusted for all rows), `t_p_holm` (of the t-test, the same), `improvement`
(probability of it), `verdict` and `more_seeds` (about how many would tell). Interval and t-test take differences to
be normal, the sign-flip test takes them to be symmetric around 0 where there is none on average.

A failed run ranks last: in tests, probability and verdict its pair is a loss as large as the largest difference
among the pairs (worst-rank scores, Lachin, "Worst-rank score analysis with informatively missing observations in
clinical trials", Controlled Clinical Trials 20:408-422, 1999). Seeds where both failed tell nothing.

Steps to target are compared within the fewest steps that any of the runs was trained for, since of two runs that
never reach it the one trained for less would seem to be faster.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ablate.analysis.arrays import Floats
from ablate.analysis.margin import Margin
from ablate.analysis.metrics import METRICS, STEPS_TO_TARGET, VARIANT
from ablate.analysis.paired import holm, improvement, mean_interval, sign_flip_p, t_p
from ablate.analysis.standing import Evidence, Standing, judge, more_seeds
from ablate.analysis.summary import balanced
from ablate.analysis.variants import levels_of

# Fewer differences than this that are all the same, up to rounding, say nothing of their spread.
_FEW, _SAME = 4, 1e-9


@dataclass(frozen=True)
class _Pairs:
    """Differences of one row from the reference, shape (pairs,), and the seeds where one of both failed."""

    differences: Floats
    failed: int
    reference_failed: int

    def scored(self, sign: int) -> Floats:
        """Returns the differences, positive where better, failed runs as losses, shape (pairs + unmatched,)."""
        largest = np.abs(self.differences).max() if len(self.differences) else 1.0
        losses, wins = np.full(self.failed, -largest), np.full(self.reference_failed, largest)
        return np.concatenate((sign * self.differences, losses, wins))


def variant_differences(
    runs: pd.DataFrame, metric: str, reference: str, margin: Margin, *, is_chosen: bool = False
) -> pd.DataFrame:
    """Returns the differences of all variants from the reference.

    Args:
        runs: Named and scored runs.
        metric: What to compare.
        reference: A variant.
        margin: Differences up to it do not matter.
        is_chosen: Whether the reference was chosen by these very values, as the best of them.
    """
    runs = runs.assign(value=runs[METRICS[metric].report_column])
    if metric != STEPS_TO_TARGET:
        runs["value"] = runs["value"].where(runs["finished"])
    names = runs[VARIANT].drop_duplicates()
    values = runs.pivot(index="seed", columns=VARIANT, values="value")[names]
    ran = runs.assign(ran=True).pivot(index="seed", columns=VARIANT, values="ran")[names].notna()
    return compare(
        values, ran, reference, metric, margin, is_chosen=is_chosen, horizon=_horizon(runs, metric)
    )


def level_differences(
    runs: pd.DataFrame, metric: str, factor: str, factors: tuple[str, ...], reference: str, margin: Margin
) -> pd.DataFrame:
    """Returns the main effects of a factor: differences of its levels from the reference level.

    Within a seed each level is averaged over the backgrounds all levels have in common.

    Args:
        runs: Named and scored runs.
        metric: What to compare.
        factor: Whose levels to compare.
        factors: All that are varied.
        reference: A level.
        margin: Differences up to it do not matter.
    """
    values = level_values(runs, metric, factor, factors)
    if reference not in values:
        values = values.reindex(columns=[reference, *values.columns])
    return compare(values, values.notna(), reference, metric, margin, horizon=_horizon(runs, metric))


def _horizon(runs: pd.DataFrame, metric: str) -> float:
    """Returns the steps that stand for "not reached", infinity for other metrics."""
    return float(runs["steps"].min()) if metric == STEPS_TO_TARGET else float("inf")


def level_values(runs: pd.DataFrame, metric: str, factor: str, factors: tuple[str, ...]) -> pd.DataFrame:
    """Returns a metric by seed (rows) and level (columns), averaged over the backgrounds all levels share."""
    background = [other for other in factors if other != factor]
    held = balanced(runs, factor, background)
    if metric != STEPS_TO_TARGET:
        held = balanced(held[held["finished"]], factor, background)
    values = held.groupby(["seed", factor])[METRICS[metric].report_column].mean().unstack(factor)
    return values[list(levels_of(held, factor))]


def compare(
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

    Args:
        values: A metric by seed (rows), NaN where a run failed or was not made.
        ran: Which runs were made, same shape.
        reference: A column.
        metric: What the values are.
        margin: Differences up to it do not matter.
        is_chosen: Whether the reference is the best of these values. What differs from it is then one of all pairs
            of columns that might have been looked at, and adjusted for all of them: of equal variants the luckiest
            beats the unluckiest far more often than one of them beats another.
        horizon: Values from here on are censored.
    """
    sign = METRICS[metric].sign
    limit = margin.absolute(float(values[reference].mean()))
    both_ran = ran.to_numpy() & ran[[reference]].to_numpy()
    numbers, base = values.to_numpy(np.float64), values[reference].to_numpy(np.float64)
    found = [_pairs(column[both], base[both]) for column, both in zip(numbers.T, both_ran.T, strict=True)]
    scored = [each.scored(sign) for each in found]
    others = np.array([name != reference for name in values.columns])
    p = np.where(others, [sign_flip_p(each) for each in scored], np.nan)
    family = max(int(others.sum()), 1)
    if is_chosen:
        family = family * (family + 1) // 2
    exact = holm(p, family if is_chosen else None)
    parametric = holm(np.where(others, [t_p(each) for each in scored], np.nan), family if is_chosen else None)
    low, high = (
        np.array(ends, dtype=np.float64)
        for ends in zip(*(_interval(each.differences) for each in found), strict=True)
    )
    rows: list[dict[Hashable, Any]] = []
    for place, (name, pairs, each) in enumerate(zip(values.columns, found, scored, strict=True)):
        evidence = Evidence(
            len(pairs.differences),
            pairs.failed,
            pairs.reference_failed,
            int(np.sum((numbers[:, place] >= horizon) & (base >= horizon) & both_ran[:, place])),
            float(each.mean()) if len(each) else float("nan"),
            float(each.std(ddof=1)) if len(each) > 1 else float("nan"),
            float(low[place]),
            float(high[place]),
            float(exact[place]),
            float(parametric[place]),
            family,
            limit,
        )
        row = {values.columns.name: name}
        rows.append(row | _row(pairs, each, p[place], evidence, is_reference=name == reference))
    columns = {column: [row[column] for row in rows] for column in rows[0]}
    return pd.DataFrame(columns | {"more_seeds": pd.array(columns["more_seeds"], dtype="Int64")})


def _interval(differences: Floats) -> tuple[Floats, Floats]:
    """Returns the interval of the mean, NaN if a few differences are all the same, but not 0.

    Shares of a few hundred answers often are by chance, and an interval without width would hold the mean in three
    of four cases with two seeds. That all are 0 is what variants look like that compute the same.
    """
    is_few = 0 < len(differences) < _FEW and bool(np.any(differences))
    if is_few and np.ptp(differences) <= _SAME * np.abs(differences).max():
        return np.array(np.nan), np.array(np.nan)
    return mean_interval(differences)


def _pairs(values: Floats, reference: Floats) -> _Pairs:
    known, base_known = ~np.isnan(values), ~np.isnan(reference)
    both = known & base_known
    return _Pairs(
        values[both] - reference[both], int((base_known & ~known).sum()), int((known & ~base_known).sum())
    )


def _row(
    pairs: _Pairs, scored: Floats, p: float, evidence: Evidence, *, is_reference: bool
) -> dict[Hashable, Any]:
    verdict = Standing.REFERENCE if is_reference else judge(evidence)
    return {
        "pairs": evidence.pairs,
        "failed": pairs.failed,
        "reference_failed": pairs.reference_failed,
        "difference": float(pairs.differences.mean()) if evidence.pairs else float("nan"),
        "low": evidence.low,
        "high": evidence.high,
        "p": p,
        "p_holm": evidence.p_holm,
        "t_p_holm": evidence.t_p_holm,
        "improvement": float("nan") if is_reference else improvement(scored),
        "verdict": verdict,
        "more_seeds": more_seeds(evidence) if verdict is Standing.TOO_FEW else None,
    }
