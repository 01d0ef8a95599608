"""Overfitting: training against validation scores, side by side for the levels of a factor."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.analysis.bands import curve_bands
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
from ablate.report.figures.slices import panels_only
from ablate.report.headings import HEADINGS, factor_words
from ablate.report.style import drawing, look

_PARTS = (("train", "training"), ("val", "validation"))
# Rows of panels: name, and the metric of the gap.
_SCORES = (("loss", "gap_loss"), ("accuracy", "gap_accuracy"))


@drawing()
def overfitting(summary: Summary, curves: pd.DataFrame, factor: str) -> Figure:
    """Returns loss (above) and accuracy (below) in training and validation, a column a level of a factor.

    All else is as in the reference. The mean gap at the end stands in each panel, and a vertical line at the median
    step from which the validation loss turns up, if it does in more than half of the runs.

    Args:
        summary: Of the runs.
        curves: Frame with the columns of `store.schema.CURVES`.
        factor: Whose levels to compare.
    """
    chosen = panels_only(summary, factor)
    title = f"Training against validation by {factor_words(factor)}"
    figure, axes = grid(title, chosen.about(), 2, len(chosen.panels), sharex="col", sharey="row")
    for row, (score, gap) in enumerate(_SCORES):
        bands = [curve_bands(chosen.runs, curves, f"{part}_{score}") for part, _ in _PARTS]
        for column, panel in enumerate(chosen.panels):
            here = chosen.runs[chosen.runs[factor] == panel]
            name = here["variant"].iloc[0]
            for place, band in enumerate(bands):
                mine = band[band["variant"] == name]
                if len(mine):
                    line(axes[row][column], mine, "step", look(place), 2 * place)
            unfinished = chosen.unfinished(panel) if score == "accuracy" else ""
            text = "\n".join(filter(None, (_gap(here, gap), unfinished)))
            note(axes[row][column], text, above=score == "loss")
            _onset(axes[row][column], here)
        if score == "accuracy":
            after_the_start(axes[row], bands)
        axes[row][0].set_ylabel(score)
    for top, panel in zip(axes[0], chosen.panels, strict=True):
        top.set_title(chosen.title(panel))
        logarithmic(top)
    for bottom in axes[1]:
        whole_steps(bottom)
    percent(axes[1][0])
    legend(figure, [key(look(place), words) for place, (_, words) in enumerate(_PARTS)], "")
    return figure


def _gap(runs: pd.DataFrame, metric: str) -> str:
    finished = runs.loc[runs["finished"], metric]
    heading = HEADINGS[metric]
    return f"gap {heading.unit.text(finished.mean())}{heading.of_differences}" if len(finished) else ""


def _onset(axes: Axes, runs: pd.DataFrame) -> None:
    onsets = runs["overfit_step"].dropna()
    if 2 * len(onsets) > len(runs):
        axes.axvline(onsets.median(), color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
        axes.annotate(
            "overfits",
            (onsets.median(), 1),
            (3, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=MUTED,
        )
