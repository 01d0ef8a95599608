"""A comparison for continuous integration: JUnit, a Markdown summary, annotations."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from xml.etree import ElementTree as ET

from ablate.analysis.gate.verdict import Cause, Comparison, Finding, Reason, Verdict
from ablate.report.verdicts import GRAVITY, about, important, notes, outcome, sentence

# GitHub refuses a step's summary above 1 MiB, all of it; a little is left for what other commands append.
SUMMARY_BYTES = 1_000_000
# GitHub shows no more than ten annotations of a kind for a step.
ANNOTATIONS = 10

_CUT = "\n\nCut here: the summary would be larger than GitHub takes. `--json` and `--junit` have all of it.\n"
# What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(comparison: Comparison) -> bytes:
    """Returns a comparison as JUnit XML, a test case for each variant and metric.

    A regression is a failure; what failed, or is missing in the candidate, is an error; what is inconclusive, new or
    incomparable in other ways is skipped, as is any bad news of a metric that does not decide.
    """
    suite = ET.Element("testsuite", name="ablate gate", tests=str(len(comparison.findings)), time="0")
    properties = ET.SubElement(suite, "properties")
    for name, (old, new) in comparison.environment.items():
        ET.SubElement(properties, "property", name=_xml(name), value=_xml(f"{old} -> {new}"))
    counts = {"failure": 0, "error": 0, "skipped": 0}
    for finding in comparison.findings:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_xml(f"ablate.{finding.variant}"),
            name=_xml(finding.metric),
            time="0",
        )
        element = _junit_element(finding)
        if element:
            counts[element] += 1
            about_it = {"message": _xml(sentence(finding))}
            if element != "skipped":
                about_it["type"] = str(finding.verdict)
            ET.SubElement(case, element, about_it)
    for element, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(attribute, str(counts[element]))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def to_summary(comparison: Comparison, reasons: Sequence[Reason], room: int = SUMMARY_BYTES) -> str:
    """Returns a comparison as Markdown: the outcome, what matters, and all findings folded away.

    Args:
        comparison: What was found.
        reasons: Why the gate does not pass.
        room: Bytes it may take; what would be more is cut, with a note.
    """
    head = f"## {'❌' if reasons else '✅'} ablate gate {_markdown(outcome(comparison, reasons))}\n\n"
    lines = [
        f"{_markdown(about(comparison))}\n",
        *(f"- {_markdown(note)}\n" for note in notes(comparison)),
        "\n",
    ]
    told = important(comparison)
    if told:
        lines += ["| | variant | metric | |\n|---|---|---|---|\n", *(_row(finding) for finding in told)]
    ranked = sorted(comparison.findings, key=lambda finding: GRAVITY.index(finding.verdict))
    lines += [
        "\n<details><summary>all comparisons</summary>\n\n",
        "| | variant | metric | |\n|---|---|---|---|\n",
    ]
    return _within(head, [*lines, *(_row(finding) for finding in ranked), "\n</details>\n"], room)


def to_annotations(comparison: Comparison, reasons: Sequence[Reason]) -> list[str]:
    """Returns GitHub's workflow commands for what matters, at most ten, the gravest first.

    Regressions, failed runs and what stops a gate are errors, hints are warnings, improvements notices.
    """
    told = important(comparison)
    shown = told if len(told) <= ANNOTATIONS else told[: ANNOTATIONS - 1]
    lines = [
        _command(_level(finding, reasons), f"{finding.verdict}: {finding.variant}", sentence(finding))
        for finding in shown
    ]
    if len(told) > len(shown):
        lines.append(_command("notice", "ablate gate", f"and {len(told) - len(shown)} more; see the summary"))
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


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_escaped(title).replace(':', '%3A').replace(',', '%2C')}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _row(finding: Finding) -> str:
    cells = finding.verdict.mark, finding.variant, finding.metric, sentence(finding)
    return f"| {' | '.join(_markdown(cell) for cell in cells)} |\n"


def _markdown(text: str) -> str:
    """Returns text that stands in a cell of a Markdown table as it is."""
    plain = re.sub(r"\s+", " ", escape(text, quote=False))
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", plain)


def _within(head: str, lines: Iterable[str], room: int) -> str:
    kept, used = [head], len(head.encode()) + len(_CUT.encode())
    for line in lines:
        used += len(line.encode("utf-8", "replace"))
        if used > room:
            return "".join(kept) + _CUT
        kept.append(line)
    return "".join(kept)


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
