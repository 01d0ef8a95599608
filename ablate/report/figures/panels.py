"""Parts that several figures share: a grid of panels with a heading, lines with bands, notes and a legend."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from ablate.analysis.metrics import VARIANT
from ablate.analysis.summary import Summary
from ablate.report.figures.slices import Slice
from ablate.report.numbers import counted
from ablate.report.simulated import marked
from ablate.report.style import Look, look

MUTED = "#555555"
_MARKERS_PER_LINE = 7


def grid(
    summary: Summary,
    title: str,
    about: str,
    rows: int,
    columns: int,
    width: float = 3.9,
    height: float = 2.9,
    **shared: Any,
) -> tuple[Figure, list[list[Axes]]]:
    """Returns a figure with a heading, and the axes of its panels as a list of rows.

    The first line of the heading is `title`, and the second is `about`. If runs are missing or did not finish, a third
    line says how many. `width` and `height` are the size of one panel in inches. `shared` holds further arguments of
    `Figure.subplots`.
    """
    figure = Figure(figsize=(max(width * columns + 1.6, 6.0), height * rows + 0.7), layout="constrained")
    lines = [line for line in (about, _unfinished(summary)) if line]
    heading = marked(title, summary.simulated) + "\n" * len(lines)
    figure.suptitle(heading, x=0.01, ha="left", fontsize=13, fontweight="bold")
    axes = figure.subplots(rows, columns, squeeze=False, **shared)
    # All lines of a suptitle have the same style. Lines in another style are therefore drawn over its empty lines.
    for index, line in enumerate(lines):
        y = 1 - (0.42 + 0.22 * index) / figure.get_figheight()
        figure.text(0.01, y, line, ha="left", va="center", fontsize=9, color=MUTED)
    return figure, axes.tolist()


def _unfinished(summary: Summary) -> str:
    """Returns how many runs are missing or did not finish; an empty text if there are none."""
    failed = int((~summary.runs["finished"]).sum())
    unfinished = f"{failed} of {counted(len(summary.runs), 'run')} did not finish" if failed else ""
    return "; ".join(filter(None, (summary.incomplete, unfinished)))


def draw_levels(axes: Axes, bands: pd.DataFrame, chosen: Slice, panel: str, x: str = "step") -> None:
    """Draws one line per level of the factor `chosen.factor` into a panel.

    The rows of `bands` are sorted by the column `x`.
    """
    for index, _, variant in chosen.variants(panel):
        draw_line(axes, bands[bands[VARIANT] == variant], x, look(index), index)


def draw_line(axes: Axes, band: pd.DataFrame, x: str, look: Look, offset: int) -> None:
    """Draws a mean over seeds as a line, and the interval of the mean as a band. Draws nothing if `band` has no rows.

    Only some points of a line have markers. The first point with a marker has the index `offset`, which should differ
    between lines, so that their markers stay apart.
    """
    if band.empty:
        return
    every = max(len(band) // _MARKERS_PER_LINE, 1)
    axes.plot(band[x], band["mean"], markevery=(offset % every, every), **_style(look))
    axes.fill_between(band[x], band["low"], band["high"], color=look.colour, alpha=0.15, linewidth=0)


def legend(figure: Figure, names: Sequence[str], title: str, **changes: Any) -> None:
    """Adds a legend to the right of the panels. The i-th name gets the i-th line style.

    `changes` are settings of `Line2D` that replace those of all line styles.
    """
    keys = [Line2D([], [], label=name, **_style(look(index)) | changes) for index, name in enumerate(names)]
    style: dict[str, Any] = {"handlelength": 3.2, "alignment": "left", "title_fontsize": 10}
    figure.legend(handles=keys, title=title, loc="outside right upper", **style)


def _style(look: Look) -> dict[str, Any]:
    return {"color": look.colour, "linestyle": look.line, "marker": look.marker}


def note(axes: Axes, text: str, *, above: bool = False) -> None:
    """Writes a remark into the lower right corner of a panel, where rising curves leave space.

    If `above` is true, the remark goes into the upper right corner.
    """
    y, va = (0.97, "top") if above else (0.03, "bottom")
    if text:
        axes.text(0.98, y, text, transform=axes.transAxes, ha="right", va=va, fontsize=8.5, color=MUTED)


def format_percent(axes: Axes) -> None:
    """Labels the vertical axis in percent and limits it to shares from 0 to 1."""
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -0.015), min(high, 1.015))
