"""Verdicts: what may be said of a difference, and how many more seeds it would take to say more."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ablate.analysis.arrays import Floats
from ablate.analysis.paired import smallest_p, student_half_width

# A difference is told by a sign-flip test whose p, after Holm, is at most ALPHA. Where the family is too large or
# the seeds too few for that test ever to get there, by a t-test, which takes the differences to be normal and is
# therefore held to STRICT_ALPHA.
ALPHA = 0.05
STRICT_ALPHA = 0.01

MOST_SEEDS = 1000


class Standing(StrEnum):
    """What a comparison with the reference says."""

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
    """What is known of a difference, positive if better.

    Attributes:
        pairs: Seeds with a result of both.
        failed: Seeds where only the reference finished.
        reference_failed: Seeds where only the other one finished.
        unreached: Pairs in which neither reached the target, where steps to it are compared.
        mean: Of the differences, the failed ones counted as losses.
        sd: Standard deviation of the same.
        low: Lower end of the interval of the differences where both finished.
        high: Upper end of it.
        p_holm: Of the sign-flip test, adjusted for the family.
        t_p_holm: Of the t-test, adjusted for the family.
        family: Number of comparisons made at once.
        margin: Differences up to this do not matter.
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
        """Seeds where one of both did not finish."""
        return self.failed + self.reference_failed


def exact_can_tell(pairs: int, family: int) -> bool:
    """Returns whether the sign-flip test of so many pairs can reach `ALPHA` after Holm in a family of this size."""
    return bool(smallest_p(pairs) * family <= ALPHA)


def judge(evidence: Evidence) -> Standing:
    """Returns the verdict on one difference.

    Tied within the margin comes first: a difference that is sure and too small to matter is a tie. The interval
    knows nothing of runs that failed, so where they leave a pair without its match there is no tie.

    That all runs of one of both failed, or that none of either reached the target, is a fact and needs no test.
    """
    if evidence.pairs + evidence.unmatched == 0:
        return Standing.NO_PAIRS
    if evidence.pairs == 0 and min(evidence.failed, evidence.reference_failed) == 0:
        return Standing.FAILED if evidence.failed else Standing.REFERENCE_FAILED
    if evidence.unreached == evidence.pairs + evidence.unmatched:
        return Standing.NOT_REACHED
    within = -evidence.margin <= evidence.low and evidence.high <= evidence.margin
    if within and not evidence.unmatched:
        return Standing.TIED
    if exact_can_tell(evidence.pairs + evidence.unmatched, evidence.family):
        told = evidence.p_holm <= ALPHA
    else:
        told = evidence.t_p_holm <= STRICT_ALPHA
    if not told:
        return Standing.TOO_FEW
    return Standing.BETTER if evidence.mean > 0 else Standing.WORSE


def more_seeds(evidence: Evidence) -> int | None:
    """Returns about how many more seeds would tell, if mean and spread stay as they are.

    The smallest number with which either the t-test, adjusted for the family by Bonferroni, would be held to be
    significant as `judge` does, or the interval would lie within the margin. None if nothing can be said from
    less than two pairs, or if it is more than `MOST_SEEDS`.
    """
    have = evidence.pairs + evidence.unmatched
    if have < 2:
        return None
    seeds, half_width, least = (each[have - 1 :] for each in _prospects())
    error = evidence.sd / np.sqrt(seeds)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(seeds - 1, -np.abs(evidence.mean) / error) * evidence.family
    exact = least * evidence.family <= ALPHA
    told = (p <= np.where(exact, ALPHA, STRICT_ALPHA)) & (exact | (error > 0))
    tied = np.abs(evidence.mean) + half_width * error <= evidence.margin
    enough = np.flatnonzero(told | tied & (evidence.unmatched == 0))
    return int(seeds[enough[0]]) - have if len(enough) else None


@lru_cache(maxsize=1)
def _prospects() -> tuple[NDArray[np.int64], Floats, Floats]:
    """Returns numbers of seeds from 2 on, half the width of an interval of each in standard errors, its least p."""
    seeds = np.arange(2, MOST_SEEDS + 1)
    return seeds, student_half_width(seeds), smallest_p(seeds)
