"""Statistics of the differences between two variants, paired by seed."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ablate.analysis.arrays import Floats
from ablate.experiment.seeding import derive

CONFIDENCE = 0.95
# For up to `EXACT_SEEDS` seeds, `sign_flip_p` counts all sign patterns; for more seeds, it draws `DRAWN_PATTERNS` of
# them at random.
EXACT_SEEDS = 20
DRAWN_PATTERNS = 19_999

# Sums count as equal if they differ by at most this share of the largest possible sum.
_ROUNDING = 1e-10
_BLOCK_ELEMENTS = (
    1 << 20
)  # elements of the random sign patterns, and of their sums, that are in memory at once


def mean_over_seeds(values: Floats) -> Floats:
    """Returns the mean over the first axis, ignoring NaN. The mean is NaN if all values are NaN."""
    n = count_over_seeds(values)
    return np.where(n > 0, np.nansum(values, axis=0) / np.maximum(n, 1), np.nan)


def variance_over_seeds(values: Floats) -> Floats:
    """Returns the sample variance over the first axis, ignoring NaN. The variance of fewer than two values is NaN."""
    n = count_over_seeds(values)
    squares = np.nansum((values - mean_over_seeds(values)) ** 2, axis=0)
    return np.where(n > 1, squares / np.maximum(n - 1, 1), np.nan)


def count_over_seeds(values: Floats) -> NDArray[np.int64]:
    """Returns the number of non-NaN values along the first axis."""
    return np.asarray((~np.isnan(values)).sum(axis=0))


def mean_interval(values: Floats, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Returns the ends of Student's t interval for the mean over the first axis, NaN for fewer than two values.

    `values` has the shape (seeds, ...), and its values are assumed to be normally distributed. NaN values are ignored.
    """
    n, mean = count_over_seeds(values), mean_over_seeds(values)
    half = student_half_width(n, confidence) * np.sqrt(variance_over_seeds(values) / np.maximum(n, 1))
    return mean - half, mean + half


def student_half_width(n: NDArray[np.int64], confidence: float = CONFIDENCE) -> Floats:
    """Returns the half-width of Student's t interval for the mean of n values, in standard errors; NaN if n < 2."""
    half = special.stdtrit(np.maximum(n - 1, 1), (1 + confidence) / 2)
    return np.asarray(np.where(n < 2, np.nan, half))


def sign_flip_p(differences: Floats) -> float:
    """Returns the two-sided p of the sign-flip test.

    The null hypothesis is that the differences are symmetric around zero. A sign pattern multiplies each difference by
    +1 or -1. p is the share of all sign patterns for which the sum of the multiplied differences is at least as far
    from zero as the observed sum. For more than `EXACT_SEEDS` differences, p is the share among `DRAWN_PATTERNS` random
    sign patterns and the observed pattern (Phipson and Smyth, "Permutation P-values should never be zero", Statistical
    Applications in Genetics and Molecular Biology 9(1), 2010). `differences` has the shape (pairs,) and holds no NaN.
    If `differences` is empty, p is NaN.
    """
    return float(sign_flip_ps([differences])[0])


def sign_flip_ps(samples: Sequence[Floats]) -> Floats:
    """Returns p of the sign-flip test (`sign_flip_p`) of each sample of differences, shape (samples,).

    Random sign patterns are drawn once for all samples of the same size.
    """
    p = np.array([_counted_p(differences) for differences in samples], np.float64)
    sizes = np.array([len(differences) for differences in samples], np.int64)
    for size in np.unique(sizes[np.isnan(p) & (sizes > 0)]):
        chosen = np.flatnonzero(np.isnan(p) & (sizes == size))
        p[chosen] = _drawn_p(np.array([samples[index] for index in chosen.tolist()]))
    return p


def smallest_p(pairs: int | NDArray[np.int64]) -> Floats:
    """Returns the smallest p that `sign_flip_p` can return for a number of pairs, for example 0.0625 for 5 pairs."""
    return np.maximum(2.0 ** (1 - np.asarray(pairs)), 1 / (1 + DRAWN_PATTERNS))


