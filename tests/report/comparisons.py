"""Comparisons of a gate with findings of every kind."""

from ablate.analysis.gate.verdict import STATUS, Cause, Comparison, Finding, Reason, Verdict


def finding_of(
    verdict: Verdict, variant: str = "relu", metric: str = "val_accuracy", **rest: object
) -> Finding:
    numbers = {"baseline": 0.95, "candidate": 0.93, "low": -0.03, "high": -0.01, "margin": 0.01, "p": 0.016}
    return Finding(variant, metric, verdict, **(numbers | rest))  # type: ignore[arg-type]  # a test's shorthand


def comparison(*findings: Finding, simulated: bool = False) -> Comparison:
    seeds = tuple(range(6))
    environment = {"torch": ("1", "2")}
    return Comparison(
        findings, 0.05, 0.9, seeds, seeds, True, "sign flips", 1 / 64, (), environment, simulated
    )


RED = (Reason.REGRESSION,)
MISSING = {"baseline": None, "candidate": None, "low": None, "high": None, "margin": None, "p": None}
ALL = comparison(
    finding_of(Verdict.REGRESSED),
    finding_of(Verdict.IMPROVED, "tanh", candidate=0.97, low=0.01, high=0.03),
    finding_of(Verdict.UNCHANGED, "elu", candidate=0.95),
    finding_of(Verdict.INCONCLUSIVE, "gelu", p=0.2, more_seeds=3),
    finding_of(Verdict.FAILED, "silu", STATUS, cause=Cause.STATUS, note="1 of 6 runs did not finish"),
    finding_of(
        Verdict.INCOMPARABLE, "mish", STATUS, cause=Cause.VANISHED, note="missing in the candidate", **MISSING
    ),
    finding_of(
        Verdict.INCOMPARABLE, "celu", STATUS, cause=Cause.NEW, note="missing in the baseline", **MISSING
    ),
    finding_of(Verdict.REGRESSED, "relu", "step_seconds", decides=False),
)
