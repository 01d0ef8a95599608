"""Tables of the page: sortable by every column, filtered by words and, where asked, by the levels of each factor."""

import re
from collections.abc import Sequence
from html import escape

from ablate.report.columns import Column
from ablate.report.numbers import UNICODE
from ablate.report.tables import Section

# What a cell may begin with before its number: a bound, a sign.
_NUMBER = re.compile(r"\s*[≥>]?\s*([+-]?[0-9][0-9,]*\.?[0-9]*(?:e[+-]?[0-9]+)?)")
# A column with a cell longer than this holds sentences, and its lines are wrapped.
_SENTENCE = 40


def section_html(section: Section, name: str, filtered: bool) -> str:
    """Returns a section of a report as HTML.

    Args:
        section: Title and columns; one without columns is its title alone.
        name: Of the table on the page.
        filtered: Whether its rows can be filtered.
    """
    columns = [*section.identifying, *(column for group in section.groups for column in group)]
    if not columns:
        return f'<p class="title">{escape(section.title)}</p>'
    levels = len(section.identifying) if filtered else 0
    return table_html(section.title, name, columns, levels if filtered else None)


def table_html(title: str, name: str, columns: Sequence[Column], levels: int | None = None) -> str:
    """Returns a table with its title as HTML.

    Args:
        title: What it shows.
        name: Of the table on the page.
        columns: Its columns; the first names the row.
        levels: How many of the first columns can be filtered by exact value; None for no filter at all.
    """
    filters = "" if levels is None else _filters(name, columns, levels)
    heads = "".join(
        f'<th scope="col" aria-sort="none"><button type="button">{escape(column.heading.strip())}</button></th>'
        for column in columns
    )
    numeric = [_is_numeric(column.cells) for column in columns]
    rows = "".join(
        "<tr>"
        + "".join(_cell(column, row, place, numeric[place]) for place, column in enumerate(columns))
        + "</tr>\n"
        for row in range(len(columns[0].cells))
    )
    title = escape(title)
    return (
        f'<div class="block" id="{name}"><p class="title" id="{name}-title">{title}</p>{filters}'
        f'<div class="table" role="region" aria-labelledby="{name}-title" tabindex="0">'
        f'<table aria-labelledby="{name}-title"><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody></table>'
        "</div></div>"
    )


def value(text: str, numeric: bool) -> str:
    """Returns what a cell is sorted by: its first number, or its text; nothing where it holds none."""
    if not numeric:
        return text.strip()
    found = _NUMBER.match(text)
    return found[1].replace(",", "") if found else ""


def _is_numeric(cells: Sequence[str]) -> bool:
    known = [cell for cell in cells if cell.strip() not in ("", "-")]
    return bool(known) and all(_NUMBER.match(cell) for cell in known)


def _cell(column: Column, row: int, place: int, numeric: bool) -> str:
    text = column.cells[row]
    shown = escape(text if numeric else text.strip())
    data = f'data-value="{escape(value(text, numeric))}" data-text="{escape(text.strip())}"'
    if place == 0:
        return f'<th scope="row" {data}>{shown}</th>'
    marks = {UNICODE.best: " best", UNICODE.worst: " worst"}
    mark = next((name for sign, name in marks.items() if text.rstrip().endswith(sign)), "")
    wide = " text" if not numeric and max(map(len, column.cells)) > _SENTENCE else ""
    return f'<td class="{"number" if numeric else ""}{mark}{wide}" {data}>{shown}</td>'


def _filters(name: str, columns: Sequence[Column], levels: int) -> str:
    selects = []
    for place, column in enumerate(columns[:levels]):
        found = list(dict.fromkeys(cell.strip() for cell in column.cells))
        if 1 < len(found) < len(column.cells) or (len(found) > 1 and place == 0):
            options = "".join(
                f'<option value="{escape(level)}">{escape(level)}</option>' for level in sorted(found)
            )
            selects.append(
                f'<label>{escape(column.heading)}<select data-column="{place}"><option value="">all</option>'
                f"{options}</select></label>"
            )
    return (
        f'<div class="filters"><label>Rows with all these words<input type="search" autocomplete="off"></label>'
        f'{"".join(selects)}<output aria-live="polite"></output></div>'
    )
