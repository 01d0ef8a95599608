"""Tables of the HTML report.

A reader can sort a table by any column, and filter its rows by words and by levels of factors.
"""

import re
from collections.abc import Iterator, Sequence

from ablate.report.numbers import UNICODE
from ablate.report.page.markup import escape
from ablate.report.sections import Column, Section

# The first number of a cell, after an optional `≥` or `>`.
_NUMBER = re.compile(r"\s*[≥>]?\s*([+-]?[0-9][0-9,]*\.?[0-9]*(?:e[+-]?[0-9]+)?)")
# If a cell of a column is longer than `_SENTENCE`, the column contains sentences, and its lines are wrapped.
_SENTENCE = 40


def section_html(section: Section, name: str, filtered: bool) -> str:
    """Returns a section of a report as HTML. `name` is the id of the HTML element.

    If the section has no columns, only its title is shown.
    """
    if not section.columns:
        return f'<p class="title">{escape(section.title)}</p>'
    levels = len(section.identifying) if filtered else None
    return table_html(section.title, name, section.columns, levels)


def table_html(title: str, name: str, columns: Sequence[Column], levels: int | None = None) -> str:
    """Returns a table with its title as HTML. `name` is the id of the HTML element.

    The cells of the first column are the headings of the rows. A reader can filter the rows by the values of the first
    `levels` columns. If `levels` is None, the table has no filter at all.
    """
    filters = "" if levels is None else _filters(columns, levels)
    heads = "".join(
        f'<th scope="col" aria-sort="none"><button type="button">{escape(column.heading.strip())}</button></th>'
        for column in columns
    )
    cells = [_cells(column, names_rows=index == 0) for index, column in enumerate(columns)]
    rows = "".join(f"<tr>{''.join(row)}</tr>\n" for row in zip(*cells, strict=True))
    title = escape(title)
    return (
        f'<div class="block" id="{name}"><p class="title" id="{name}-title">{title}</p>{filters}'
        f'<div class="table" role="region" aria-labelledby="{name}-title" tabindex="0">'
        f'<table aria-labelledby="{name}-title"><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody></table>'
        "</div></div>"
    )


def value(text: str, numeric: bool) -> str:
    """Returns the text by which a cell is sorted: the text of the cell or, in a numeric column, its first number.

    The result is empty if a cell of a numeric column has no number.
    """
    if not numeric:
        return text.strip()
    return number[1].replace(",", "") if (number := _NUMBER.match(text)) else ""


def _cells(column: Column, names_rows: bool) -> Iterator[str]:
    known = [cell for cell in column.cells if cell.strip() not in ("", "-")]
    numeric = bool(known) and all(map(_NUMBER.match, known))
    wide = " text" if not numeric and max(map(len, column.cells), default=0) > _SENTENCE else ""
    for text in column.cells:
        shown = escape(text if numeric else text.strip())
        data = f'data-value="{escape(value(text, numeric))}" data-text="{escape(text.strip())}"'
        mark = {UNICODE.best: " best", UNICODE.worst: " worst"}.get(text.rstrip()[-1:], "")
        kind = f'td class="{"number" if numeric else ""}{mark}{wide}"'
        yield f'<th scope="row" {data}>{shown}</th>' if names_rows else f"<{kind} {data}>{shown}</td>"


def _filters(columns: Sequence[Column], levels: int) -> str:
    selects = []
    for index, column in enumerate(columns[:levels]):
        texts = sorted({cell.strip() for cell in column.cells})
        if 1 < len(texts) < len(column.cells) or (len(texts) > 1 and index == 0):
            options = "".join(f'<option value="{escape(level)}">{escape(level)}</option>' for level in texts)
            selects.append(
                f'<label>{escape(column.heading)}<select data-column="{index}"><option value="">all</option>'
                f"{options}</select></label>"
            )
    return (
        '<div class="filters"><label>Rows with all these words<input type="search" autocomplete="off"></label>'
        f'{"".join(selects)}<output aria-live="polite"></output></div>'
    )