def t_p(differences: Floats) -> float:
    """Returns the two-sided p of the paired t-test.

    The p is NaN for fewer than three differences, or if all differences are equal.
    """
    if len(differences) < 3 or np.ptp(differences) <= _ROUNDING * np.abs(differences).max():
        return float("nan")
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return float(2 * special.stdtr(len(differences) - 1, -abs(differences.mean()) / error))


def holm(p: Floats, family: int | None = None) -> Floats:
    """Returns p values adjusted for multiple testing by Holm's method, shape (tests,).

    `family` is the number of tests for which p is adjusted, by default the number of p values in `p`. A NaN in `p`
    stays NaN and is not counted as a test. Source: Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6:65-70, 1979.
    """
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: int(np.sum(~np.isnan(p)))]
    times = (len(order) if family is None else family) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(times * p[order]), 1.0)
    return adjusted


def improvement(differences: Floats) -> float:
    """Returns the probability that a run beats the reference's run of the same seed, where a tie counts half.

    Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021, define the
    same probability for runs that are not paired. `differences` has the shape (pairs,) and is positive where the run is
    better than the reference's run. If `differences` is empty, the result is NaN.
    """
    return float((1 + np.sign(differences).mean()) / 2) if len(differences) else float("nan")


def _least(differences: Floats) -> Floats:
    """Returns the smallest distance of a signed sum from zero that counts as at least the observed distance.

    `differences` has the shape (..., pairs).
    """
    return np.asarray(abs(differences.sum(axis=-1)) - _ROUNDING * np.abs(differences).sum(axis=-1))


def _counted_p(differences: Floats) -> float:
    """Returns p of the sign-flip test, or NaN if random sign patterns are needed or there are no differences."""
    if not len(differences):
        return float("nan")
    least = float(_least(differences))
    if least <= 0:
        return 1.0
    if len(differences) > EXACT_SEEDS:
        return float("nan")
    return float(2 * _sums_of_at_least(least, differences) / 2 ** len(differences))


def _drawn_p(differences: Floats) -> Floats:
    """Returns p from random sign patterns for differences of shape (samples, pairs)."""
    least, reached = _least(differences), np.ones(len(differences))
    for signs in _drawn_signs(differences.shape[1], _BLOCK_ELEMENTS // max(differences.shape)):
        reached += np.sum(np.abs(signs @ differences.T) >= least, axis=0)
    return reached / (1 + DRAWN_PATTERNS)


def _sums_of_at_least(least: float, numbers: Floats) -> int:
    """Returns the number of sign patterns for which the signed sum of the numbers is at least `least`.

    Each signed sum is a signed sum of the first half of the numbers plus a signed sum of the second half, so for 20
    numbers 2 ** 10 searches suffice to count 2 ** 20 sums.
    """
    half = len(numbers) // 2
    first, second = _signed_sums(numbers[:half]), np.sort(_signed_sums(numbers[half:]))
    return int(np.sum(len(second) - np.searchsorted(second, least - first)))


def _signed_sums(numbers: Floats) -> Floats:
    sums = np.zeros(1)
    for number in numbers:
        sums = np.concatenate((sums - number, sums + number))
    return sums


def _drawn_signs(count: int, rows: int) -> Iterator[Floats]:
    """Yields `DRAWN_PATTERNS` random sign patterns in blocks of about `rows` patterns, shape (patterns, count).

    The patterns do not depend on `rows`.
    """
    generator = np.random.default_rng(derive(0, "bootstrap", "sign-flip", count))
    # The generator draws four numbers of 8 bits at once and drops those that are left at the end of a call.
    rows = max(rows // 4 * 4, 4)
    for start in range(0, DRAWN_PATTERNS, rows):
        shape = min(rows, DRAWN_PATTERNS - start), count
        yield np.asarray(2 * generator.integers(0, 2, shape, dtype=np.int8) - 1, np.float64)
