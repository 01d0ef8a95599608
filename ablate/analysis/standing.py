"""The verdict on the difference between a variant and the reference, and the further seeds needed for a verdict.

A table of differences (`analysis.differences`) has the verdict in the column `verdict`.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ablate.analysis.arrays import Floats
from ablate.analysis.paired import smallest_p, student_half_width

# A difference is significant if p of the sign-flip test, adjusted by Holm's method, is at most ALPHA. If the number of
# comparisons is too large or the seeds are too few for the sign-flip test to reach ALPHA, a t-test decides. The t-test
# assumes normally distributed differences, and its p therefore has to be at most STRICT_ALPHA.
ALPHA = 0.05
STRICT_ALPHA = 0.01

MOST_SEEDS = 1000
_FEW_MORE = 50


class Standing(StrEnum):
    """The verdict on a variant or level compared with the reference."""

    REFERENCE = "reference"
    BETTER = "better"
    WORSE = "worse"
    TIED = "tied"
    TOO_FEW = "too few seeds"
    NO_PAIRS = "no pairs"
    FAILED = "failed"
    REFERENCE_FAILED = "reference failed"
    NOT_REACHED = "not reached"


@dataclass(frozen=True)
class Evidence:
    """The data from which the difference between a variant and the reference is judged.

    A positive difference means that the variant is better. `pairs` is the number of seeds in which both runs finished.
    `failed` is the number of seeds in which only the reference's run finished. `reference_failed` is the number of
    seeds in which only the reference's run failed. `unreached` is the number of seeds in which neither run reached the
    target. `mean` and `sd` are those of the differences, with failed runs counted as losses. `low` and `high` are the
    ends of the interval of the mean over the pairs alone. `p_holm` (sign-flip test) and `t_p_holm` (t-test) are
    adjusted for `family`, the number of comparisons made at once.
    """

    pairs: int
    failed: int
    reference_failed: int
    unreached: int
    mean: float
    sd: float
    low: float
    high: float
    p_holm: float
    t_p_holm: float
    family: int
    margin: float

    @property
    def unmatched(self) -> int:
        """Number of seeds where exactly one of the two runs finished."""
        return self.failed + self.reference_failed

    @property
    def seeds(self) -> int:
        """Number of seeds where at least one of the two runs finished."""
        return self.pairs + self.unmatched


def exact_can_tell(pairs: int, family: int) -> bool:
    """Returns whether p of a sign-flip test of `pairs` pairs, adjusted for `family` comparisons, can reach `ALPHA`."""
    return bool(smallest_p(pairs) * family <= ALPHA)


def judge(evidence: Evidence) -> Standing:
    """Returns the verdict on the difference between a variant and the reference.

    If the interval lies within the margin, the verdict is `TIED` even for a significant difference, because such a
    difference is too small to matter. The interval leaves out seeds in which only one of the two runs finished; if
    there are such seeds, the verdict is never `TIED`. The verdict does not depend on a test if all runs of the variant
    failed, all runs of the reference failed, or no run of either reached the target.
    """
    if evidence.seeds == 0:
        return Standing.NO_PAIRS
    if evidence.pairs == 0 and min(evidence.failed, evidence.reference_failed) == 0:
        return Standing.FAILED if evidence.failed else Standing.REFERENCE_FAILED
    if evidence.unreached == evidence.seeds:
        return Standing.NOT_REACHED
    within = -evidence.margin <= evidence.low and evidence.high <= evidence.margin
    if within and not evidence.unmatched:
        return Standing.TIED
    exact = exact_can_tell(evidence.seeds, evidence.family)
    if not (evidence.p_holm <= ALPHA if exact else evidence.t_p_holm <= STRICT_ALPHA):
        return Standing.TOO_FEW
    return Standing.BETTER if evidence.mean > 0 else Standing.WORSE


def more_seeds(evidence: Evidence) -> int | None:
    """Returns the approximate number of further seeds that would give a verdict.

    The estimate assumes that further seeds do not change the mean and the standard deviation of the differences. A
    number of seeds gives a verdict if the t-test, adjusted by Bonferroni's method, reaches the significance that
    `judge` requires, or if the interval lies within the margin. The result is None for fewer than two seeds, or if more
    than `MOST_SEEDS` seeds would be needed.
    """
    have = evidence.seeds
    if have < 2:
        return None
    seeds, half_width, least_p = _prospects()
    first = have - 1  # the index of the smallest number of seeds that is larger than the present one
    # Most verdicts need few further seeds, so the many larger numbers of seeds are tried only if these are not enough.
    for part in (slice(first, first + _FEW_MORE), slice(first + _FEW_MORE, None)):
        enough = np.flatnonzero(_gives_verdict(evidence, seeds[part], half_width[part], least_p[part]))
        if len(enough):
            return int(seeds[part][enough[0]]) - have
    return None


def _gives_verdict(
    evidence: Evidence, seeds: NDArray[np.int64], half_width: Floats, least_p: Floats
) -> NDArray[np.bool_]:
    """Returns whether each number of seeds would give a verdict. The arguments are described at `_prospects`."""
    error = evidence.sd / np.sqrt(seeds)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(seeds - 1, -np.abs(evidence.mean) / error) * evidence.family
    exact = least_p * evidence.family <= ALPHA
    significant = (p <= np.where(exact, ALPHA, STRICT_ALPHA)) & (exact | (error > 0))
    tied = np.abs(evidence.mean) + half_width * error <= evidence.margin
    return np.asarray(significant | tied & (evidence.unmatched == 0))


@lru_cache(maxsize=1)
def _prospects() -> tuple[NDArray[np.int64], Floats, Floats]:
    """Returns three arrays: the numbers of seeds from 2 to `MOST_SEEDS`, half-widths, and p values.

    For each number of seeds, the second array holds the half-width of the interval in standard errors, and the third
    array holds the smallest p that the sign-flip test can give.
    """
    seeds = np.arange(2, MOST_SEEDS + 1)
    return seeds, student_half_width(seeds), smallest_p(seeds)
