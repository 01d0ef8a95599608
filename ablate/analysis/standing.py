"""The verdict on the difference of a variant from the reference, and the number of further seeds that it needs.

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

# A difference is significant if p of the sign-flip test, adjusted by Holm's method, is at most ALPHA. If the family is
# too large or the seeds are too few for that test to reach ALPHA, a t-test decides. The t-test assumes normally
# distributed differences and therefore has to reach STRICT_ALPHA.
ALPHA = 0.05
STRICT_ALPHA = 0.01

MOST_SEEDS = 1000


class Standing(StrEnum):
    """The result of a comparison with the reference."""

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
    """The data from which a difference is judged. A positive difference is better.

    `pairs` is the number of seeds where both finished, `failed` where only the reference finished, `reference_failed`
    where only the reference failed, and `unreached` where neither reached the target. `mean` and `sd` include failed
    runs as losses. `low` and `high` are the interval of the mean over the pairs. `p_holm` (sign-flip test) and
    `t_p_holm` (t-test) are adjusted for `family`, the number of comparisons made at once.
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
    """Returns whether the sign-flip test of `pairs` pairs can reach `ALPHA` after adjustment for the family's size."""
    return bool(smallest_p(pairs) * family <= ALPHA)


def judge(evidence: Evidence) -> Standing:
    """Returns the verdict on a difference.

    A tie within the margin takes precedence over a significant difference, which can be too small to matter. The
    interval does not include failed runs, so there is no tie if only one run of a seed finished. If all runs of one
    side failed, or no run of either side reached the target, no test is needed.
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
    """Returns the approximate number of further seeds needed for a verdict if mean and standard deviation stay.

    With so many seeds the t-test, adjusted for the family by Bonferroni's method, is significant as in `judge`, or the
    interval lies within the margin. The result is None for fewer than two seeds, or if more than `MOST_SEEDS` seeds
    would be needed.
    """
    have = evidence.seeds
    if have < 2:
        return None
    seeds, half_width, least_p = (column[have - 1 :] for column in _prospects())
    error = evidence.sd / np.sqrt(seeds)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(seeds - 1, -np.abs(evidence.mean) / error) * evidence.family
    exact = least_p * evidence.family <= ALPHA
    significant = (p <= np.where(exact, ALPHA, STRICT_ALPHA)) & (exact | (error > 0))
    tied = np.abs(evidence.mean) + half_width * error <= evidence.margin
    enough = np.flatnonzero(significant | tied & (evidence.unmatched == 0))
    return int(seeds[enough[0]]) - have if len(enough) else None


@lru_cache(maxsize=1)
def _prospects() -> tuple[NDArray[np.int64], Floats, Floats]:
    """Returns numbers of seeds from 2 on, the half-widths of their intervals in standard errors, and the smallest p."""
    seeds = np.arange(2, MOST_SEEDS + 1)
    return seeds, student_half_width(seeds), smallest_p(seeds)
