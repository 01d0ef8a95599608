"""All figures of a results folder, and the conversion of a figure to the bytes of an image file."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from ablate.analysis.findings import find
from ablate.analysis.metrics import STEPS_TO_TARGET
from ablate.analysis.summary import Summary
from ablate.output.visible import visible_lines
from ablate.report.figures.curves import convergence, overfitting
from ablate.report.figures.dots import dots
from ablate.report.figures.heatmap import interactions
from ablate.report.figures.layers import layers_figure
from ablate.report.style import drawing

_HEATMAPS = ("best_val_accuracy", STEPS_TO_TARGET, "gap_accuracy")
_REGULARIZERS = ("norm", "dropout")
# By default matplotlib writes its version into a PNG file and the current time into an SVG file.
_METADATA: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
FORMATS = tuple(_METADATA)


def figures(summary: Summary, curves: pd.DataFrame, layers: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Yields all figures of the results, each as a pair of a file name without extension and the figure.

    `curves` has the columns of `store.schema.CURVES`, and `layers` has the columns of `store.schema.LAYERS`. If the
    results have no diagnostics, `layers` has no rows.
    """
    for factor in summary.shown_factors:
        yield f"convergence-{factor}", convergence(summary, curves, factor)
    for factor in _REGULARIZERS:
        if factor in summary.varied_factors or not summary.varied_factors:
            yield f"overfitting-{factor}", overfitting(summary, curves, factor)
    yield "speed-and-gap", dots(summary)
    for metric in _HEATMAPS:
        if heatmap := interactions(summary, find(summary, metric)):
            yield f"interactions-{metric}", heatmap
    for quantity in sorted(layers["quantity"].unique()):
        if by_layer := layers_figure(summary, layers, summary.shown_factors[0], quantity):
            yield f"layers-{quantity}", by_layer


@drawing()
def to_bytes(figure: Figure, kind: str) -> bytes:
    """Returns the bytes of an image file of a figure, in a format of `FORMATS`.

    The bytes depend only on the figure and on the version of matplotlib.
    """
    for text in figure.findobj(Text):
        text.set_text(visible_lines(text.get_text()))
    file = BytesIO()
    figure.savefig(file, format=kind, metadata=_METADATA[kind])
    return file.getvalue()
