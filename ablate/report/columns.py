"""Tables that fit: columns in as many blocks as a console's width asks for, nothing cropped or wrapped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.box import SIMPLE_HEAD, Box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ablate.report.numbers import UNICODE, Symbols

_BETWEEN = 2
# SIMPLE_HEAD in ASCII; rich's own fallback draws a frame around everything.
_ASCII_HEAD = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


@dataclass(frozen=True)
class Column:
    """A column: its heading, of one or more lines, its cells and, if they have any, the style of each."""

    heading: str
    cells: Sequence[str]
    styles: Sequence[str] = ()
    right: bool = False

    @property
    def width(self) -> int:
        """Width of the widest line."""
        return max(cell_len(line) for line in (*self.heading.split("\n"), *self.cells))

    def rows(self, places: Sequence[int]) -> "Column":
        """Returns the column with these rows only."""
        styles = [self.styles[place] for place in places] if self.styles else ()
        return replace(self, cells=[self.cells[place] for place in places], styles=styles)


def blocks(
    identifying: Sequence[Column], groups: Sequence[Sequence[Column]], width: int
) -> list[list[Column]]:
    """Returns the columns of each table: as many groups as the width holds, after the identifying columns.

    A group is never torn apart, and stands alone where not even it fits.

    Args:
        identifying: Columns every table begins with.
        groups: Columns that belong together.
        width: Of the console.
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
        padding=(0, _BETWEEN - 1, 0, 0),
        width=_width(columns),
    )
    for column in columns:
        table.add_column(_justified(column.heading, column), vertical="bottom", no_wrap=True)
    styles = [column.styles or [""] * len(column.cells) for column in columns]
    for row in range(len(columns[0].cells)):
        cells = zip(columns, styles, strict=True)
        table.add_row(*(Text(_justified(column.cells[row], column), style[row]) for column, style in cells))
    console.print(table, crop=False, no_wrap=True, overflow="ignore")


def _justified(text: str, column: Column) -> str:
    # Not left to rich: to justify on the right, it strips the blanks that align the parts of a cell.
    if not column.right:
        return text
    return "\n".join(" " * (column.width - cell_len(line)) + line for line in text.split("\n"))


def _width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + _BETWEEN * (len(columns) - 1)
