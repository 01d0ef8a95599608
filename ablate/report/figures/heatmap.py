"""Interactions: how a metric depends on each two factors, as a table coloured by its values."""

from itertools import chain

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ablate.analysis.arrays import Floats
from ablate.analysis.findings import Findings
from ablate.analysis.interactions import cells
from ablate.analysis.metrics import METRICS
from ablate.analysis.summary import Summary
from ablate.report.figures.panels import grid
from ablate.report.headings import HEADINGS, factor_words
from ablate.report.numbers import Unit
from ablate.report.style import drawing
from ablate.report.words import p_words, share

_COLUMNS = 3
_FLAT = 0.5  # height of a cell over its width


@drawing()
def interactions(summary: Summary, findings: Findings) -> Figure | None:
    """Returns a panel for each two factors with the mean of a metric in each cell, lighter where better.

    Means are taken over seeds and the backgrounds all cells share; a cell without any is hatched. The titles say what
    share of the variance the interaction accounts for. None where a single factor is varied.

    Args:
        summary: Of the runs.
        findings: About the metric to show.
    """
    pairs = list(findings.contrasts)
    if not pairs:
        return None
    means = [cells(summary.runs, findings.metric, *pair, summary.factors).means() for pair in pairs]
    heading = HEADINGS[findings.metric]
    unit = heading.unit
    rows, columns = -(-len(pairs) // _COLUMNS), min(len(pairs), _COLUMNS)
    height = max(0.42 * max(map(len, means)) + 1.1, 2.4)
    words = heading.words[0].upper() + heading.words[1:]
    about = f"mean over seeds and all other factors, {heading.of_values.strip()}; lighter is better"
    figure, axes = grid(f"{words} by two factors", about, rows, columns, width=3.2, height=height)
    scale = _scale(np.concatenate([table.to_numpy(np.float64).ravel() for table in means]))
    colours = colormaps["cividis" if METRICS[findings.metric].higher_is_better else "cividis_r"]
    for place, panel in enumerate(chain.from_iterable(axes)):
        if place >= len(pairs):
            panel.set_axis_off()
            continue
        _draw(panel, means[place], unit, scale, colours)
        panel.set_title(_title(pairs[place], findings))
    return figure


def _title(pair: tuple[str, str], findings: Findings) -> str:
    names = " x ".join(map(factor_words, pair))
    for row in findings.effects.to_dict("records"):
        if set(row["term"]) == set(pair):
            return f"{names}\n{share(row['share'])} of the variance{p_words(row['p_holm'])}"
    return names


def _scale(values: Floats) -> Normalize:
    """Returns the range of the colours: that of the values, without those far from the others (Tukey's fences)."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Normalize(0, 1)
    first, third = np.quantile(known, (0.25, 0.75))
    reach = 1.5 * (third - first)
    return Normalize(max(known.min(), first - reach), min(known.max(), third + reach), clip=True)


def _draw(axes: Axes, means: pd.DataFrame, unit: Unit, scale: Normalize, colours: Colormap) -> None:
    values = means.to_numpy(np.float64)
    axes.imshow(np.ma.masked_invalid(values), norm=scale, cmap=colours, aspect=_FLAT)
    axes.set_anchor("NW")
    axes.grid(visible=False)
    axes.set_xticks(range(len(means.columns)), [str(level) for level in means.columns])
    axes.set_yticks(range(len(means.index)), [str(level) for level in means.index])
    axes.set_xlabel(factor_words(str(means.columns.name)))
    axes.set_ylabel(factor_words(str(means.index.name)))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        known = not np.isnan(value)
        if not known:
            axes.add_patch(_hatched(row, column))
        dark = known and _luminance(colours(scale(value))) < 0.18
        axes.text(
            column,
            row,
            unit.text(value),
            ha="center",
            va="center",
            fontsize=9,
            color="white" if dark else "black",
        )


def _hatched(row: int, column: int) -> Rectangle:
    return Rectangle(
        (column - 0.5, row - 0.5), 1, 1, facecolor="white", edgecolor="#BBBBBB", hatch="///", linewidth=0
    )


def _luminance(colour: tuple[float, float, float, float]) -> float:
    """Returns the relative luminance of a colour, as WCAG 2 defines it; below 0.18 white text stands out more."""
    channels = np.array(colour[:3])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
