"""Convergence: validation loss and accuracy against steps, a line a level of a factor."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.analysis.bands import curve_bands
from ablate.analysis.metrics import VARIANT
from ablate.analysis.summary import Summary
from ablate.report.figures.panels import (
    MUTED,
    after_the_start,
    grid,
    key,
    legend,
    line,
    logarithmic,
    note,
    percent,
    whole_steps,
)
from ablate.report.figures.slices import Slice, lines_and_panels
from ablate.report.headings import factor_words
from ablate.report.numbers import PERCENT
from ablate.report.style import drawing, look

# Rows of panels: column of `curves`, and its name.
_SCORES = (("val_loss", "validation loss"), ("val_accuracy", "validation accuracy"))
_ROOM = 0.02  # between the target and the end of the axis, in accuracy


@drawing()
def convergence(summary: Summary, curves: pd.DataFrame, factor: str) -> Figure:
    """Returns validation loss (above) and accuracy (below) against steps, a line and band a level of a factor.

    The columns are the levels of batch norm or another factor; all else is as in the reference. Runs that did not
    finish are left out and counted in the panel.

    Args:
        summary: Of the runs.
        curves: Frame with the columns of `store.schema.CURVES`.
        factor: Whose levels to compare.
    """
    chosen = lines_and_panels(summary, factor)
    title = f"Convergence by {factor_words(factor)}"
    figure, axes = grid(title, chosen.about(), 2, len(chosen.panels), sharex="col", sharey="row")
    for row, (score, words) in enumerate(_SCORES):
        bands = curve_bands(chosen.runs, curves, score)
        for column, panel in enumerate(chosen.panels):
            _draw(axes[row][column], bands, chosen, panel)
        if score == "val_accuracy":
            after_the_start(axes[row], [bands])
        axes[row][0].set_ylabel(words)
    for column, panel in enumerate(chosen.panels):
        top, bottom = axes[0][column], axes[1][column]
        top.set_title(chosen.title(panel))
        logarithmic(top)
        note(bottom, chosen.unfinished(panel))
        whole_steps(bottom)
        _target(bottom, summary.target_accuracy)
    percent(axes[1][0])
    keys = [key(look(place), level) for place, level in enumerate(chosen.levels)]
    legend(figure, keys, factor_words(factor))
    return figure


def _draw(axes: Axes, bands: pd.DataFrame, chosen: Slice, panel: str) -> None:
    for place, _, variant in chosen.variants(panel):
        band = bands[bands[VARIANT] == variant]
        if len(band):
            line(axes, band, "step", look(place), place)


def _target(axes: Axes, accuracy: float) -> None:
    if not math.isnan(accuracy):
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, accuracy - _ROOM), max(high, accuracy + _ROOM))
        axes.axhline(accuracy, color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
        text = f"target {PERCENT.text(accuracy)} %"
        axes.annotate(
            text,
            (1, accuracy),
            (-2, -2),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=MUTED,
        )
