"""A comparison by a gate in formats for continuous integration: JUnit XML, a Markdown summary, GitHub annotations."""

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from ablate.analysis.gate.verdict import Cause, Comparison, Finding, Reason, Verdict
from ablate.output.visible import visible
from ablate.report import gate
from ablate.report.markdown import escaped, table
from ablate.report.sections import Column
from ablate.report.simulated import marked

# GitHub rejects a step's summary above 1 MiB. The difference to 1 MiB is left for the output of other commands.
SUMMARY_BYTES = 1_000_000
# GitHub shows at most ten annotations of each level for a step.
ANNOTATIONS = 10

_CUT = "\n\nCut here: the summary would be larger than GitHub takes. `--json` and `--junit` have all of it.\n"


def to_junit(comparison: Comparison) -> bytes:
    """Returns a comparison as JUnit XML, with one test case for each variant and metric.

    In JUnit's terms, a regression that fails the gate is a failure. A failed run, or a variant or metric that is
    missing in the candidate, is an error if it fails the gate. Unchanged and improved findings are passed test cases.
    All other findings are skipped test cases.
    """
    elements = [_junit_element(finding) for finding in comparison.findings]
    attributes = {"name": marked("ablate gate", comparison.simulated), "time": "0"}
    attributes |= {"tests": str(len(elements)), "failures": str(elements.count("failure"))}
    attributes |= {"errors": str(elements.count("error")), "skipped": str(elements.count("skipped"))}
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", attributes)
    properties = ET.SubElement(suite, "properties")
    values = {name: f"{old} -> {new}" for name, (old, new) in comparison.environment.items()}
    values |= {"simulated": "true"} if comparison.simulated else {}
    for name, value in (*values.items(), *(("note", note) for note in comparison.notes)):
        ET.SubElement(properties, "property", name=name, value=value)
    for finding, element in zip(comparison.findings, elements, strict=True):
        names = {"classname": f"ablate.{finding.variant}", "name": finding.metric}
        case = ET.SubElement(suite, "testcase", names, time="0")
        if element:
            kind = {} if element == "skipped" else {"type": str(finding.verdict)}
            message = marked(gate.describe_finding(finding), comparison.simulated)
            ET.SubElement(case, element, kind, message=message)
    for part in root.iter():
        part.attrib |= {name: visible(text) for name, text in part.items()}
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def to_summary(comparison: Comparison, reasons: Sequence[Reason], room: int = SUMMARY_BYTES) -> str:
    """Returns a comparison as Markdown of at most `room` bytes.

    The text has the outcome, the important findings, and a folded section with all findings.
    """
    title = marked("ablate gate", comparison.simulated)
    head = f"## {'❌' if reasons else '✅'} {title} {escaped(gate.describe_outcome(comparison, reasons))}\n\n"
    notes = [f"- {escaped(note)}\n" for note in gate.collect_notes(comparison)]
    lines = [f"{escaped(gate.describe_test(comparison))}\n", *notes, "\n"]
    if shown := gate.important(comparison):
        lines += _table(shown)
    lines += ["\n<details><summary>all comparisons</summary>\n\n"]
    lines += _table(sorted(comparison.findings, key=lambda finding: gate.GRAVITY.index(finding.verdict)))
    return _within(head, [*lines, "\n</details>\n"], room)


def to_annotations(comparison: Comparison, reasons: Sequence[Reason]) -> list[str]:
    """Returns GitHub workflow commands that annotate the important findings, at most ten, the most serious first.

    If the gate failed, regressions, failures and incomparable findings that can fail a gate become errors. Improvements
    and new variants or metrics become notices. All other findings become warnings.
    """
    findings = gate.important(comparison)
    shown = findings if len(findings) <= ANNOTATIONS else findings[: ANNOTATIONS - 1]
    lines = []
    for finding in shown:
        title = marked(f"{finding.verdict}: {finding.variant}", comparison.simulated)
        lines.append(_command(_level(finding, reasons), title, gate.describe_finding(finding)))
    if len(findings) > len(shown):
        title = marked("ablate gate", comparison.simulated)
        lines.append(_command("notice", title, f"and {len(findings) - len(shown)} more; see the summary"))
    return lines


def _junit_element(finding: Finding) -> str | None:
    if finding.verdict in (Verdict.UNCHANGED, Verdict.IMPROVED):
        return None
    if not finding.decides or finding.cause is Cause.NEW or finding.verdict is Verdict.INCONCLUSIVE:
        return "skipped"
    if finding.verdict is Verdict.REGRESSED:
        return "failure"
    return "error" if finding.verdict is Verdict.FAILED or finding.cause is Cause.VANISHED else "skipped"


def _level(finding: Finding, reasons: Sequence[Reason]) -> str:
    if finding.verdict is Verdict.IMPROVED or finding.cause is Cause.NEW:
        return "notice"
    grave = finding.verdict in (Verdict.REGRESSED, Verdict.FAILED, Verdict.INCOMPARABLE)
    return "error" if reasons and grave and finding.decides else "warning"


def _command(level: str, *texts: str) -> str:
    title, message = (text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A") for text in texts)
    return f"::{level} title={title.replace(':', '%3A').replace(',', '%2C')}::{message}"


def _table(findings: Sequence[Finding]) -> list[str]:
    """Returns the lines of a Markdown table with one row per finding."""
    columns = [
        Column("", [finding.verdict.mark for finding in findings]),
        Column("variant", [finding.variant for finding in findings]),
        Column("metric", [finding.metric for finding in findings]),
        Column("finding", [gate.describe_finding(finding) for finding in findings]),
    ]
    return [f"{line}\n" for line in table(columns).split("\n")]


def _within(head: str, lines: Iterable[str], room: int) -> str:
    kept, used = [head], len(head.encode()) + len(_CUT.encode())
    for line in lines:
        used += len(line.encode("utf-8", "replace"))
        if used > room:
            return "".join(kept) + _CUT
        kept.append(line)
    return "".join(kept)
