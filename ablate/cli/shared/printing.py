"""What the command line prints in more than one command."""

import sys
from typing import Annotated

import typer

from ablate.report.console import console
from ablate.report.numbers import symbols_for
from ablate.report.sections import print_section
from ablate.report.tables import Section

AsJson = Annotated[bool, typer.Option("--json", help="one JSON document instead of tables")]


def print_table(section: Section) -> None:
    """Prints one table with its title and its note to stdout."""
    out = console(sys.stdout)
    print_section(section, out, symbols_for(out.encoding))
