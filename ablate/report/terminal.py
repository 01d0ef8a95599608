"""The report as text for a terminal: first the findings, then the tables."""

from rich.console import Console

from ablate.analysis.findings import Findings
from ablate.analysis.summary import Summary
from ablate.report import words
from ablate.report.headings import HEADINGS
from ablate.report.numbers import symbols_for
from ablate.report.sections import print_line, print_section, print_wrapped
from ablate.report.tables import Tables

_LABEL_WIDTH = 11


def print_report(summary: Summary, findings: Findings, console: Console, details: bool = False) -> None:
    """Prints a report: what was compared, findings, warnings and tables.

    If `details` is true, the tables have more variants and metrics.
    """
    symbols = symbols_for(console.encoding)
    (_, title), *labelled = words.head(summary)
    print_line(console, title, "bold")
    for label, text in labelled:
        print_wrapped(console, f"{label:{_LABEL_WIDTH}}", text)
    print_line(console)
    metric = HEADINGS[findings.metric].words
    print_wrapped(console, "", f"Best by {metric} (margin {words.format_margin(findings)})", "bold")
    for text in words.describe_winner(summary, findings):
        print_wrapped(console, "  ", text)
    print_line(console)
    print_wrapped(console, "", f"What matters for the {metric}, by its share of the variance", "bold")
    terms = words.describe_terms(summary, findings)
    width = max((len(name) for name, _, _ in terms), default=0)
    for name, share, sentence in terms:
        print_wrapped(console, f"  {name:{width}} {share:>5}  ", sentence)
    print_line(console)
    if warnings := words.collect_warnings(summary, findings):
        for text in warnings:
            print_wrapped(console, "! ", text, "yellow")
        print_line(console)
    tables = Tables(summary, findings, symbols)
    for section in (*tables.by_level(details), tables.by_variant(details)):
        print_section(section, console, symbols)
    if failed := words.failures(summary.runs):
        print_line(console, failed[0], "bold red")
        for text in (*(f"  {line}" for line in failed[1:]), ""):
            print_line(console, text)
    for text in tables.legend():
        print_line(console, text, "dim")
