"""Columns of a table, and tables printed in as many blocks of columns as a console's width requires."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.box import SIMPLE_HEAD, Box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ablate.report.numbers import UNICODE, Symbols

_GAP = 2  # blanks between columns
# SIMPLE_HEAD in ASCII; rich's own fallback draws a frame around the whole table.
_ASCII_HEAD = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


@dataclass(frozen=True)
class Column:
    """A column: its heading of one or more lines, its cells and, if they have any, the styles of the cells."""

    heading: str
    cells: Sequence[str]
    styles: Sequence[str] = ()
    right: bool = False

    @property
    def width(self) -> int:
        """Width of the widest line."""
        return max(cell_len(line) for line in (*self.heading.split("\n"), *self.cells))

    def rows(self, rows: Sequence[int]) -> "Column":
        """Returns the column with these rows only."""
        styles = [self.styles[row] for row in rows] if self.styles else ()
        return replace(self, cells=[self.cells[row] for row in rows], styles=styles)


def blocks(
    identifying: Sequence[Column], groups: Sequence[Sequence[Column]], width: int
) -> list[list[Column]]:
    """Returns the columns of each table: the identifying columns, then as many groups as fit into the width.

    A group is never split. A group that does not fit has a table of its own.
    """
    packed: list[list[Column]] = []
    for group in groups:
        if packed and _width([*packed[-1], *group]) <= width:
            packed[-1].extend(group)
        else:
            packed.append([*identifying, *group])
    return packed


def print_table(console: Console, columns: Sequence[Column], symbols: Symbols) -> None:
    """Prints one table in its full width, even on a console that is narrower."""
    table = Table(
        box=SIMPLE_HEAD if symbols is UNICODE else _ASCII_HEAD,
        safe_box=False,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),
        width=_width(columns),
    )
    for column in columns:
        table.add_column(_justified(column.heading, column), vertical="bottom", no_wrap=True)
    for row in zip(*map(_texts, columns), strict=True):
        table.add_row(*row)
    console.print(table, crop=False, no_wrap=True, overflow="ignore")


def _texts(column: Column) -> list[Text]:
    styles = column.styles or [""] * len(column.cells)
    return [Text(_justified(cell, column), style) for cell, style in zip(column.cells, styles, strict=True)]


def _justified(text: str, column: Column) -> str:
    # rich would strip the blanks that align the parts of a cell when it justifies on the right.
    if not column.right:
        return text
    return "\n".join(" " * (column.width - cell_len(line)) + line for line in text.split("\n"))


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)
