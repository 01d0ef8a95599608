"""A report in GitHub's dialect of Markdown, for a pull request or a README."""

import re
from collections.abc import Sequence
from html import escape

from ablate.analysis.findings import Findings
from ablate.analysis.summary import Summary
from ablate.output.visible import visible_lines
from ablate.report import words
from ablate.report.headings import HEADINGS
from ablate.report.numbers import UNICODE
from ablate.report.sections import Column
from ablate.report.tables import Tables


def to_markdown(summary: Summary, findings: Findings) -> str:
    """Returns a report with findings, warnings and tables as Markdown.

    The table of all variants is in a folded section.
    """
    (_, title), *labelled = words.head(summary)
    metric = HEADINGS[findings.metric].words
    parts = [
        f"## {escaped(title)}",
        _list([f"{label}: {text}" for label, text in labelled]),
        f"**Best by {metric}** (margin {words.format_margin(findings)})",
        _list(words.describe_winner(summary, findings)),
        f"**What matters for the {metric}**",
        table(words.terms_columns(summary, findings)),
    ]
    if warnings := words.collect_warnings(summary, findings):
        parts += ["> [!WARNING]\n" + "\n".join(f"> - {escaped(text)}" for text in warnings)]
    tables = Tables(summary, findings, UNICODE)
    for section in tables.by_level(details=False):
        cells = f"\n\n{table(section.columns)}" if section.groups else ""
        parts.append(f"**{escaped(section.title)}**{cells}")
    variants = tables.by_variant(details=True)
    title = escaped(variants.title)
    parts.append(f"<details><summary>{title}</summary>\n\n{table(variants.columns)}\n\n</details>")
    if failed := words.failures(summary.runs):
        parts += [f"**{escaped(failed[0])}**", _list(failed[1:])]
    parts += [f"<sub>{escaped(text)}</sub>" for text in tables.legend()]
    return "\n\n".join(parts) + "\n"


def table(columns: Sequence[Column]) -> str:
    """Returns columns as a Markdown table. Right-justified columns are right-justified in Markdown as well."""
    headings = [escaped(column.heading) for column in columns]
    rules = ["---:" if column.right else ":---" for column in columns]
    rows = zip(*([escaped(cell.strip()) for cell in column.cells] for column in columns), strict=True)
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, rules, *rows))


def escaped(text: str) -> str:
    """Escapes a text so that Markdown shows the text unchanged on one line, even in a table cell."""
    line = re.sub(r"\s+", " ", escape(visible_lines(text), quote=False))
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", line)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)
