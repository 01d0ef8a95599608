"""The comparison of a candidate with a baseline by a gate, as tables, sentences and JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from ablate.analysis.gate.verdict import BITS, EVERY, STATUS, Cause, Comparison, Finding, Reason, Verdict
from ablate.analysis.metrics import GATE_METRICS
from ablate.experiment.levels import spans
from ablate.report.headings import HEADINGS
from ablate.report.numbers import Unit, counted, symbols_for
from ablate.report.sections import Column, print_blocks, print_line
from ablate.report.simulated import EXPLANATION, marked

SCHEMA_VERSION = 1

# Style of each verdict, the most serious verdict first.
_STYLES = {
    Verdict.REGRESSED: "red",
    Verdict.FAILED: "red",
    Verdict.INCOMPARABLE: "yellow",
    Verdict.IMPROVED: "green",
    Verdict.INCONCLUSIVE: "",
    Verdict.UNCHANGED: "",
}
GRAVITY = tuple(_STYLES)


def print_comparison(comparison: Comparison, reasons: Sequence[Reason], console: Console) -> None:
    """Prints the result of a gate: what was compared, a table of verdicts, the important findings, and the outcome."""
    print_line(console, describe_test(comparison), "bold")
    for note in collect_notes(comparison):
        print_line(console, f"note: {note}", "dim")
    print_line(console)
    variants, *metrics = _columns(comparison)
    print_blocks([variants], [[column] for column in metrics], console, symbols_for(console.encoding))
    for finding in important(comparison):
        print_line(console, f"{finding.verdict.mark} {describe_finding(finding)}", _STYLES[finding.verdict])
    marks = "  ".join(f"{verdict.mark} {verdict}" for verdict in Verdict)
    print_line(console, f"{marks}; numbers are candidate minus baseline", "dim")
    print_line(console, describe_outcome(comparison, reasons), "bold red" if reasons else "bold green")


def describe_test(comparison: Comparison) -> str:
    """Returns one line of text that says how the candidate was compared with the baseline."""
    old, new = comparison.baseline_seeds, comparison.candidate_seeds
    text = f"{comparison.test}, alpha {comparison.alpha:g} over all comparisons together"
    if comparison.test == "bits":
        text = "compared bit by bit, times apart"
    elif comparison.test == "none":
        text = "nothing to compare"
    elif comparison.paired:
        text = f"paired by seed ({counted(len(old), 'seed')}: {spans(old)}); {text}"
    else:
        text = f"not paired ({len(old)} and {counted(len(new), 'seed')}); {text}"
    return marked(text, comparison.simulated)


def collect_notes(comparison: Comparison) -> list[str]:
    """Returns notes on the comparison as a whole, one sentence each, such as a difference between the environments."""
    notes = [EXPLANATION] if comparison.simulated else []
    notes += comparison.notes
    if not comparison.decides and comparison.baseline_seeds:
        notes.append(
            f"so few seeds give no p below {comparison.least_p:.2g}, so no regression can show at alpha "
            f"{comparison.alpha:g}; train more seeds (3 a side are enough for 0.05)"
        )
    if differing := [f"{name} {old} -> {new}" for name, (old, new) in comparison.environment.items()]:
        notes.append(f"other environment: {', '.join(differing)}")
    return notes


def important(comparison: Comparison) -> list[Finding]:
    """Returns the important findings, the most serious first.

    A regression is always important. Of the other findings, three kinds are left out: unchanged findings, inconclusive
    findings whose difference is smaller than the margin, and findings that cannot fail the gate.
    """
    shown = [
        finding
        for finding in comparison.findings
        if finding.verdict is not Verdict.UNCHANGED
        and (finding.verdict is not Verdict.INCONCLUSIVE or finding.margin is None or _size(finding) >= 1)
        and (finding.decides or finding.verdict is Verdict.REGRESSED)
    ]
    return sorted(
        shown, key=lambda finding: (not finding.decides, GRAVITY.index(finding.verdict), -_size(finding))
    )


def describe_finding(finding: Finding) -> str:
    """Returns a finding as a sentence, which states the variant, the metric, the change and the evidence."""
    is_whole = finding.cause in (Cause.VANISHED, Cause.NEW) and not finding.note
    name = finding.variant if is_whole else f"{finding.variant}, {finding.metric}"
    hint = "" if finding.decides else " (a hint, it does not decide)"
    parts, unit = [f"{finding.verdict}{hint}: {name}"], HEADINGS[finding.metric].unit
    if finding.difference is not None and finding.metric != STATUS:
        parts.append(f"{unit.text(finding.baseline or 0.0)} -> {unit.text(finding.candidate or 0.0)}")
        parts.append(f"({_evidence(finding, unit)})")
    if finding.note:
        parts.append(f"- {finding.note}")
    return " ".join(parts)


def describe_outcome(comparison: Comparison, reasons: Sequence[Reason]) -> str:
    """Returns the outcome of a gate in one line: passed or the reasons for failing, and the counts of verdicts."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in comparison.counts.items() if count)
    return f"{'not passed: ' + ', '.join(reasons) if reasons else 'passed'} ({counts or 'nothing compared'})"


