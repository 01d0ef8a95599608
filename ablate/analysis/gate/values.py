"""The values of baseline and candidate by seed, variant and metric, prepared for the statistical test of a gate."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.arrays import Floats
from ablate.analysis.gate.match import Match
from ablate.analysis.gate.statistics import Questions, flips_suffice
from ablate.analysis.gate.verdict import EVERY
from ablate.analysis.metrics import Metric
from ablate.analysis.paired import mean_over_seeds


@dataclass(frozen=True)
class Seeds:
    """The seeds of baseline and candidate that a gate compares, in ascending order.

    If `paired` is true, baseline and candidate have the same seeds and are compared seed by seed.
    """

    baseline: tuple[int, ...]
    candidate: tuple[int, ...]
    paired: bool

    @classmethod
    def of(cls, matched: Match, alpha: float) -> "Seeds":
        """Returns the seeds to compare: the common seeds if they suffice for a paired comparison, else all seeds.

        The common seeds suffice if there are enough for a test by flips (`gate.statistics`), or if they are more than
        half of the seeds of the side with fewer seeds.
        """
        sides = (matched.baseline, matched.candidate)
        old, new = (set(runs["seed"][runs["variant"].isin(matched.common)].tolist()) for runs in sides)
        both = tuple(sorted(old & new))
        if both and (flips_suffice(len(both), alpha) or 2 * len(both) > min(len(old), len(new))):
            return cls(both, both, True)
        return cls(tuple(sorted(old)), tuple(sorted(new)), False)


@dataclass(frozen=True)
class Values:
    """The values from which a gate judges a candidate.

    Attributes:
        variants: Names of the variants. If there are at least two, the last entry is `all variants`, which stands for
            the mean over all variants.
        metrics: Metrics that the gate judges.
        signs: Array of shape (metrics,) with 1 for a metric where more is worse and -1 where more is better.
        questions: Values of the baseline and the candidate multiplied by `signs`, so that a larger value is worse.
    """

    variants: tuple[str, ...]
    metrics: tuple[Metric, ...]
    signs: Floats
    questions: Questions

    @classmethod
    def of(cls, matched: Match, metrics: Sequence[Metric], seeds: Seeds) -> "Values":
        """Returns the values of the finished runs of both sides. A NaN or infinite value counts as missing."""
        columns, common = [metric.gate_column for metric in metrics], matched.common
        old, new = (
            np.stack([_by_seed(runs, column, common, used) for column in columns], axis=-1)
            for runs, used in ((matched.baseline, seeds.baseline), (matched.candidate, seeds.candidate))
        )
        # The mean over variants leaves out variants of which one side has no values, and then seeds in which one of
        # the remaining variants has no value.
        known = np.asarray(~np.isnan(old).all(0) & ~np.isnan(new).all(0))
        variants = matched.common
        if len(variants) > 1:
            variants = (*variants, EVERY)
            old, new = (np.concatenate([side, _over_variants(side, known)], axis=1) for side in (old, new))
        means = [(mean_over_seeds(old[..., m]), mean_over_seeds(new[..., m])) for m in range(len(metrics))]
        margins = [metric.gate_limit(*pair) for metric, pair in zip(metrics, means, strict=True)]
        signs = np.array([-metric.sign for metric in metrics], dtype=np.float64)
        questions = Questions(old * signs, new * signs, np.stack(margins, axis=-1), seeds.paired)
        return cls(variants, tuple(metrics), signs, questions)


def _by_seed(runs: pd.DataFrame, column: str, variants: tuple[str, ...], seeds: tuple[int, ...]) -> Floats:
    table = runs[runs["finished"]].pivot(index="seed", columns="variant", values=column)
    values = table.reindex(index=list(seeds), columns=list(variants)).to_numpy(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _over_variants(side: Floats, known: NDArray[np.bool_]) -> Floats:
    """Returns the mean over the variants for which `known` is true. Shape: (seeds, 1, metrics).

    `known` has the shape (variants, metrics). The mean of a metric is NaN if `known` is true for fewer than two
    variants.
    """
    count = known.sum(0)
    mean = np.where(known, side, 0.0).sum(1, keepdims=True) / np.maximum(count, 1)
    return np.where(count > 1, mean, np.nan)


def unsound_values(runs: pd.DataFrame, metrics: Sequence[Metric]) -> Counter[tuple[str, str]]:
    """Returns the number of finished runs with a NaN or infinite value, by variant and name of the metric."""
    finished = runs[runs["finished"]]
    return Counter(
        (variant, metric.name)
        for metric in metrics
        for variant in finished["variant"][~np.isfinite(finished[metric.gate_column].to_numpy(np.float64))]
    )
