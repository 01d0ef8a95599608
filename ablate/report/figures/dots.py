"""Dot plots of means and intervals.

A plot has one row per level of the first factor, and one mark per combination of levels of all other factors.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ablate.analysis.metrics import STEPS_TO_TARGET, VARIANT
from ablate.analysis.summary import Summary
from ablate.experiment.grid import name_of
from ablate.output.visible import visible
from ablate.report.figures.panels import MUTED, grid, legend
from ablate.report.headings import HEADINGS, factor_words
from ablate.report.numbers import PERCENT, counted
from ablate.report.style import Look, drawing, look

_METRICS = (STEPS_TO_TARGET, "gap_accuracy", "gap_loss")
# If a row would have more than `_MOST_MARKS` marks, each variant gets a row of its own.
_MOST_MARKS = 9
_SPREAD = 0.76  # share of a row's height used for marks

Row = Mapping[Any, Any]


@drawing()
def dots(summary: Summary) -> Figure:
    """Returns a figure of steps to target and final gaps of all variants, as dots with 95 % intervals.

    If some runs missed the target, the mean of the steps is a lower bound and is drawn as an open mark with an arrow. A
    variant without a finished run has no gap and is drawn as a cross at the edge of the panel.
    """
    variants: Sequence[Row] = summary.variants.to_dict("records")
    in_order: Sequence[Row] = summary.runs.drop_duplicates(VARIANT).to_dict("records")
    rows_by, marks_by = summary.shown_factors[:1], summary.shown_factors[1:]
    marks = list(dict.fromkeys(name_of(row, marks_by) for row in in_order))
    if len(marks) > _MOST_MARKS:
        rows_by, marks_by, marks = summary.shown_factors, (), [""]
    rows = list(dict.fromkeys(name_of(row, rows_by) for row in in_order))
    seeds = counted(summary.runs["seed"].nunique(), "seed")
    about = (
        f"mean and 95 % interval over {seeds}; open with an arrow: some runs missed the target, a lower bound"
    )
    height = max(0.28 * len(rows) if len(marks) == 1 else (0.115 * len(marks) + 0.1) * len(rows), 1.6) + 0.9
    size = {"width": 3.4, "height": height}
    figure, (panels,) = grid(summary, "Speed and overfitting", about, 1, len(_METRICS), sharey=True, **size)
    for metric, panel in zip(_METRICS, panels, strict=True):
        panel.grid(visible=False, axis="y")
        panel.tick_params(axis="y", length=0)
        for stripe in range(0, len(rows), 2):
            panel.axhspan(stripe - 0.5, stripe + 0.5, color="#F4F4F4", zorder=0)
        for row in variants:
            mark = marks.index(name_of(row, marks_by))
            shift = _SPREAD * ((mark + 0.5) / len(marks) - 0.5)
            _dot(panel, row, metric, rows.index(name_of(row, rows_by)) + shift, look(mark))
        _axis(panel, metric, summary)
    panels[0].set_yticks(range(len(rows)), [visible(row) for row in rows])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    panels[0].set_ylabel(factor_words(rows_by[0]) if len(rows_by) == 1 else "")
    if len(marks) > 1:
        legend(figure, marks, "", linestyle="none")
    return figure


def _dot(axes: Axes, row: Row, metric: str, y: float, look: Look) -> None:
    if pd.isna(row[f"{metric}_mean"]):
        axes.plot(0.985, y, "x", color=look.colour, transform=axes.get_yaxis_transform(), clip_on=False)
        return
    mean, low, high = (float(row[f"{metric}_{statistic}"]) for statistic in ("mean", "low", "high"))
    is_bound = metric == STEPS_TO_TARGET and row["reached"] < row["runs"]
    axes.plot([low, high], [y, y], color=look.colour, linewidth=1.3, solid_capstyle="butt")
    face = "white" if is_bound else look.colour
    axes.plot(mean, y, look.marker, color=look.colour, markerfacecolor=face, markersize=5)
    if is_bound:
        settings = {"ha": "left", "va": "center_baseline", "fontsize": 9, "color": look.colour}
        axes.annotate("→", (mean, y), (4, 0), textcoords="offset points", **settings)


def _axis(axes: Axes, metric: str, summary: Summary) -> None:
    words = HEADINGS[metric].words
    if metric == STEPS_TO_TARGET:
        axes.set_xlabel(f"{words} ({PERCENT.text(summary.target_accuracy)} %)")
        axes.set_xlim(left=0)
        return
    axes.set_xlabel(f"{words}, nats" if metric == "gap_loss" else words)
    axes.axvline(0, color=MUTED, linewidth=0.9)
    if metric == "gap_accuracy":
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
