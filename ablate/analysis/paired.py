"""Paired statistics: what the differences of two variants, seed by seed, say about the difference of their means."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ablate.analysis.arrays import Floats
from ablate.experiment.seeding import derive

CONFIDENCE = 0.95
# Up to this many seeds all patterns of signs are counted; above it some are drawn at random.
EXACT_SEEDS = 20
DRAWN_PATTERNS = 19_999

# Sums that differ by no more than this share of the largest possible sum are equal up to rounding.
_ROUNDING = 1e-10


def mean_over_seeds(values: Floats) -> Floats:
    """Returns the mean over the first axis, NaN left out; NaN where there is no value."""
    n = count_over_seeds(values)
    return np.where(n > 0, np.nansum(values, axis=0) / np.maximum(n, 1), np.nan)


def variance_over_seeds(values: Floats) -> Floats:
    """Returns the sample variance over the first axis, NaN left out; NaN for less than two values."""
    n = count_over_seeds(values)
    squares = np.nansum((values - mean_over_seeds(values)) ** 2, axis=0)
    return np.where(n > 1, squares / np.maximum(n - 1, 1), np.nan)


def count_over_seeds(values: Floats) -> NDArray[np.int64]:
    """Returns the number of values over the first axis that are not NaN."""
    return np.asarray((~np.isnan(values)).sum(axis=0))


def mean_interval(values: Floats, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Returns the ends of Student's interval for the mean over the first axis, NaN for less than two values.

    Values have the shape (seeds, ...) and are taken to be normally distributed; NaN is left out.
    """
    n, mean = count_over_seeds(values), mean_over_seeds(values)
    half = student_half_width(n, confidence) * np.sqrt(variance_over_seeds(values) / np.maximum(n, 1))
    return mean - half, mean + half


def student_half_width(n: NDArray[np.int64], confidence: float = CONFIDENCE) -> Floats:
    """Returns half the width of an interval for the mean of n values in standard errors, NaN for less than two."""
    half = special.stdtrit(np.maximum(n - 1, 1), (1 + confidence) / 2)
    return np.asarray(np.where(n < 2, np.nan, half))


def sign_flip_p(differences: Floats) -> float:
    """Returns the two-sided p of the sign-flip test that paired differences are symmetric around zero.

    It is the share of all patterns of signs whose sum is at least as far from zero as the observed one. Above
    `EXACT_SEEDS` differences it is the share of the drawn patterns and the observed one (Phipson and Smyth,
    "Permutation P-values should never be zero", Statistical Applications in Genetics and Molecular Biology 9(1), 2010).
    Differences have the shape (pairs,), without NaN. If there are none p is NaN.
    """
    if not len(differences):
        return float("nan")
    least = abs(differences.sum()) - _ROUNDING * np.abs(differences).sum()
    if least <= 0:
        return 1.0
    if len(differences) <= EXACT_SEEDS:
        return float(2 * _sums_of_at_least(least, differences) / 2 ** len(differences))
    sums = _drawn_signs(len(differences)) @ differences
    return float((1 + np.sum(np.abs(sums) >= least)) / (1 + DRAWN_PATTERNS))


def smallest_p(pairs: int | NDArray[np.int64]) -> Floats:
    """Returns the smallest p that `sign_flip_p` can give for so many pairs: 0.0625 for 5."""
    return np.maximum(2.0 ** (1 - np.asarray(pairs)), 1 / (1 + DRAWN_PATTERNS))


def t_p(differences: Floats) -> float:
    """Returns the two-sided p of the paired t-test, NaN for less than three differences or if all are equal."""
    if len(differences) < 3 or np.ptp(differences) <= _ROUNDING * np.abs(differences).max():
        return float("nan")
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return float(2 * special.stdtr(len(differences) - 1, -abs(differences.mean()) / error))


def holm(p: Floats, family: int | None = None) -> Floats:
    """Returns p values, shape (tests,), adjusted for the number of tests or, if larger, of those they were chosen from.

    NaN is a test that could not be made: it stays NaN and does not count. Source: Holm, "A simple sequentially
    rejective multiple test procedure", Scandinavian Journal of Statistics 6:65-70, 1979.
    """
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: int(np.sum(~np.isnan(p)))]
    times = (len(order) if family is None else family) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(times * p[order]), 1.0)
    return adjusted


def improvement(differences: Floats) -> float:
    """Returns the probability that a run beats the reference's run of the same seed; a draw counts half.

    It is the paired counterpart of the probability of improvement of Agarwal et al., "Deep reinforcement learning at
    the edge of the statistical precipice", NeurIPS 2021. Differences are positive where the run is better, shape
    (pairs,). If there are none it is NaN.
    """
    return float((1 + np.sign(differences).mean()) / 2) if len(differences) else float("nan")


def _sums_of_at_least(least: float, numbers: Floats) -> int:
    """Returns how many of the sums over all patterns of signs are at least `least`.

    Every sum is one of the first half of the numbers plus one of the second, so 2 ** 10 searches count 2 ** 20 sums.
    """
    half = len(numbers) // 2
    first, second = _signed_sums(numbers[:half]), np.sort(_signed_sums(numbers[half:]))
    return int(np.sum(len(second) - np.searchsorted(second, least - first)))


def _signed_sums(numbers: Floats) -> Floats:
    sums = np.zeros(1)
    for number in numbers:
        sums = np.concatenate((sums - number, sums + number))
    return sums


@lru_cache(maxsize=2)
def _drawn_signs(count: int) -> NDArray[np.float32]:
    generator = np.random.default_rng(derive(0, "bootstrap", "sign-flip", count))
    signs = generator.integers(0, 2, (DRAWN_PATTERNS, count), dtype=np.int8)
    return (2 * signs - 1).astype(np.float32)
