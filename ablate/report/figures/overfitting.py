"""Overfitting: training against validation scores, side by side for the levels of a factor."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.analysis.bands import curve_bands
from ablate.analysis.metrics import VARIANT
from ablate.analysis.summary import Summary
from ablate.report.figures.panels import draw_line, format_scores, grid, legend, note, vertical_guide
from ablate.report.figures.slices import panels_only
from ablate.report.headings import HEADINGS, factor_words
from ablate.report.style import drawing, look

# Scores of training and validation, and their names.
_PARTS = {"train": "training", "val": "validation"}
# Rows of panels, with the metric of the gap.
_SCORES = {"loss": "gap_loss", "accuracy": "gap_accuracy"}


@drawing()
def overfitting(summary: Summary, curves: pd.DataFrame, factor: str) -> Figure:
    """Returns loss (above) and accuracy (below) in training and validation, with a column per level of a factor.

    All other factors are as in the reference. Each panel shows the mean gap at the end, and a vertical line at the
    median step from which the validation loss rises, if it does in more than half of the runs.
    """
    chosen = panels_only(summary, factor)
    title = f"Training against validation by {factor_words(factor)}"
    size = 2, len(chosen.panels)
    figure, axes = grid(title, chosen.about(), *size, simulated=summary.simulated, sharex="col", sharey="row")
    bands = {
        score: [curve_bands(chosen.runs, curves, f"{part}_{score}") for part in _PARTS] for score in _SCORES
    }
    for row, (score, gap) in zip(axes, _SCORES.items(), strict=True):
        row[0].set_ylabel(score)
        for axis, panel in zip(row, chosen.panels, strict=True):
            runs = chosen.runs[chosen.runs[factor] == panel]
            for index, band in enumerate(bands[score]):
                band = band[band[VARIANT] == runs[VARIANT].iloc[0]]
                draw_line(axis, band, "step", look(index), 2 * index)
            unfinished = chosen.unfinished(panel) if score == "accuracy" else ""
            note(axis, "\n".join(filter(None, (_gap(runs, gap), unfinished))), above=score == "loss")
            _mark_onset(axis, runs)
    format_scores(axes, map(chosen.title, chosen.panels), bands["accuracy"], math.nan)
    legend(figure, list(_PARTS.values()), "")
    return figure


def _gap(runs: pd.DataFrame, metric: str) -> str:
    finished = runs.loc[runs["finished"], metric]
    heading = HEADINGS[metric]
    return f"gap {heading.unit.text(finished.mean())}{heading.unit.of_differences}" if len(finished) else ""


def _mark_onset(axes: Axes, runs: pd.DataFrame) -> None:
    onsets = runs["overfit_step"].dropna()
    if 2 * len(onsets) > len(runs):
        vertical_guide(axes, onsets.median(), "overfits")
