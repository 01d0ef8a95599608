"""Figures of scores against training steps: convergence for each level of a factor, and training against validation."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ablate.analysis.bands import curve_bands
from ablate.analysis.metrics import VARIANT
from ablate.analysis.summary import Summary
from ablate.report.figures.panels import MUTED, draw_levels, draw_line, format_percent, grid, legend, note
from ablate.report.figures.slices import lines_and_panels, panels_only
from ablate.report.headings import HEADINGS, factor_words
from ablate.report.numbers import PERCENT
from ablate.report.style import drawing, look

# Prefixes of the score columns, and their names in the legend.
_PARTS = {"train": "training", "val": "validation"}
# The score in each row of panels, and the metric for its difference between training and validation.
_SCORES = {"loss": "gap_loss", "accuracy": "gap_accuracy"}
_MARGIN = 0.02  # smallest distance, in accuracy, of a guide line from the end of the axis
# Styles of a dotted guide line and of its label.
_GUIDE: dict[str, Any] = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (2, 3)), "zorder": 1}
_LABEL: dict[str, Any] = {"textcoords": "offset points", "va": "top", "fontsize": 8, "color": MUTED}


@drawing()
def convergence(summary: Summary, curves: pd.DataFrame, factor: str) -> Figure:
    """Returns a figure of validation loss (top) and validation accuracy (bottom) against steps.

    Each level of `factor` has a line for the mean and a band for the interval. Each column of panels is one level of a
    second factor, such as norm. All other factors have the levels of the reference variant. Unfinished runs are not
    drawn; each panel states their number.
    """
    chosen, words, target = lines_and_panels(summary, factor), factor_words(factor), summary.target_accuracy
    size = 2, len(chosen.panels)
    figure, axes = grid(summary, f"Convergence by {words}", chosen.about(), *size, sharex="col", sharey="row")
    losses, accuracies = (curve_bands(chosen.runs, curves, score) for score in ("val_loss", "val_accuracy"))
    for top, bottom, panel in zip(*axes, chosen.panels, strict=True):
        draw_levels(top, losses, chosen, panel)
        draw_levels(bottom, accuracies, chosen, panel)
        note(bottom, chosen.unfinished(panel))
        if not math.isnan(target):
            label, at = f"target {PERCENT.text(target)} %", ("axes fraction", "data")
            bottom.axhline(target, **_GUIDE)
            bottom.annotate(label, (1, target), (-2, -2), xycoords=at, ha="right", **_LABEL)
    axes[0][0].set_ylabel("validation loss")
    axes[1][0].set_ylabel("validation accuracy")
    _format(axes, map(chosen.title, chosen.panels), [accuracies], target)
    legend(figure, chosen.levels, words)
    return figure


@drawing()
def overfitting(summary: Summary, curves: pd.DataFrame, factor: str) -> Figure:
    """Returns a figure of training and validation loss (top) and accuracy (bottom) against steps.

    Each level of `factor` has a column of panels. All other factors have the levels of the reference variant. Each
    panel states the mean gap between training and validation after training. If the validation loss rises in more than
    half of the runs, a vertical line marks the median step from which the loss rises.
    """
    chosen = panels_only(summary, factor)
    title = f"Training against validation by {factor_words(factor)}"
    figure, axes = grid(summary, title, chosen.about(), 2, len(chosen.panels), sharex="col", sharey="row")
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
            onsets = runs["overfit_step"].dropna()
            if 2 * len(onsets) > len(runs):
                step, at = onsets.median(), ("data", "axes fraction")
                axis.axvline(step, **_GUIDE)
                axis.annotate("overfits", (step, 1), (3, -2), xycoords=at, **_LABEL)
    _format(axes, map(chosen.title, chosen.panels), bands["accuracy"], math.nan)
    legend(figure, list(_PARTS.values()), "")
    return figure


def _gap(runs: pd.DataFrame, metric: str) -> str:
    finished, unit = runs.loc[runs["finished"], metric], HEADINGS[metric].unit
    return f"gap {unit.text(finished.mean())}{unit.of_differences}" if len(finished) else ""


def _format(
    axes: list[list[Axes]], titles: Iterable[str], accuracies: Sequence[pd.DataFrame], target: float
) -> None:
    """Formats the axes of two rows of panels: losses on a logarithmic scale (top) and accuracies in percent (bottom).

    The vertical axis of accuracies covers all bands except their values at step 0, because the accuracy of an untrained
    network is far below all other accuracies. The vertical axis also covers the target accuracy, unless `target` is
    NaN. The panels of a row share the vertical axis.
    """
    top, bottom = axes
    for panel, title in zip(top, titles, strict=True):
        panel.set_title(title)
        panel.set_yscale("log", nonpositive="mask")
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
    for panel in bottom:
        panel.set_xlabel("steps")
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        panel.set_xlim(left=0)
    low, high = bottom[0].get_ylim()
    seen = [bands.loc[bands["step"] > 0, ["mean", "low", "high"]].to_numpy().ravel() for bands in accuracies]
    values = np.concatenate(seen)
    values = values[np.isfinite(values)]
    if len(values):
        margin = 0.05 * (values.max() - values.min()) or 0.05
        low, high = values.min() - margin, values.max() + margin
    if not math.isnan(target):
        low, high = min(low, target - _MARGIN), max(high, target + _MARGIN)
    bottom[0].set_ylim(low, high)
    format_percent(bottom[0])
