"""Sections of a report: tables of text with a title and a note, and functions that print them."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.box import SIMPLE_HEAD, Box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ablate.output.visible import visible
from ablate.report.numbers import UNICODE, Symbols

_GAP = 2  # number of blanks between columns
_LEAST_TEXT_WIDTH = 20  # smallest width, in characters, of text that is indented
# The box SIMPLE_HEAD of rich, which has a line only below the headings, in ASCII characters. rich's own replacement in
# ASCII draws a frame around the whole table.
_ASCII_HEAD = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


@dataclass(frozen=True)
class Column:
    """A column of a table: a heading of one or more lines, the cells and, optionally, the styles of the cells."""

    heading: str
    cells: Sequence[str]
    styles: Sequence[str] = ()
    right: bool = False

    def __post_init__(self) -> None:
        """Makes control characters in cells visible, because cells can be foreign text."""
        object.__setattr__(self, "cells", [visible(cell) for cell in self.cells])

    @property
    def width(self) -> int:
        """The number of characters in the widest line of the column."""
        return max(cell_len(line) for line in (*self.heading.split("\n"), *self.cells))

    def rows(self, rows: Sequence[int]) -> "Column":
        """Returns a copy of the column that has only the rows with the given indices."""
        styles = [self.styles[row] for row in rows] if self.styles else ()
        return replace(self, cells=[self.cells[row] for row in rows], styles=styles)

    def texts(self) -> list[Text]:
        """Returns the cells of the column, justified, as rich texts with their styles."""
        styles = self.styles or [""] * len(self.cells)
        return [Text(self.justified(cell), style) for cell, style in zip(self.cells, styles, strict=True)]

    def justified(self, text: str) -> str:
        """Returns the text of a heading or cell, padded as the column requires.

        In a right-justified column, each line of the text gets blanks on the left. Otherwise the text is unchanged.
        """
        # If rich justified the column, it would strip the blanks that align the parts of a cell.
        if not self.right:
            return text
        return "\n".join(" " * (self.width - cell_len(line)) + line for line in text.split("\n"))


@dataclass(frozen=True)
class Section:
    """A table with a title of one line above and a note below.

    The columns in `identifying` name the rows. If a wide table is split into several tables, each of these tables
    repeats the identifying columns. All other columns are in `groups`, and the columns of a group stay together.
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
        """Returns a copy of the section that has only the rows with the given indices."""
        identifying, *groups = (
            tuple(column.rows(rows) for column in columns) for columns in (self.identifying, *self.groups)
        )
        return replace(self, identifying=identifying, groups=tuple(groups))


def print_section(section: Section, console: Console, symbols: Symbols) -> None:
    """Prints a section: its title, its table and its note.

    A table that is wider than the console is split into several tables.
    """
    print_line(console, section.title, "bold")
    print_blocks(section.identifying, section.groups, console, symbols)
    if section.note:
        print_wrapped(console, "", section.note)
    if section.note or not section.groups:
        print_line(console)


def print_blocks(
    identifying: Sequence[Column], groups: Sequence[Sequence[Column]], console: Console, symbols: Symbols
) -> None:
    """Prints columns as one or more tables that fit the width of the console. An empty line follows each table."""
    for columns in blocks(identifying, groups, console.width):
        print_table(console, columns, symbols)
        print_line(console)


def blocks(
    identifying: Sequence[Column], groups: Sequence[Sequence[Column]], width: int
) -> list[list[Column]]:
    """Splits the columns of a wide table into several tables of at most `width` characters.

    Each table has the identifying columns and as many groups of columns as fit. A group is never split; if it is wider
    than `width`, it gets a table of its own.
    """
    packed: list[list[Column]] = []
    for group in groups:
        if packed and _width([*packed[-1], *group]) <= width:
            packed[-1].extend(group)
        else:
            packed.append([*identifying, *group])
    return packed


def print_table(console: Console, columns: Sequence[Column], symbols: Symbols) -> None:
    """Prints one table in its full width, even if the console is narrower."""
    box, width = SIMPLE_HEAD if symbols is UNICODE else _ASCII_HEAD, _width(columns)
    padding = (0, _GAP - 1, 0, 0)
    table = Table(box=box, safe_box=False, show_edge=False, pad_edge=False, padding=padding, width=width)
    for column in columns:
        table.add_column(column.justified(column.heading), vertical="bottom", no_wrap=True)
    for row in zip(*(column.texts() for column in columns), strict=True):
        table.add_row(*row)
    console.print(table, crop=False, no_wrap=True, overflow="ignore")


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def print_wrapped(console: Console, prefix: str, text: str, style: str = "") -> None:
    """Prints a text after a prefix, wrapped to the width of the console.

    Further lines are indented by the width of the prefix, unless the console is narrow.
    """
    text = visible(text)
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
    """Prints text. The console wraps lines that are too long."""
    console.print(Text(visible(text), style))
