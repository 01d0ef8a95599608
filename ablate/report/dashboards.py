"""A comparison in the formats of benchmark dashboards: the candidate's means, variant by variant."""

import json
from collections.abc import Iterator

from ablate.analysis.gate.verdict import Cause, Comparison, Finding
from ablate.analysis.metrics import GATE_METRICS, STEP_SECONDS
from ablate.errors import SpecError

_UNITS = {"steps_to_target": "steps", STEP_SECONDS: "seconds"}


def export(comparison: Comparison, kind: str) -> str:
    """Returns the candidate's means as JSON.

    Args:
        comparison: What was found.
        kind: `bigger` and `smaller` are the lists that github-action-benchmark reads with `customBiggerIsBetter` and
            `customSmallerIsBetter`; `bmf` is the Bencher Metric Format, with all metrics.

    Raises:
        SpecError: The kind is another one.
    """
    if kind == "bmf":
        return _bmf(comparison)
    if kind not in KINDS:
        raise SpecError(f"--export: {kind!r} is not one of {', '.join(KINDS)}; write it as bmf=FILE")
    chosen = [
        each
        for each in _values(comparison)
        if GATE_METRICS[each.metric].higher_is_better == (kind == "bigger")
    ]
    return json.dumps([_entry(finding) for finding in chosen], indent=1, allow_nan=False)


KINDS = ("bigger", "smaller", "bmf")


def _values(comparison: Comparison) -> Iterator[Finding]:
    for finding in comparison.findings:
        if finding.cause is Cause.MEASURED and finding.candidate is not None:
            yield finding


def _entry(finding: Finding) -> dict[str, object]:
    half = None if finding.low is None or finding.high is None else (finding.high - finding.low) / 2
    return {
        "name": f"{finding.variant} {finding.metric}",
        "unit": _UNITS.get(finding.metric, "share"),
        "value": finding.candidate,
        "range": "" if half is None else f"± {half:.6g}",
        "extra": f"baseline {finding.baseline:.6g}, {finding.verdict}",
    }


def _bmf(comparison: Comparison) -> str:
    benchmarks: dict[str, dict[str, dict[str, float]]] = {}
    for finding in _values(comparison):
        if finding.candidate is None:
            continue
        measure = {"value": finding.candidate}
        if finding.low is not None and finding.high is not None and finding.baseline is not None:
            measure |= {
                "lower_value": finding.baseline + finding.low,
                "upper_value": finding.baseline + finding.high,
            }
        benchmarks.setdefault(finding.variant, {})[finding.metric] = measure
    return json.dumps(benchmarks, indent=1, allow_nan=False)
