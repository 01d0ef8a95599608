"""Diagnostics by layer: a quantity against the layers, at the start and the end of training."""

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ablate.analysis.bands import layer_bands
from ablate.analysis.summary import Summary
from ablate.report.figures.panels import draw_levels, format_percent, grid, legend, note
from ablate.report.figures.slices import lines_and_panels
from ablate.report.headings import factor_words
from ablate.report.style import drawing


@dataclass(frozen=True)
class Quantity:
    """How a quantity is written: its name, and whether its axis is `linear`, `log` or that of a `share`."""

    words: str
    axis: str


@drawing()
def layers_figure(summary: Summary, layers: pd.DataFrame, factor: str, quantity: str) -> Figure | None:
    """Returns a quantity against the layers at the first (above) and the last evaluation that has it (below).

    A line is a level of the factor. The columns are the levels of norm or another factor; all other factors are as in
    the reference. None if no finished run that is shown has the quantity.
    """
    chosen = lines_and_panels(summary, factor)
    bands = layer_bands(chosen.runs, layers, quantity)
    if bands.empty:
        return None
    order = sorted(bands["layer"].unique(), key=_natural)
    bands = bands.assign(index=bands["layer"].map(order.index)).sort_values("index", kind="stable")
    written = QUANTITIES.get(quantity, Quantity(quantity.replace("_", " "), "linear"))
    ends = sorted({int(bands["step"].min()), int(bands["step"].max())})
    title = f"{written.words[0].upper()}{written.words[1:]} by layer"
    size = len(ends), len(chosen.panels)
    shared: dict[str, Any] = {"simulated": summary.simulated, "sharex": True, "sharey": "row"}
    figure, axes = grid(title, chosen.about(), *size, height=2.7, **shared)
    for row, step in zip(axes, ends, strict=True):
        for panel, level in zip(row, chosen.panels, strict=True):
            draw_levels(panel, bands[bands["step"] == step], chosen, level, "index")
            panel.set_title(", ".join(filter(None, (chosen.title(level), f"step {step}"))))
        row[0].set_ylabel(written.words)
        if written.axis == "log":
            row[0].set_yscale("log", nonpositive="mask")
        elif written.axis == "share":
            format_percent(row[0])
    for panel, level in zip(axes[-1], chosen.panels, strict=True):
        panel.set_xticks(range(len(order)), order, rotation=30 if len(order) > 4 else 0)
        note(panel, chosen.unfinished(level))
    legend(figure, chosen.levels, factor_words(factor))
    return figure


def _natural(layer: str) -> list[tuple[int, str]]:
    """Returns a key that sorts hidden.10 after hidden.9."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", layer)]


QUANTITIES = {
    "activation_mean": Quantity("mean of activations", "linear"),
    "activation_std": Quantity("standard deviation of activations", "log"),
    "dead_share": Quantity("dead units", "share"),
    "saturated_share": Quantity("saturated activations", "share"),
    "gradient_norm": Quantity("gradient norm", "log"),
    "update_ratio": Quantity("update over weight", "log"),
    "running_mean_shift": Quantity("shift of batch mean against running mean", "linear"),
    "running_std_ratio": Quantity("batch over running deviation", "linear"),
}
