"""The candidate's mean for each variant and metric, in the formats of benchmark dashboards."""

import json
from collections import defaultdict

from ablate.analysis.gate.verdict import Cause, Comparison, Finding
from ablate.analysis.metrics import GATE_METRICS, STEP_SECONDS
from ablate.errors import SpecError
from ablate.report.simulated import marked

KINDS = ("bigger", "smaller", "bmf")
_UNITS = {"steps_to_target": "steps", STEP_SECONDS: "seconds"}


def export(comparison: Comparison, kind: str) -> str:
    """Returns the candidate's means as JSON.

    If any result is simulated, all names of variants are marked as simulated. The kinds `bigger` and `smaller` are the
    formats that the tool github-action-benchmark reads with its settings `customBiggerIsBetter` and
    `customSmallerIsBetter`. The kind `bmf` is the Bencher Metric Format, with all metrics.

    Raises:
        SpecError: `kind` is not in `KINDS`.
    """
    if kind not in KINDS:
        raise SpecError(f"--export: {kind!r} is not one of {', '.join(KINDS)}; write it as bmf=FILE")
    measured = [
        (marked(finding.variant, comparison.simulated), finding, finding.candidate)
        for finding in comparison.findings
        if finding.cause is Cause.MEASURED and finding.candidate is not None
    ]
    benchmarks = defaultdict[str, dict[str, dict[str, float]]](dict)
    for variant, finding, value in measured:
        benchmarks[variant][finding.metric] = _measure(finding, value)
    if kind == "bmf":
        return json.dumps(benchmarks, indent=1, allow_nan=False)
    entries = [
        _entry(variant, finding, value)
        for variant, finding, value in measured
        if GATE_METRICS[finding.metric].higher_is_better == (kind == "bigger")
    ]
    return json.dumps(entries, indent=1, allow_nan=False)


def _entry(variant: str, finding: Finding, value: float) -> dict[str, object]:
    half = None if finding.low is None or finding.high is None else (finding.high - finding.low) / 2
    return {
        "name": f"{variant} {finding.metric}",
        "unit": _UNITS.get(finding.metric, "share"),
        "value": value,
        "range": "" if half is None else f"± {half:.6g}",
        "extra": f"baseline {finding.baseline:.6g}, {finding.verdict}",
    }


def _measure(finding: Finding, value: float) -> dict[str, float]:
    if finding.low is None or finding.high is None or finding.baseline is None:
        return {"value": value}
    low, high = finding.baseline + finding.low, finding.baseline + finding.high
    return {"value": value, "lower_value": low, "upper_value": high}
