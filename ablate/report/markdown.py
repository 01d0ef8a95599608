"""A report in GitHub's Markdown, for a pull request or a README."""

from collections.abc import Sequence

from ablate.analysis.findings import Findings
from ablate.analysis.summary import Summary
from ablate.report.columns import Column
from ablate.report.headings import HEADINGS
from ablate.report.numbers import UNICODE
from ablate.report.tables import Section, failures, head, legend, level_sections, variants_section
from ablate.report.words import margin_words, warnings, what_matters, winner


def to_markdown(summary: Summary, findings: Findings) -> str:
    """Returns findings, warnings and tables as Markdown, the table of all variants folded."""
    (_, title), *labelled = head(summary)
    words = HEADINGS[findings.metric].words
    matters = [Column(name, cells) for name, cells in _transposed(summary, findings)]
    parts = [
        f"## {escaped(title)}",
        _list([f"{label}: {text}" for label, text in labelled]),
        f"**Best by {words}** (margin {margin_words(findings)})",
        _list(winner(summary, findings)),
        f"**What matters for the {words}**",
        table(matters),
    ]
    cautions = warnings(summary, findings)
    if cautions:
        parts += ["> [!WARNING]\n" + "\n".join(f"> - {escaped(text)}" for text in cautions)]
    parts += [_section(section) for section in level_sections(summary, findings, UNICODE, details=False)]
    variants = variants_section(summary, findings, UNICODE, details=True)
    parts += [f"<details><summary>{escaped(variants.title)}</summary>\n\n{_table_of(variants)}\n\n</details>"]
    failed = failures(summary.runs)
    if failed:
        parts += [f"**{escaped(failed[0])}**", _list(failed[1:])]
    parts += [f"<sub>{escaped(text)}</sub>" for text in legend(summary, UNICODE)]
    return "\n\n".join(parts) + "\n"


def table(columns: Sequence[Column]) -> str:
    """Returns columns as a table, right-justified where they are."""
    heads = [escaped(column.heading.replace("\n", " ")) for column in columns]
    rules = ["---:" if column.right else ":---" for column in columns]
    rows = zip(
        *([escaped(" ".join(cell.split())) for cell in column.cells] for column in columns), strict=True
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rules, *rows))


def escaped(text: str) -> str:
    """Returns text that Markdown shows as it is: names of activations and messages may hold its signs."""
    for sign in ("\\", "|", "*", "_", "`", "[", "]"):
        text = text.replace(sign, "\\" + sign)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")


def _transposed(summary: Summary, findings: Findings) -> list[tuple[str, list[str]]]:
    rows = what_matters(summary, findings)
    heads = ("term", "share of variance", "finding")
    return [(name, [row[place] for row in rows]) for place, name in enumerate(heads)]


def _section(section: Section) -> str:
    return f"**{escaped(section.title)}**" + (f"\n\n{_table_of(section)}" if section.groups else "")


def _table_of(section: Section) -> str:
    return table([*section.identifying, *(column for group in section.groups for column in group)])


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)
