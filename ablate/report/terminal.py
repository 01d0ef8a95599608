"""The report in a terminal: first the findings, then the tables."""

from rich.console import Console

from ablate.analysis.findings import Findings
from ablate.analysis.summary import Summary
from ablate.report.headings import HEADINGS
from ablate.report.numbers import symbols_for
from ablate.report.sections import print_line, print_section, print_wrapped
from ablate.report.tables import Tables, failures, head
from ablate.report.words import collect_warnings, describe_terms, describe_winner, format_margin

_LABEL_WIDTH = 11


def print_report(summary: Summary, findings: Findings, console: Console, details: bool = False) -> None:
    """Prints what was compared, the findings in words, the warnings and the tables, with `details` all of them."""
    symbols = symbols_for(console.encoding)
    (_, title), *labelled = head(summary)
    print_line(console, title, "bold")
    for label, text in labelled:
        print_wrapped(console, f"{label:{_LABEL_WIDTH}}", text)
    print_line(console)
    _print_findings(summary, findings, console)
    tables = Tables(summary, findings, symbols)
    for section in (*tables.by_level(details), tables.by_variant(details)):
        print_section(section, console, symbols)
    failed = failures(summary.runs)
    for index, text in enumerate(failed):
        print_line(console, f"  {text}" if index else text, "" if index else "bold red")
    if failed:
        print_line(console)
    for text in tables.legend():
        print_line(console, text, "dim")


def _print_findings(summary: Summary, findings: Findings, console: Console) -> None:
    words = HEADINGS[findings.metric].words
    print_wrapped(console, "", f"Best by {words} (margin {format_margin(findings)})", "bold")
    for text in describe_winner(summary, findings):
        print_wrapped(console, "  ", text)
    print_line(console)
    print_wrapped(console, "", f"What matters for the {words}, by its share of the variance", "bold")
    terms = describe_terms(summary, findings)
    width = max((len(name) for name, _, _ in terms), default=0)
    for name, share, sentence in terms:
        print_wrapped(console, f"  {name:{width}} {share:>5}  ", sentence)
    print_line(console)
    warnings = collect_warnings(summary, findings)
    for text in warnings:
        print_wrapped(console, "! ", text, "yellow")
    if warnings:
        print_line(console)
