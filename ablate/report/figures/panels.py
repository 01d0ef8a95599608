"""What all figures share: a grid of panels with a heading, lines with bands, axes in the unit of what they show."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ablate.report.style import Look

_MARKERS_A_LINE = 7
_MUTED = "#555555"

Panels = np.ndarray[Any, np.dtype[np.object_]]


def grid(
    title: str, about: str, rows: int, columns: int, *, width: float = 3.9, height: float = 2.9, **shared: Any
) -> tuple[Figure, Panels]:
    """Returns a figure with a heading of two lines, and its axes, shape (rows, columns).

    Args:
        title: What is shown.
        about: Of which runs, and what bands and whiskers are.
        rows: Of panels.
        columns: Of panels.
        width: Of a panel, in inches.
        height: Of a panel, in inches.
        **shared: As `Figure.subplots` takes them, `sharex` and the like.
    """
    figure = Figure(figsize=(max(width * columns + 1.6, 6.0), height * rows + 0.7), layout="constrained")
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=13, fontweight="bold")
    axes = figure.subplots(rows, columns, squeeze=False, **shared)
    # A second line of a suptitle cannot look different, so it is laid over the room left for it.
    figure.draw_without_rendering()
    figure.text(0.01, 1 - 0.42 / figure.get_figheight(), about, ha="left", va="center", fontsize=9, color=_MUTED)
    return figure, axes


def line(axes: Axes, band: pd.DataFrame, x: str, look: Look, place: int = 0, **changes: Any) -> None:
    """Draws a mean over seeds and its interval.

    Args:
        axes: Where.
        band: Rows in the order of `x`, with columns `mean`, `low` and `high`.
        x: The column along the horizontal axis.
        look: Of the line.
        place: Among the lines; their markers are staggered by it.
        **changes: To the line, as `Axes.plot` takes them.
    """
    every = max(len(band) // _MARKERS_A_LINE, 1)
    settings = {"color": look.colour, "linestyle": look.line, "marker": look.marker} | changes
    axes.plot(band[x], band["mean"], markevery=(place % every, every), **settings)
    axes.fill_between(band[x], band["low"], band["high"], color=settings["color"], alpha=0.15, linewidth=0)


def key(look: Look, label: str, **changes: Any) -> Line2D:
    """Returns the entry of a legend for a line."""
    settings = {"color": look.colour, "linestyle": look.line, "marker": look.marker} | changes
    return Line2D([], [], label=label, **settings)


def legend(figure: Figure, keys: list[Line2D], title: str) -> None:
    """Puts the legend to the right of the panels."""
    figure.legend(
        handles=keys, title=title, loc="outside right upper", handlelength=3.2, alignment="left", title_fontsize=10
    )


def note(axes: Axes, text: str) -> None:
    """Writes a remark into the lower right corner of a panel."""
    if text:
        axes.text(0.98, 0.03, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=8.5, color=_MUTED)


def whole_steps(axes: Axes) -> None:
    """Makes the horizontal axis one of steps."""
    axes.set_xlabel("steps")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlim(left=0)


def percent(axes: Axes) -> None:
    """Makes the vertical axis one of shares, written in percent."""
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
