"""Sections of a report: a table with its title and note; and how text and sections are printed."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.text import Text

from ablate.report.columns import Column, blocks, print_table
from ablate.report.numbers import Symbols

_LEAST_TEXT_WIDTH = 20  # on a console with less room after the prefix, text is not indented


@dataclass(frozen=True)
class Section:
    """One table with its title.

    Attributes:
        title: What it shows, in one line.
        identifying: Columns that say what a row is, repeated where the table is split.
        groups: The other columns; those of a group stay together.
        note: Text below the table, or nothing.
    """

    title: str
    identifying: tuple[Column, ...] = ()
    groups: tuple[tuple[Column, ...], ...] = ()
    note: str = ""

    @property
    def columns(self) -> list[Column]:
        """All columns."""
        return [*self.identifying, *(column for group in self.groups for column in group)]

    def rows(self, rows: Sequence[int]) -> "Section":
        """Returns the section with these rows only."""
        identifying, *groups = (
            tuple(column.rows(rows) for column in columns) for columns in (self.identifying, *self.groups)
        )
        return replace(self, identifying=identifying, groups=tuple(groups))


def print_section(section: Section, console: Console, symbols: Symbols) -> None:
    """Prints a title, the table in as many blocks of columns as the console's width requires, and the note."""
    print_line(console, section.title, "bold")
    print_blocks(section.identifying, section.groups, console, symbols)
    if section.note:
        print_wrapped(console, "", section.note)
    if section.note or not section.groups:
        print_line(console)


def print_blocks(
    identifying: Sequence[Column], groups: Sequence[Sequence[Column]], console: Console, symbols: Symbols
) -> None:
    """Prints columns as one or more tables, each followed by an empty line."""
    for columns in blocks(identifying, groups, console.width):
        print_table(console, columns, symbols)
        print_line(console)


def print_wrapped(console: Console, prefix: str, text: str, style: str = "") -> None:
    """Prints a text after a prefix and indents its further lines as far, unless the console is very narrow."""
    if console.width < len(prefix) + _LEAST_TEXT_WIDTH:
        print_line(console, prefix + text, style)
        return
    indent = " " * len(prefix)
    lines = textwrap.wrap(
        text, console.width, initial_indent=prefix, subsequent_indent=indent, break_long_words=False
    )
    for line in lines or [prefix]:
        print_line(console, line, style)


def print_line(console: Console, text: str = "", style: str = "") -> None:
    """Prints text, which the console wraps where it is too long."""
    console.print(Text(text, style))
