"""The results of a gate: a verdict for each variant and metric, and the reasons why the gate does not pass."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Verdict(StrEnum):
    """The result of comparing a candidate with its baseline in one variant and metric."""

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
    """The basis of a verdict."""

    MEASURED = "measured"
    STATUS = "runs that did not finish"
    NOT_FINITE = "values that are not finite"
    VANISHED = "missing in the candidate"
    NEW = "missing in the baseline"
    SETTINGS = "other settings"
    BITS = "bits"


# Names used instead of a metric or variant in findings that are not about a single one.
STATUS, BITS, EVERY = "status", "bits", "all variants"


@dataclass(frozen=True)
class Finding:
    """The verdict on one variant and metric.

    The variant `all variants` is the mean over them. The metric `status` is whether runs finished; `bits` is all
    columns. `decides` tells whether the finding can fail a gate. `baseline` and `candidate` are means, and `low` and
    `high` the interval of their difference, in the metric's unit. `p` is that of the difference in its direction, over
    all questions together. About `more_seeds` further seeds would narrow the interval to the margin. None is no value.
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
        """Candidate minus baseline, None if either of them is None."""
        return None if self.baseline is None or self.candidate is None else self.candidate - self.baseline


@dataclass(frozen=True)
class Comparison:
    """All findings, in the order of variants, then metrics, and the conditions of the comparison.

    The seeds used are ascending. If `paired`, both sides have the same seeds, and differences are taken by seed.
    `target` is the validation accuracy that counts as converged, NaN if unknown. `test` says how the p values were
    computed. `least_p` is the smallest p that these seeds can give. `environment` maps each entry that differs to the
    values of both sides. `simulated` tells whether any run was simulated instead of trained.
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
        """Number of findings for each of the six verdicts."""
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

    The gate is not comparable if no finding is based on measurements or bits, if the seeds are too few to show any
    regression, or if a part of the baseline has no counterpart. Parts that are new in the candidate are not judged.

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
