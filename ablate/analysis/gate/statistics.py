"""The statistical test of a gate: one exact test over all variants and metrics at once.

A gate asks many questions, one per variant and metric, with few seeds. No exact test of 6 paired seeds has a p below
1/64, so with one test per question and a Bonferroni or Holm correction a gate could never fail. All questions are
tested together by their largest statistic (Westfall and Young, "Resampling-Based Multiple Testing", 1993). If nothing
has changed, the two results of a seed are exchangeable. A flip reverses the signs of all differences of some seeds,
which keeps all correlations. The p of a question is the share of all 2^n flips whose largest statistic is at least its
own. The probability of any p <= alpha is then at most alpha, for any distribution.

If the sides have different seeds, or too few for flips (2 / 2^n > alpha: fewer than 6 at 0.05), deals assign whole
seeds to the sides in all ways. For equal seeds this ignores the pairing and is conservative. A p of 0.05 takes 3 seeds
a side (1/20). Flips have to reach alpha / 2: in the mirror image of the observed arrangement, a great improvement
counts as a loss. This image can hide a loss with 3 dealt seeds a side (2/20), but not with 4 or more (2/70).

The statistic is the mean loss (by how much the candidate is worse) divided by its standard error, with two changes that
keep the test exact and give it power with few seeds. The variance of a variant is averaged with the median variance of
all variants in the same metric (shrinkage, as in Smyth, "Linear models and empirical Bayes methods", 2004). A mean loss
below the margin counts as 0, because it is no regression. The mean over all variants is a further question, because it
shows a small loss of every variant first. The test is one-sided: is the
candidate worse? To ask whether it is better, the differences are negated first.

Measured power: see tests/benchmarks/gate_calibration.py (12 variants of digits, 6 seeds a side).
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ablate.analysis.arrays import Floats
from ablate.analysis.paired import (
    CONFIDENCE,
    count_over_seeds,
    mean_interval,
    mean_over_seeds,
    variance_over_seeds,
)
from ablate.experiment.seeding import derive

# All rearrangements are used if there are at most this many; otherwise this many are drawn at random.
REARRANGEMENTS = 2048
_CHUNK = 128
# Numbers are equal up to rounding if they differ by at most this share.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Questions:
    """Results of both sides, shape (seeds of the side, variants, metrics), with signs such that more is worse.

    NaN marks a missing value. Margins have the shape (variants, metrics). If `paired`, row i is one seed on both sides.
    """

    baseline: Floats
    candidate: Floats
    margins: Floats
    paired: bool

    def by_flips(self, alpha: float) -> bool:
        """Returns whether the test flips signs, which requires paired seeds and enough of them."""
        return self.paired and flips_suffice(len(self.baseline), alpha)

    def least_p(self, alpha: float) -> float:
        """Returns the smallest p that this number of seeds can give."""
        n, m = len(self.baseline), len(self.candidate)
        return 2.0**-n if self.by_flips(alpha) else 1 / math.comb(n + m, n)


def flips_suffice(pairs: int, alpha: float) -> bool:
    """Returns whether flips of this many pairs can give a p of alpha despite a great improvement elsewhere."""
    return bool(2 * 2.0**-pairs <= alpha)


@dataclass(frozen=True)
class Answers:
    """The results of the test, all of shape (variants, metrics). Loss and interval are NaN where a side has no value.

    `loss` is the mean of candidate minus baseline. Its interval is Student's if paired, otherwise Welch's. `p_worse`
    and `p_better` are p of a loss and of a gain, over all questions together, and 1 if the mean is below the margin.
    """

    loss: Floats
    low: Floats
    high: Floats
    p_worse: Floats
    p_better: Floats


def answer(questions: Questions, alpha: float) -> Answers:
    """Returns mean losses with their intervals and family-wise p values.

    There is at least one seed per side, one variant and one metric. The p values will be compared with `alpha`, which
    also decides whether flips are enough.
    """
    base, cand = questions.baseline, questions.candidate
    if questions.by_flips(alpha):
        statistics, rows, arrangements = _of_flips, cand - base, _signs(len(base))
    else:
        rows = np.concatenate([base, cand])
        rows = rows - mean_over_seeds(rows)  # squares of values far from zero lose precision
        statistics, arrangements = _of_deals, _deals(rows, len(base))
    observed = statistics(rows, arrangements[:1], questions.margins)[0]
    worse, better = np.zeros(observed.shape), np.zeros(observed.shape)
    for start in range(0, len(arrangements), _CHUNK):
        values = statistics(rows, arrangements[start : start + _CHUNK], questions.margins)
        worse += (values.max((1, 2))[:, None, None] >= observed * (1 - ROUNDING)).sum(0)
        better += ((-values).max((1, 2))[:, None, None] >= -observed * (1 - ROUNDING)).sum(0)
    low, high = mean_interval(cand - base) if questions.paired else _welch_interval(base, cand)
    return Answers(
        mean_over_seeds(cand - base) if questions.paired else mean_over_seeds(cand) - mean_over_seeds(base),
        low,
        high,
        np.where(observed > 0, worse / len(arrangements), 1.0),
        np.where(observed < 0, better / len(arrangements), 1.0),
    )


def _of_flips(rows: Floats, arrangements: Floats, margins: Floats) -> Floats:
    """Returns the statistics of the differences by seed for each flip, shape (flips, variants, metrics)."""
    known = ~np.isnan(rows)
    filled = np.where(known, rows, 0.0)
    sums = np.einsum("fs,svm->fvm", arrangements, filled)
    n = np.broadcast_to(known.sum(0), sums.shape)
    mean = sums / np.maximum(n, 1)
    variance = ((filled**2).sum(0) - n * mean**2) / np.maximum(n - 1, 1)
    return _statistics(mean, variance, n, n > 1, margins)


def _of_deals(rows: Floats, arrangements: Floats, margins: Floats) -> Floats:
    """Returns the statistics for each deal of seeds to the candidate (1) or the baseline (0)."""
    known = (~np.isnan(rows)).astype(np.float64)
    filled = np.where(known > 0, rows, 0.0)
    sums, n = np.einsum("fs,svm->fvm", arrangements, filled), np.einsum("fs,svm->fvm", arrangements, known)
    others, m = filled.sum(0) - sums, known.sum(0) - n
    mean, other = sums / np.maximum(n, 1), others / np.maximum(m, 1)
    variance = ((filled**2).sum(0) - n * mean**2 - m * other**2) / np.maximum(n + m - 2, 1)
    effective = 1 / (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1))
    return _statistics(mean - other, variance, effective, (np.minimum(n, m) > 0) & (n + m > 2), margins)


def _statistics(
    mean: Floats, variance: Floats, n: Floats, usable: NDArray[np.bool_], margins: Floats
) -> Floats:
    """Returns mean losses over their standard errors, shape (arrangements, variants, metrics), 0 below the margin."""
    variance = np.where(usable, np.maximum(variance, 0.0), np.nan)
    typical = np.nanmedian(np.where(usable.any(1, keepdims=True), variance, 0.0), axis=1, keepdims=True)
    variance = np.where(usable, variance, 0.0)
    # The terms after the square root keep the statistic finite if the variance is 0.
    error = np.sqrt((variance + typical) / 2 / np.maximum(n, 1)) + ROUNDING * margins + 1e-300
    matters = usable & (np.abs(mean) >= margins * (1 - ROUNDING))
    return np.where(matters, mean / error, 0.0)


def _signs(n: int) -> Floats:
    """Returns the flips as signs, shape (flips, n). The first flip changes nothing."""
    if 2**n <= REARRANGEMENTS:
        return np.array(list(itertools.product((1.0, -1.0), repeat=n)))
    generator = np.random.default_rng(derive(0, "bootstrap", "flips", n))
    drawn = generator.integers(0, 2, (REARRANGEMENTS - 1, n)) * 2.0 - 1
    return np.concatenate([np.ones((1, n)), drawn])


def _deals(rows: Floats, baseline_seeds: int) -> Floats:
    """Returns the deals of seeds to candidate (1) or baseline (0), shape (deals, seeds), with the observed deal first.

    Random deals do not depend on which side a row belongs to, so swapping the sides swaps every deal.
    """
    seeds = len(rows)
    observed = np.r_[np.zeros(baseline_seeds), np.ones(seeds - baseline_seeds)]
    smaller = min(baseline_seeds, seeds - baseline_seeds)
    if math.comb(seeds, smaller) <= REARRANGEMENTS:
        chosen = np.array(list(itertools.combinations(range(seeds), smaller)))
    else:
        order = np.lexsort(np.nan_to_num(rows).reshape(seeds, -1).T)
        generator = np.random.default_rng(derive(0, "bootstrap", "deals", seeds, smaller))
        shuffled = generator.permuted(np.tile(order, (REARRANGEMENTS // 2, 1)), axis=1)
        chosen = shuffled[:, :smaller]
    deals = np.zeros((len(chosen), seeds))
    np.put_along_axis(deals, chosen, 1.0, axis=1)
    if 2 * smaller == seeds:
        deals = np.unique(np.concatenate([deals, 1 - deals]), axis=0)
    elif smaller == baseline_seeds:
        deals = 1 - deals
    others = deals[(deals != observed).any(1)]
    return np.concatenate([observed[None], others])


def _welch_interval(baseline: Floats, candidate: Floats) -> tuple[Floats, Floats]:
    """Returns the ends of Welch's 95 % interval for the difference of two means, NaN if a side has one seed."""
    sides = (baseline, candidate)
    counts = [count_over_seeds(side) for side in sides]
    errors = [variance_over_seeds(side) / np.maximum(n, 1) for side, n in zip(sides, counts, strict=True)]
    freedom = [np.maximum(n - 1, 1) for n in counts]
    total = errors[0] + errors[1]
    spread = errors[0] ** 2 / freedom[0] + errors[1] ** 2 / freedom[1]
    # If neither side varies, the interval has width 0 for any degrees of freedom.
    degrees = np.where(spread > 0, total**2 / np.where(spread > 0, spread, 1), 1.0)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, degrees) * np.sqrt(total)
    mean = mean_over_seeds(candidate) - mean_over_seeds(baseline)
    return mean - half, mean + half
