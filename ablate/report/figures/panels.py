"""What all figures share: a grid of panels with a heading, lines with bands, axes in the unit of what they show."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from ablate.report.style import Look

_MARKERS_A_LINE = 7
MUTED = "#555555"


def grid(
    title: str, about: str, rows: int, columns: int, *, width: float = 3.9, height: float = 2.9, **shared: Any
) -> tuple[Figure, list[list[Axes]]]:
    """Returns a figure with a heading of two lines, and its axes, row by row.

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
    figure.text(
        0.01, 1 - 0.42 / figure.get_figheight(), about, ha="left", va="center", fontsize=9, color=MUTED
    )
    return figure, axes.tolist()


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
        handles=keys,
        title=title,
        loc="outside right upper",
        handlelength=3.2,
        alignment="left",
        title_fontsize=10,
    )


def note(axes: Axes, text: str, *, above: bool = False) -> None:
    """Writes a remark into the lower or upper right corner of a panel, where curves that rise or fall leave room."""
    y, va = (0.97, "top") if above else (0.03, "bottom")
    if text:
        axes.text(0.98, y, text, transform=axes.transAxes, ha="right", va=va, fontsize=8.5, color=MUTED)


def whole_steps(axes: Axes) -> None:
    """Makes the horizontal axis one of steps."""
    axes.set_xlabel("steps")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlim(left=0)


def logarithmic(axes: Axes) -> None:
    """Makes the vertical axis a logarithmic one with plain numbers."""
    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def after_the_start(panels: Iterable[Axes], bands: Iterable[pd.DataFrame]) -> None:
    """Fits the vertical axis, one for all panels, to what was seen after the first step.

    The untrained network lies far below the rest and would take most of the room.
    """
    ends = [band.loc[band["step"] > 0, ["mean", "low", "high"]].to_numpy() for band in bands]
    values = np.concatenate([each.ravel() for each in ends]) if ends else np.empty(0)
    values = values[np.isfinite(values)]
    if len(values):
        room = 0.05 * (values.max() - values.min()) or 0.05
        for axes in panels:
            axes.set_ylim(values.min() - room, values.max() + room)


def percent(axes: Axes) -> None:
    """Makes the vertical axis one of shares, written in percent, no further than from 0 to 1."""
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -0.015), min(high, 1.015))
