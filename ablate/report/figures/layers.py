"""Diagnostics by layer: a quantity in every layer, a line a level of a factor, at the start and the end of training."""

import re
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from ablate.analysis.bands import layer_bands
from ablate.analysis.metrics import VARIANT
from ablate.analysis.summary import Summary
from ablate.report.figures.panels import grid, key, legend, line, note, percent
from ablate.report.figures.slices import lines_and_panels
from ablate.report.headings import factor_words
from ablate.report.style import drawing, look


@dataclass(frozen=True)
class Quantity:
    """How a quantity of a layer is written: its name, and whether its axis is `linear`, `log` or of a `share`."""

    words: str
    axis: str


@drawing()
def layers_figure(summary: Summary, layers: pd.DataFrame, factor: str, quantity: str) -> Figure | None:
    """Returns a quantity against the layers at the first (above) and the last evaluation that has it (below).

    The columns are the levels of batch norm or another factor; all else is as in the reference. None where no run
    shown that finished has the quantity.

    Args:
        summary: Of the runs.
        layers: Frame with the columns of `store.schema.LAYERS`.
        factor: A line for each of its levels.
        quantity: One that `layers` holds.
    """
    chosen = lines_and_panels(summary, factor)
    bands = layer_bands(chosen.runs, layers, quantity)
    if bands.empty:
        return None
    order = sorted(bands["layer"].unique(), key=_natural)
    bands = bands.assign(place=bands["layer"].map(order.index)).sort_values("place", kind="stable")
    written = QUANTITIES.get(quantity, Quantity(quantity.replace("_", " "), "linear"))
    ends = sorted({int(bands["step"].min()), int(bands["step"].max())})
    title = f"{written.words[0].upper()}{written.words[1:]} by layer"
    figure, axes = grid(
        title, chosen.about(), len(ends), len(chosen.panels), sharex=True, sharey="row", height=2.7
    )
    for row, step in enumerate(ends):
        for column, panel in enumerate(chosen.panels):
            for place, _, variant in chosen.variants(panel):
                band = bands[(bands[VARIANT] == variant) & (bands["step"] == step)]
                if len(band):
                    line(axes[row][column], band, "place", look(place))
            axes[row][column].set_title(", ".join(filter(None, (chosen.title(panel), f"step {step}"))))
        axes[row][0].set_ylabel(written.words)
        if written.axis == "log":
            axes[row][0].set_yscale("log", nonpositive="mask")
        elif written.axis == "share":
            percent(axes[row][0])
    for column, panel in enumerate(chosen.panels):
        axes[-1][column].set_xticks(range(len(order)), order, rotation=30 if len(order) > 4 else 0)
        note(axes[-1][column], chosen.unfinished(panel))
    keys = [key(look(place), level) for place, level in enumerate(chosen.levels)]
    legend(figure, keys, factor_words(factor))
    return figure


def _natural(layer: str) -> list[tuple[int, str]]:
    """Returns what sorts hidden.10 after hidden.9."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", layer)]


QUANTITIES = {
    "activation_mean": Quantity("mean of activations", "linear"),
    "activation_std": Quantity("standard deviation of activations", "log"),
    "dead_share": Quantity("dead units", "share"),
    "saturated_share": Quantity("saturated activations", "share"),
    "gradient_norm": Quantity("gradient norm", "log"),
    "update_ratio": Quantity("update over weight", "log"),
    "running_mean_shift": Quantity("batch norm: shift of batch against running mean", "linear"),
    "running_std_ratio": Quantity("batch norm: batch over running deviation", "linear"),
}
