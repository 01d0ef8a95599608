"""The report in a terminal: first what a person reads first, then the tables."""

import textwrap

from rich.console import Console
from rich.text import Text

from ablate.analysis.findings import Findings
from ablate.analysis.summary import Summary
from ablate.report.columns import blocks, print_table
from ablate.report.headings import HEADINGS
from ablate.report.numbers import Symbols, symbols_for
from ablate.report.tables import Section, failures, head, legend, level_sections, variants_section
from ablate.report.words import margin_words, warnings, what_matters, winner

_LABEL = 11
_NARROWEST = 20


def print_report(summary: Summary, findings: Findings, console: Console, details: bool = False) -> None:
    """Prints what was compared, the findings in words, the warnings and the tables.

    Args:
        summary: Of the runs.
        findings: About the metric the report is about.
        console: Tables too wide for it are split into blocks of columns.
        details: Whether to show all variants and all metrics.
    """
    symbols = symbols_for(console.encoding)
    (_, title), *labelled = head(summary)
    _line(console, title, "bold")
    for label, text in labelled:
        _hanging(console, f"{label:{_LABEL}}", text)
    _line(console)
    _print_findings(summary, findings, console)
    for section in level_sections(summary, findings, symbols, details):
        _print_section(section, console, symbols)
    _print_section(variants_section(summary, findings, symbols, details), console, symbols)
    _print_failures(summary, console)
    for text in legend(summary, symbols):
        _line(console, text, "dim")


def _print_findings(summary: Summary, findings: Findings, console: Console) -> None:
    words = HEADINGS[findings.metric].words
    _hanging(console, "", f"Best by {words} (margin {margin_words(findings)})", "bold")
    for text in winner(summary, findings):
        _hanging(console, "  ", text)
    _line(console)
    _hanging(console, "", f"What matters for the {words}, by its share of the variance", "bold")
    rows = what_matters(summary, findings)
    width = max((len(term) for term, _, _ in rows), default=0)
    for term, share, sentence in rows:
        _hanging(console, f"  {term:{width}} {share:>5}  ", sentence)
    _line(console)
    cautions = warnings(summary, findings)
    for text in cautions:
        _hanging(console, "! ", text, "yellow")
    if cautions:
        _line(console)


def _print_section(section: Section, console: Console, symbols: Symbols) -> None:
    _line(console, section.title, "bold")
    for columns in blocks(section.identifying, section.groups, console.width):
        print_table(console, columns, symbols)
        _line(console)
    if not section.groups:
        _line(console)


def _print_failures(summary: Summary, console: Console) -> None:
    lines = failures(summary.runs)
    for place, text in enumerate(lines):
        _line(console, f"  {text}" if place else text, "" if place else "bold red")
    if lines:
        _line(console)


def _hanging(console: Console, prefix: str, text: str, style: str = "") -> None:
    """Prints a text after a prefix, further lines below its beginning; a very narrow console wraps as it likes."""
    if console.width < len(prefix) + _NARROWEST:
        _line(console, prefix + text, style)
        return
    indent = " " * len(prefix)
    wrapped = textwrap.wrap(
        text, console.width, initial_indent=prefix, subsequent_indent=indent, break_long_words=False
    )
    for each in wrapped or [prefix]:
        _line(console, each, style)


def _line(console: Console, text: str = "", style: str = "") -> None:
    console.print(Text(text, style))
