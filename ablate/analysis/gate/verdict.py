"""The results of a gate: a verdict for each variant and metric, and the reasons why the gate does not pass."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Verdict(StrEnum):
    """The verdict on a candidate in one variant and one metric, compared with the baseline."""

    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"
    INCOMPARABLE = "incomparable"
    FAILED = "failed"

    @property
    def mark(self) -> str:
        """The symbol of the verdict in tables."""
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


# Names in place of the metric (`STATUS`, `BITS`) or the variant (`EVERY`) of findings that are not about a single one.
STATUS, BITS, EVERY = "status", "bits", "all variants"


@dataclass(frozen=True)
class Finding:
    """The verdict on one variant and metric.

    The variant named `all variants` stands for the mean over all variants. The metric named `status` says whether runs
    finished, and the metric named `bits` compares all columns bit by bit. `decides` tells whether the finding can fail
    a gate. `baseline` and `candidate` are means, and `low` and `high` are the ends of the interval of their difference,
    all in the metric's unit. `p` is the one-sided p of the difference in its observed direction, adjusted for all
    variants and metrics. `more_seeds` is the approximate number of further seeds that would narrow the interval enough
    for a verdict. A field that has no value is None.
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
        """The candidate's mean minus the baseline's mean, None if either mean is None."""
        return None if self.baseline is None or self.candidate is None else self.candidate - self.baseline


@dataclass(frozen=True)
class Comparison:
    """All findings of a gate, sorted by variant and then by metric, with the conditions of the comparison.

    `baseline_seeds` and `candidate_seeds` are ascending. If `paired` is true, both sides have the same seeds and are
    compared seed by seed. `target` is the validation accuracy at which a run counts as converged, NaN if unknown.
    `test` names the test that gave the p values. `least_p` is the smallest p that the test can give with these seeds.
    `environment` maps the name of each environment entry that differs to its values in the baseline and the candidate.
    `simulated` tells whether any run was simulated instead of trained.
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
        """The number of findings for each of the six verdicts."""
        counts = Counter(finding.verdict for finding in self.findings)
        return {verdict: counts[verdict] for verdict in Verdict}

    @property
    def decides(self) -> bool:
        """Whether there are enough seeds for a regression to be found."""
        return self.least_p <= self.alpha


class Reason(StrEnum):
    """Reasons why a gate does not pass, the most serious reason first."""

    REGRESSION = "regression"
    FAILED_RUNS = "failed runs"
    NOT_COMPARABLE = "not comparable"


def reasons(comparison: Comparison, allow_missing: bool) -> tuple[Reason, ...]:
    """Returns the reasons why a gate does not pass, the most serious reason first.

    The result is empty if the gate passes. The reason `NOT_COMPARABLE` applies in three cases: no finding is based on
    measured values or bits; the seeds are too few for a regression to be found; or a variant or metric of the baseline
    is missing or has other settings in the candidate. Variants and metrics that only the candidate has are not judged.
    If `allow_missing` is true, those that only the baseline has are not judged either.
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
