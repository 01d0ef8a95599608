"""What a gate says: a verdict for each variant and metric, and whether it passes."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Verdict(StrEnum):
    """What can be said of a candidate compared with its baseline, in one variant and metric."""

    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"
    INCOMPARABLE = "incomparable"
    FAILED = "failed"

    @property
    def mark(self) -> str:
        """Its mark in tables."""
        return MARKS[self]


MARKS = dict(zip(Verdict, "+=-~x!", strict=True))


class Cause(Enum):
    """What a verdict is based on."""

    MEASURED = "measured"
    STATUS = "runs that did not finish"
    NOT_FINITE = "values that are not finite"
    VANISHED = "missing in the candidate"
    NEW = "missing in the baseline"
    SETTINGS = "other settings"
    BITS = "bits"


# Names that stand for a metric or a variant where a finding is of none.
STATUS, BITS, EVERY = "status", "bits", "all variants"


@dataclass(frozen=True)
class Finding:
    """The verdict on one variant and metric.

    The variant `all variants` is the mean over them; the metric `status` is whether runs finished, `bits` all columns
    together. `decides` tells whether it can fail a gate. In the metric's unit, None if there is none: the means
    `baseline` and `candidate`, and the interval of their difference. `p` is that of the difference in its direction,
    over all questions together. About `more_seeds` more would narrow the interval to the margin.
    """

    variant: str
    metric: str
    verdict: Verdict
    cause: Cause = Cause.MEASURED
    decides: bool = True
    baseline: float | None = None
    candidate: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    p: float | None = None
    more_seeds: int | None = None
    note: str = ""

    @property
    def difference(self) -> float | None:
        """Candidate minus baseline."""
        return None if self.baseline is None or self.candidate is None else self.candidate - self.baseline


@dataclass(frozen=True)
class Comparison:
    """All findings, in the order of variants, then metrics, and what they were made from.

    The seeds used ascend and are the same if `paired`, where differences are taken by seed. `target` is the validation
    accuracy that counts as converged, NaN if unknown; `test` how the p values were computed, and `least_p` the smallest
    that these seeds can give. `environment` has both sides' values by name, where they differ. `simulated` tells
    whether any run was made up and not trained.
    """

    findings: tuple[Finding, ...]
    alpha: float
    target: float
    baseline_seeds: tuple[int, ...]
    candidate_seeds: tuple[int, ...]
    paired: bool
    test: str = "none"
    least_p: float = 1.0
    notes: tuple[str, ...] = ()
    environment: dict[str, tuple[str, str]] = field(default_factory=dict)
    simulated: bool = False

    @property
    def counts(self) -> dict[Verdict, int]:
        """Number of findings by verdict, all six."""
        counts = Counter(finding.verdict for finding in self.findings)
        return {verdict: counts[verdict] for verdict in Verdict}

    @property
    def decides(self) -> bool:
        """Whether these seeds can show a regression at all."""
        return self.least_p <= self.alpha


class Reason(StrEnum):
    """Why a gate does not pass, the most serious reason first."""

    REGRESSION = "regression"
    FAILED_RUNS = "failed runs"
    NOT_COMPARABLE = "not comparable"


def reasons(comparison: Comparison, allow_missing: bool) -> tuple[Reason, ...]:
    """Returns why a gate does not pass, the most serious reason first; none if it passes.

    It is not comparable if no finding is based on measurements or bits, if the seeds are too few to show any
    regression, or if something of the baseline has no counterpart. What is new in the candidate is not judged.

    With `allow_missing`, variants and metrics that are missing in the candidate are ignored.
    """
    deciding = [finding for finding in comparison.findings if finding.decides]
    verdicts, causes = {finding.verdict for finding in deciding}, {finding.cause for finding in deciding}
    incomparable = {finding.cause for finding in deciding if finding.verdict is Verdict.INCOMPARABLE}
    ignored = {Cause.NEW, Cause.VANISHED} if allow_missing else {Cause.NEW}
    holds = {
        Reason.REGRESSION: Verdict.REGRESSED in verdicts,
        Reason.FAILED_RUNS: Verdict.FAILED in verdicts,
        Reason.NOT_COMPARABLE: not causes & {Cause.MEASURED, Cause.BITS}
        or (Cause.MEASURED in causes and not comparison.decides)
        or bool(incomparable - ignored),
    }
    return tuple(reason for reason in Reason if holds[reason])
