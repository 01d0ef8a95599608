"""Convergence: validation loss and accuracy against steps, with a line per level of a factor."""

import math

import pandas as pd
from matplotlib.figure import Figure

from ablate.analysis.bands import curve_bands
from ablate.analysis.summary import Summary
from ablate.report.figures.panels import draw_levels, format_scores, grid, horizontal_guide, legend, note
from ablate.report.figures.slices import lines_and_panels
from ablate.report.headings import factor_words
from ablate.report.numbers import PERCENT
from ablate.report.style import drawing


@drawing()
def convergence(summary: Summary, curves: pd.DataFrame, factor: str) -> Figure:
    """Returns validation loss (above) and accuracy (below) against steps, with a line and band per level of a factor.

    The columns are the levels of norm or another factor; all other factors are as in the reference. Runs that did not
    finish are left out and counted in the panel.
    """
    chosen = lines_and_panels(summary, factor)
    title = f"Convergence by {factor_words(factor)}"
    size = 2, len(chosen.panels)
    figure, axes = grid(title, chosen.about(), *size, simulated=summary.simulated, sharex="col", sharey="row")
    target = summary.target_accuracy
    losses, accuracies = (curve_bands(chosen.runs, curves, score) for score in ("val_loss", "val_accuracy"))
    for top, bottom, panel in zip(*axes, chosen.panels, strict=True):
        draw_levels(top, losses, chosen, panel)
        draw_levels(bottom, accuracies, chosen, panel)
        note(bottom, chosen.unfinished(panel))
        if not math.isnan(target):
            horizontal_guide(bottom, target, f"target {PERCENT.text(target)} %")
    axes[0][0].set_ylabel("validation loss")
    axes[1][0].set_ylabel("validation accuracy")
    format_scores(axes, map(chosen.title, chosen.panels), [accuracies], target)
    legend(figure, chosen.levels, factor_words(factor))
    return figure
