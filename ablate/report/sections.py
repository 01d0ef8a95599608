"""One table with its title and its note, printed."""

import textwrap

from rich.console import Console
from rich.text import Text

from ablate.report.columns import blocks, print_table
from ablate.report.numbers import Symbols
from ablate.report.tables import Section


def print_section(section: Section, console: Console, symbols: Symbols) -> None:
    """Prints a title, its table in as many blocks of columns as the console's width asks for, and what to say below."""
    console.print(Text(section.title, "bold"))
    for columns in blocks(section.identifying, section.groups, console.width):
        print_table(console, columns, symbols)
        console.print()
    for line in textwrap.wrap(section.note, console.width):
        console.print(Text(line))
    if section.note:
        console.print()
