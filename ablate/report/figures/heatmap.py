"""Heat maps of interactions: the mean of a metric for each combination of levels of two factors."""

import math
from itertools import chain
from typing import Any

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
from ablate.output.visible import visible
from ablate.report.figures.panels import grid
from ablate.report.headings import HEADINGS, factor_words
from ablate.report.numbers import Unit
from ablate.report.style import drawing
from ablate.report.words import format_p, format_share, name_term

_MOST_COLUMNS = 3
_ASPECT = 0.5  # ratio of a cell's height to its width


@drawing()
def interactions(summary: Summary, findings: Findings) -> Figure | None:
    """Returns a figure with one heat map per pair of factors.

    Each cell shows the mean of a metric for one pair of levels. A lighter cell is better. Means are taken over seeds
    and over the backgrounds (levels of all other factors) that all cells share. A cell without a mean is hatched. The
    title of each heat map states which share of the variance the interaction explains. The result is None if only one
    factor is varied.
    """
    pairs = list(findings.contrasts)
    if not pairs:
        return None
    means = [cells(summary.runs, findings.metric, *pair, summary.factors).means() for pair in pairs]
    heading = HEADINGS[findings.metric]
    columns = min(len(pairs), _MOST_COLUMNS)
    size = math.ceil(len(pairs) / columns), columns
    height = max(0.42 * max(map(len, means)) + 1.1, 2.4)
    title = f"{heading.words[0].upper()}{heading.words[1:]} by two factors"
    about = f"mean over seeds and all other factors, {heading.unit.of_values.strip()}; lighter is better"
    figure, axes = grid(summary, title, about, *size, width=3.2, height=height)
    scale = _scale(np.concatenate([table.to_numpy(np.float64).ravel() for table in means]))
    colours = colormaps["cividis" if METRICS[findings.metric].higher_is_better else "cividis_r"]
    panels = list(chain.from_iterable(axes))
    for panel in panels[len(pairs) :]:
        panel.set_axis_off()
    shares = {
        frozenset(row["term"]): f"\n{format_share(row['share'])} of the variance{format_p(row['p_holm'])}"
        for row in findings.effects.to_dict("records")
    }
    for panel, pair, table in zip(panels, pairs, means, strict=False):
        _draw(panel, table, heading.unit, scale, colours)
        panel.set_title(name_term(pair) + shares.get(frozenset(pair), ""))
    return figure


def _scale(values: Floats) -> Normalize:
    """Returns the range of the colour scale: the range of all values except outliers (values beyond Tukey's fences)."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Normalize(0, 1)
    first, third = np.quantile(known, (0.25, 0.75))
    reach = 1.5 * (third - first)
    return Normalize(max(known.min(), first - reach), min(known.max(), third + reach), clip=True)


def _draw(axes: Axes, means: pd.DataFrame, unit: Unit, scale: Normalize, colours: Colormap) -> None:
    values = means.to_numpy(np.float64)
    axes.imshow(np.ma.masked_invalid(values), norm=scale, cmap=colours, aspect=_ASPECT)
    axes.set_anchor("NW")
    axes.grid(visible=False)
    axes.set_xticks(range(len(means.columns)), [visible(str(level)) for level in means.columns])
    axes.set_yticks(range(len(means.index)), [visible(str(level)) for level in means.index])
    axes.set_xlabel(factor_words(str(means.columns.name)))
    axes.set_ylabel(factor_words(str(means.index.name)))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        colour = "black"
        if np.isnan(value):
            hatch: dict[str, Any] = {"facecolor": "white", "edgecolor": "#BBBBBB", "hatch": "///"}
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, linewidth=0, **hatch))
        elif _luminance(colours(scale(value))) < 0.18:
            colour = "white"
        axes.text(column, row, unit.text(value), ha="center", va="center", fontsize=9, color=colour)


def _luminance(colour: tuple[float, float, float, float]) -> float:
    """Returns the relative luminance of a colour, as defined by WCAG 2.

    White text has more contrast than black text on a colour with a luminance below 0.18.
    """
    channels = np.array(colour[:3])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
