"""A comparison in tables and sentences: a mark for each variant and metric, and a line for each that matters."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from ablate.analysis.gate.verdict import BITS, EVERY, STATUS, Cause, Comparison, Finding, Reason, Verdict
from ablate.analysis.metrics import STEP_SECONDS
from ablate.report.columns import Column, blocks, print_table
from ablate.report.numbers import PERCENT, STEPS, Unit, counted, spans, symbols_for

SCHEMA_VERSION = 1

_MILLISECONDS = Unit(1000, 3)
_HEADINGS: dict[str, tuple[str, Unit]] = {
    STATUS: ("finished", PERCENT),
    BITS: ("bits", PERCENT),
    "best_val_accuracy": ("best\nval %", PERCENT),
    "val_accuracy": ("final\nval %", PERCENT),
    "gap_accuracy": ("gap %", PERCENT),
    "steps_to_target": ("steps to\ntarget", STEPS),
    "aulc": ("area under\ncurve %", PERCENT),
    STEP_SECONDS: ("ms a step\n(hint)", _MILLISECONDS),
}
_STYLES = {
    Verdict.REGRESSED: "red",
    Verdict.FAILED: "red",
    Verdict.IMPROVED: "green",
    Verdict.INCOMPARABLE: "yellow",
}
# The gravest first.
GRAVITY = (
    Verdict.REGRESSED,
    Verdict.FAILED,
    Verdict.INCOMPARABLE,
    Verdict.IMPROVED,
    Verdict.INCONCLUSIVE,
    Verdict.UNCHANGED,
)


def print_comparison(comparison: Comparison, reasons: Sequence[Reason], console: Console) -> None:
    """Prints the verdicts: what was compared, a table of marks, a line for each finding that matters, the outcome."""
    _line(console, about(comparison), "bold")
    for note in notes(comparison):
        _line(console, f"note: {note}", "dim")
    _line(console, "")
    identifying, groups = _columns(comparison)
    for columns in blocks(identifying, groups, console.width):
        print_table(console, columns, symbols_for(console.encoding))
        _line(console, "")
    for finding in important(comparison):
        _line(console, f"{finding.verdict.mark} {sentence(finding)}", _STYLES.get(finding.verdict, ""))
    marks = "  ".join(f"{verdict.mark} {verdict}" for verdict in Verdict)
    _line(console, f"{marks}; numbers are candidate minus baseline", "dim")
    _line(console, outcome(comparison, reasons), "bold red" if reasons else "bold green")


def about(comparison: Comparison) -> str:
    """Returns in a line how the sides were compared."""
    if comparison.test == "bits":
        return "compared bit by bit, times apart"
    if comparison.test == "none":
        return "nothing to compare"
    if comparison.paired:
        used = comparison.baseline_seeds
        seeds = f"paired by seed ({counted(len(used), 'seed')}: {spans(used)})"
    else:
        sides = comparison.baseline_seeds, comparison.candidate_seeds
        seeds = f"not paired ({len(sides[0])} and {counted(len(sides[1]), 'seed')})"
    return f"{seeds}; {comparison.test}, alpha {comparison.alpha:g} over all comparisons together"


def notes(comparison: Comparison) -> list[str]:
    """Returns what a reader should know besides the findings, a sentence each."""
    told = list(comparison.notes)
    if not comparison.decides and comparison.baseline_seeds:
        told.append(
            f"so few seeds give no p below {comparison.least_p:.2g}, so no regression can show at alpha "
            f"{comparison.alpha:g}; train more seeds (3 a side are enough for 0.05)"
        )
    differing = [f"{name} {old} -> {new}" for name, (old, new) in comparison.environment.items()]
    if differing:
        told.append(f"other environment: {', '.join(differing)}")
    return told


def important(comparison: Comparison) -> list[Finding]:
    """Returns the findings worth a line, the gravest first.

    Not among them is what is unchanged, what is inconclusive within the margin, and what is well among the hints.
    """
    shown = [finding for finding in comparison.findings if finding.verdict is not Verdict.UNCHANGED]
    shown = [finding for finding in shown if finding.verdict is not Verdict.INCONCLUSIVE or _large(finding)]
    shown = [finding for finding in shown if finding.decides or finding.verdict is Verdict.REGRESSED]
    return sorted(
        shown, key=lambda finding: (not finding.decides, GRAVITY.index(finding.verdict), -_size(finding))
    )


def sentence(finding: Finding) -> str:
    """Returns a finding in words: what, where, from which value to which, how sure."""
    name = finding.variant if finding.cause in (Cause.VANISHED, Cause.NEW) and not finding.note else ""
    name = name or f"{finding.variant}, {finding.metric}"
    hint = "" if finding.decides else " (a hint, it does not decide)"
    parts = [f"{finding.verdict}{hint}: {name}"]
    unit = _HEADINGS[finding.metric][1]
    if finding.difference is not None and finding.metric != STATUS:
        parts.append(f"{unit.text(finding.baseline or 0.0)} -> {unit.text(finding.candidate or 0.0)}")
        parts.append(f"({_evidence(finding, unit)})")
    if finding.note:
        parts.append(f"- {finding.note}")
    return " ".join(parts)


def outcome(comparison: Comparison, reasons: Sequence[Reason]) -> str:
    """Returns the last line: what was found, in numbers, and why the gate does not pass."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in comparison.counts.items() if count)
    return f"{'not passed: ' + ', '.join(reasons) if reasons else 'passed'} ({counts or 'nothing compared'})"


