"""What a gate says: a verdict for each variant and metric, and what follows from all of them."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Verdict(StrEnum):
    """What may be said of a candidate against its baseline, in one variant and metric."""

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


MARKS = {
    Verdict.IMPROVED: "+",
    Verdict.UNCHANGED: "=",
    Verdict.REGRESSED: "-",
    Verdict.INCONCLUSIVE: "~",
    Verdict.INCOMPARABLE: "x",
    Verdict.FAILED: "!",
}


class Cause(Enum):
    """What a verdict rests on."""

    MEASURED = "measured"
    STATUS = "runs that did not finish"
    NOT_FINITE = "values that are not finite"
    VANISHED = "missing in the candidate"
    NEW = "missing in the baseline"
    SETTINGS = "other settings"
    BITS = "bits"


# What stands in place of a metric or a variant where a finding is of none.
STATUS, BITS, EVERY = "status", "bits", "all variants"


@dataclass(frozen=True)
class Finding:
    """The verdict on one variant and metric.

    Attributes:
        variant: Its name, or `all variants` for the mean over them.
        metric: Its name; `status` stands for whether runs finished, `bits` for all columns together.
        verdict: Which of the six.
        cause: What it rests on.
        decides: Whether it may fail a gate.
        baseline: Mean of the baseline, in the metric's unit, None where there is none.
        candidate: Mean of the candidate.
        low: Lower end of the 95 % interval of candidate minus baseline.
        high: Upper end.
        margin: The smallest difference that matters.
        p: Over all questions together, of a difference in the direction it has.
        more_seeds: About how many more seeds would narrow the interval to the margin.
        note: The rest, in words.
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
    """All findings, with what they were made of.

    Attributes:
        findings: In the order of variants, then metrics.
        alpha: Largest p that counts as statistical evidence.
        target: Validation accuracy that counts as converged, NaN if unknown.
        baseline_seeds: Those used, ascending.
        candidate_seeds: Those used; the same if paired.
        paired: Whether differences are taken by seed.
        test: How the p-values were found.
        least_p: The smallest p these seeds can give.
        notes: What a reader should know besides, one sentence each.
        environment: By name, what the sides were made with, where they differ.
        simulated: Whether runs of either side were made up and not trained.
    """

    findings: tuple[Finding, ...]
    alpha: float
    target: float
    baseline_seeds: tuple[int, ...]
    candidate_seeds: tuple[int, ...]
    paired: bool
    test: str
    least_p: float
    notes: tuple[str, ...] = ()
    environment: dict[str, tuple[str, str]] = field(default_factory=dict)
    simulated: bool = False

    @property
    def counts(self) -> dict[Verdict, int]:
        """Number of findings by verdict, all six."""
        found = Counter(finding.verdict for finding in self.findings)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def decides(self) -> bool:
        """Whether these seeds can show a regression at all."""
        return self.least_p <= self.alpha


class Reason(StrEnum):
    """Why a gate does not pass, the gravest first."""

    REGRESSION = "regression"
    FAILED_RUNS = "failed runs"
    NOT_COMPARABLE = "not comparable"


def reasons(comparison: Comparison, allow_missing: bool) -> tuple[Reason, ...]:
    """Returns why a gate does not pass, the gravest reason first; none if it passes.

    It is not comparable if there is no finding that rests on measurements or bits, if the seeds are too few for any
    regression to show, or if something of the baseline has no counterpart. What is new in the candidate is
    reported and judged by nobody.

    Args:
        comparison: What was found.
        allow_missing: Pass over variants and metrics that are missing in the candidate.
    """
    deciding = [finding for finding in comparison.findings if finding.decides]
    passed_over = {Cause.NEW, Cause.VANISHED} if allow_missing else {Cause.NEW}
    measured = [each for each in deciding if each.cause in (Cause.MEASURED, Cause.BITS)]
    held = {
        Reason.REGRESSION: any(each.verdict is Verdict.REGRESSED for each in deciding),
        Reason.FAILED_RUNS: any(each.verdict is Verdict.FAILED for each in deciding),
        Reason.NOT_COMPARABLE: not measured
        or (not comparison.decides and any(each.cause is Cause.MEASURED for each in measured))
        or any(each.verdict is Verdict.INCOMPARABLE and each.cause not in passed_over for each in deciding),
    }
    return tuple(reason for reason, holds in held.items() if holds)
