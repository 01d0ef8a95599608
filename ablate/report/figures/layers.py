"""Figures of layer diagnostics: a quantity plotted against the layers, at the start and at the end of training."""

import re

import pandas as pd
from matplotlib.figure import Figure

from ablate.analysis.bands import layer_bands
from ablate.analysis.summary import Summary
from ablate.output.visible import visible
from ablate.report.figures.panels import draw_levels, format_percent, grid, legend, note
from ablate.report.figures.slices import lines_and_panels
from ablate.report.headings import factor_words
from ablate.report.style import drawing

_NUMBER = re.compile(r"\d+")
# For each quantity: its name in words, and whether its axis is linear, logarithmic or a share in percent.
QUANTITIES = {
    "activation_mean": ("mean of activations", "linear"),
    "activation_std": ("standard deviation of activations", "log"),
    "dead_share": ("dead units", "share"),
    "saturated_share": ("saturated activations", "share"),
    "gradient_norm": ("gradient norm", "log"),
    "update_ratio": ("update over weight", "log"),
    "running_mean_shift": ("shift of batch mean against running mean", "linear"),
    "running_std_ratio": ("batch over running deviation", "linear"),
}


@drawing()
def layers_figure(summary: Summary, layers: pd.DataFrame, factor: str, quantity: str) -> Figure | None:
    """Returns a figure with the layers on the horizontal axis and a diagnostic quantity on the vertical axis.

    The top row shows the first evaluation with this quantity, and the bottom row shows the last evaluation. Each line
    is one level of `factor`. Each column of panels is one level of a second factor, such as norm. All other factors
    have the levels of the reference variant. The result is None if no finished run with these levels has the quantity.
    """
    chosen = lines_and_panels(summary, factor)
    bands = layer_bands(chosen.runs, layers, quantity)
    if bands.empty:
        return None
    # Numbers in the names of layers are sorted by value, so hidden.10 follows hidden.9.
    order = sorted(
        bands["layer"].unique(), key=lambda layer: _NUMBER.sub(lambda part: f"{part[0]:0>9}", layer)
    )
    bands = bands.assign(index=bands["layer"].map(order.index)).sort_values("index", kind="stable")
    words, scale = QUANTITIES.get(quantity, (quantity.replace("_", " "), "linear"))
    ends = sorted({int(bands["step"].min()), int(bands["step"].max())})
    title, size = f"{words[0].upper()}{words[1:]} by layer", (len(ends), len(chosen.panels))
    figure, axes = grid(summary, title, chosen.about(), *size, height=2.7, sharex=True, sharey="row")
    for row, step in zip(axes, ends, strict=True):
        for panel, level in zip(row, chosen.panels, strict=True):
            draw_levels(panel, bands[bands["step"] == step], chosen, level, "index")
            panel.set_title(", ".join(filter(None, (chosen.title(level), f"step {step}"))))
        row[0].set_ylabel(words)
        if scale == "log":
            row[0].set_yscale("log", nonpositive="mask")
        elif scale == "share":
            format_percent(row[0])
    for panel, level in zip(axes[-1], chosen.panels, strict=True):
        panel.set_xticks(
            range(len(order)), [visible(layer) for layer in order], rotation=30 if len(order) > 4 else 0
        )
        note(panel, chosen.unfinished(level))
    legend(figure, chosen.levels, factor_words(factor))
    return figure