def to_json(comparison: Comparison, reasons: Sequence[Reason], exit_code: int) -> str:
    """Returns a comparison as one JSON document."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "exit_code": exit_code,
        "reasons": [str(reason) for reason in reasons],
        "alpha": comparison.alpha,
        "target": comparison.target if comparison.target == comparison.target else None,
        "paired": comparison.paired,
        "test": comparison.test,
        "least_p": comparison.least_p,
        "baseline_seeds": comparison.baseline_seeds,
        "candidate_seeds": comparison.candidate_seeds,
        "notes": notes(comparison),
        "environment": {
            name: dict(zip(("baseline", "candidate"), pair, strict=True))
            for name, pair in comparison.environment.items()
        },
        "counts": comparison.counts,
        "findings": [
            asdict(finding)
            | {"cause": finding.cause.value, "mark": finding.verdict.mark, "difference": finding.difference}
            for finding in comparison.findings
        ],
    }
    return json.dumps(document, indent=1, allow_nan=False)


def _columns(comparison: Comparison) -> tuple[list[Column], list[list[Column]]]:
    by_place = {(finding.variant, finding.metric): finding for finding in comparison.findings}
    variants = list(dict.fromkeys(finding.variant for finding in comparison.findings))
    variants.sort(key=lambda variant: variant == EVERY)
    metrics = [
        metric for metric in _HEADINGS if any(finding.metric == metric for finding in comparison.findings)
    ]
    groups = []
    for metric in metrics:
        heading, unit = _HEADINGS[metric]
        found = [by_place.get((variant, metric)) for variant in variants]
        cells = [_cell(finding, unit) for finding in found]
        styles = [_STYLES.get(finding.verdict, "") if finding else "" for finding in found]
        groups.append([Column(heading, cells, styles, right=True)])
    return [Column("variant", variants)], groups


def _cell(finding: Finding | None, unit: Unit) -> str:
    if finding is None:
        return ""
    number = (
        "" if finding.difference is None or finding.metric == STATUS else signed(finding.difference, unit)
    )
    return f"{number} {finding.verdict.mark}".strip()


def signed(value: float, unit: Unit) -> str:
    """Returns a difference with its sign; none for zero."""
    return f"{value * unit.scale:+.{unit.decimals}f}" if float(unit.text(value)) else unit.text(0.0)


def _evidence(finding: Finding, unit: Unit) -> str:
    parts = [signed(finding.difference or 0.0, unit)]
    if finding.low is not None and finding.high is not None:
        parts.append(f"95 % interval {signed(finding.low, unit)} to {signed(finding.high, unit)}")
    if finding.margin is not None:
        parts.append(f"margin {unit.text(finding.margin)}")
    if finding.p is not None:
        parts.append(f"p {finding.p:.2g}")
    if finding.verdict is Verdict.INCONCLUSIVE and finding.more_seeds:
        parts.append(f"about {counted(finding.more_seeds, 'more seed')} to tell")
    return ", ".join(parts)


def _large(finding: Finding) -> bool:
    return finding.margin is None or _size(finding) >= 1


def _size(finding: Finding) -> float:
    """Returns a difference in margins."""
    return abs(finding.difference or 0.0) / finding.margin if finding.margin else 0.0


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style), soft_wrap=True)
