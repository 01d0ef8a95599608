"""The statistical test of a gate: one exact test over all variants and metrics at once.

A gate asks one question for each variant and metric: has the candidate become worse? The seeds are few: no exact
one-sided test of 6 paired seeds has a p below 1/64. With a separate test for each question and a Bonferroni or Holm
correction, a gate could therefore never fail. Instead, one permutation test answers all questions together by their
largest test statistic (Westfall and Young, "Resampling-Based Multiple Testing", 1993). If nothing has changed, the
candidate's result and the baseline's result of the same seed are exchangeable. The test therefore compares the observed
results with rearrangements, which are called flips. A flip exchanges candidate and baseline in some seeds: it reverses
the signs of all differences of these seeds and keeps all correlations between variants and metrics. With n seeds, there
are 2^n flips. The p of a question is the share of flips for which the largest statistic of all questions is at least
the observed statistic of this question. If nothing has changed, the probability that any question has a p of at most
alpha is therefore at most alpha, for any distribution of the results.

The test uses deals instead of flips in two cases: baseline and candidate have different seeds, or the seeds are too few
for flips (2 / 2^n > alpha: fewer than 6 seeds for alpha = 0.05). A deal assigns whole seeds to baseline and candidate,
and the test compares the observed deal with all other possible deals. If baseline and candidate have the same seeds, a
test by deals ignores the pairing by seed and is conservative. With deals, a p of 0.05 needs at least 3 seeds on each
side, which allow 20 deals.

One rearrangement is the mirror image of the observed results, in which all signs are reversed (flips) or baseline and
candidate are swapped (deals). If one question shows a great improvement, its mirror image is a great loss. For every
other question, the observed results and their mirror image then both count, and p is at least 2 / 2^n with flips and
2 / 20 with deals of 3 seeds on each side. For this reason, flips are used only if 2 / 2^n is at most alpha. With deals
of 3 seeds on each side, a great improvement in one question can hide a loss in another question. With deals of at least
4 seeds on each side, p can be 2 / 70 or less, so the loss can still be found at alpha = 0.05.

The test statistic is the mean loss (by how much the candidate is worse) divided by its standard error, with two changes
that keep the test exact and increase its power with few seeds. First, the variance of a variant is averaged with the
median variance of all variants in the same metric (shrinkage, as in Smyth, "Linear models and empirical Bayes methods",
2004). Second, a mean loss below the margin counts as 0, because such a loss is no regression. The mean over all
variants is tested as a further question, because this mean is the first to show a small loss that all variants share.
The test is one-sided and asks whether the candidate is worse. To test whether the candidate is better, all differences
are negated.

The script tests/benchmarks/gate_calibration.py measures the power of the test (12 variants on the dataset digits, 6
seeds on each side).
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

# If more than `REARRANGEMENTS` flips or deals are possible, that many are drawn at random; otherwise all are used.
REARRANGEMENTS = 2048
_CHUNK = 128
# Numbers count as equal if they differ by at most this share of their size.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Questions:
    """Results of baseline and candidate, each of shape (seeds, variants, metrics). A larger value is worse.

    NaN marks a missing value. Margins have the shape (variants, metrics). If `paired` is true, row i of `baseline` and
    row i of `candidate` have the same seed.
    """

    baseline: Floats
    candidate: Floats
    margins: Floats
    paired: bool

    def by_flips(self, alpha: float) -> bool:
        """Returns whether the test uses flips, which need enough paired seeds, instead of deals."""
        return self.paired and flips_suffice(len(self.baseline), alpha)

    def least_p(self, alpha: float) -> float:
        """Returns the smallest p that the test can give with this number of seeds."""
        n, m = len(self.baseline), len(self.candidate)
        return 2.0**-n if self.by_flips(alpha) else 1 / math.comb(n + m, n)


def flips_suffice(pairs: int, alpha: float) -> bool:
    """Returns whether a test by flips of this many paired seeds can give a p of at most alpha.

    If another question shows a great improvement, p counts two flips: the observed signs and their mirror image.
    """
    return bool(2 * 2.0**-pairs <= alpha)


@dataclass(frozen=True)
class Answers:
    """The results of the test, all arrays of shape (variants, metrics).

    `loss` is the mean of candidate minus baseline. `low` and `high` are the ends of the interval of the loss, by
    Student's method for paired seeds and otherwise by Welch's method. Loss and interval are NaN where baseline or
    candidate has no value. `p_worse` and `p_better` are the p values of a loss and of a gain, adjusted for all
    questions together. If the absolute loss is below the margin, `p_worse` and `p_better` are 1.
    """

    loss: Floats
    low: Floats
    high: Floats
    p_worse: Floats
    p_better: Floats


def answer(questions: Questions, alpha: float) -> Answers:
    """Returns the mean loss of each variant and metric, with its interval and its family-wise p values.

    `questions` has at least one seed per side, one variant and one metric. `alpha` decides only whether the test uses
    flips or deals; the caller compares the p values with `alpha`.
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
    """Returns the test statistics of paired differences for each flip, shape (flips, variants, metrics)."""
    known = ~np.isnan(rows)
    filled = np.where(known, rows, 0.0)
    sums = np.einsum("fs,svm->fvm", arrangements, filled)
    n = np.broadcast_to(known.sum(0), sums.shape)
    mean = sums / np.maximum(n, 1)
    variance = ((filled**2).sum(0) - n * mean**2) / np.maximum(n - 1, 1)
    return _statistics(mean, variance, n, n > 1, margins)


def _of_deals(rows: Floats, arrangements: Floats, margins: Floats) -> Floats:
    """Returns the test statistics for each deal, an assignment of seeds to the candidate (1) or the baseline (0)."""
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
    """Returns mean losses divided by their standard errors, or 0 where the mean loss is smaller than the margin.

    Shape: (arrangements, variants, metrics).
    """
    variance = np.where(usable, np.maximum(variance, 0.0), np.nan)
    typical = np.nanmedian(np.where(usable.any(1, keepdims=True), variance, 0.0), axis=1, keepdims=True)
    variance = np.where(usable, variance, 0.0)
    # The terms after the square root keep the statistic finite if the variance is 0.
    error = np.sqrt((variance + typical) / 2 / np.maximum(n, 1)) + ROUNDING * margins + 1e-300
    matters = usable & (np.abs(mean) >= margins * (1 - ROUNDING))
    return np.where(matters, mean / error, 0.0)


def _signs(n: int) -> Floats:
    """Returns the flips of n paired differences as signs +1 and -1, shape (flips, n). The first flip is all +1."""
    if 2**n <= REARRANGEMENTS:
        return np.array(list(itertools.product((1.0, -1.0), repeat=n)))
    generator = np.random.default_rng(derive(0, "bootstrap", "flips", n))
    drawn = generator.integers(0, 2, (REARRANGEMENTS - 1, n)) * 2.0 - 1
    return np.concatenate([np.ones((1, n)), drawn])


def _deals(rows: Floats, baseline_seeds: int) -> Floats:
    """Returns assignments of all seeds to the candidate (1) or the baseline (0), with the observed assignment first.

    The result has the shape (deals, seeds). Random assignments do not depend on which rows belong to the baseline, so
    that they are swapped as well if baseline and candidate are swapped.
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
    """Returns the ends of Welch's 95 % interval for the difference of two means, NaN if either side has one seed."""
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