def to_json(comparison: Comparison, reasons: Sequence[Reason], exit_code: int) -> str:
    """Returns a gate's comparison, its reasons for failing and its exit code as one JSON document."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "exit_code": exit_code,
        "reasons": reasons,
        **asdict(comparison),
        "target": None if math.isnan(comparison.target) else comparison.target,
        "notes": collect_notes(comparison),
        "environment": {
            name: {"baseline": old, "candidate": new} for name, (old, new) in comparison.environment.items()
        },
        "counts": comparison.counts,
        "findings": [
            asdict(finding)
            | {"cause": finding.cause.value, "mark": finding.verdict.mark, "difference": finding.difference}
            for finding in comparison.findings
        ],
    }
    return json.dumps(document, indent=1, allow_nan=False)


def _columns(comparison: Comparison) -> list[Column]:
    """Returns the columns of a table of verdicts: a column of variants and one column per metric.

    The last row holds the mean over all variants.
    """
    by_key = {(finding.variant, finding.metric): finding for finding in comparison.findings}
    variants = sorted(dict.fromkeys(variant for variant, _ in by_key), key=lambda variant: variant == EVERY)
    columns = [Column("variant", variants)]
    compared = {metric for _, metric in by_key}
    for metric in (name for name in (STATUS, BITS, *GATE_METRICS) if name in compared):
        findings = [by_key.get((variant, metric)) for variant in variants]
        cells = [_cell(finding) if finding else "" for finding in findings]
        styles = [_STYLES[finding.verdict] if finding else "" for finding in findings]
        columns.append(Column(HEADINGS[metric].short, cells, styles, right=True))
    return columns


def _cell(finding: Finding) -> str:
    if finding.difference is None or finding.metric == STATUS:
        return finding.verdict.mark
    return f"{HEADINGS[finding.metric].unit.signed(finding.difference)} {finding.verdict.mark}"


def _evidence(finding: Finding, unit: Unit) -> str:
    parts = [unit.signed(finding.difference or 0.0)]
    if finding.low is not None and finding.high is not None:
        parts.append(f"95 % interval {unit.signed(finding.low)} to {unit.signed(finding.high)}")
    if finding.margin is not None:
        parts.append(f"margin {unit.text(finding.margin)}")
    if finding.p is not None:
        parts.append(f"p {finding.p:.2g}")
    if finding.verdict is Verdict.INCONCLUSIVE and finding.more_seeds:
        parts.append(f"about {counted(finding.more_seeds, 'more seed')} to tell")
    return ", ".join(parts)


def _size(finding: Finding) -> float:
    """Returns the size of a difference in multiples of the margin.

    The result is 0 if the finding has no difference or no margin.
    """
    return abs(finding.difference or 0.0) / finding.margin if finding.margin else 0.0
