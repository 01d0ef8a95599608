"""Colours, markers and dashes of lines.

The lines can be told apart in black and white, and by colour-blind people. Each colour has a contrast of at least 3 to
the background. Any two colours of a palette differ by at least 25 in CIE Lab, both for normal vision and for simulated
protanopia, deuteranopia and tritanopia (Machado et al., IEEE Transactions on Visualization and Computer Graphics
15:1291-1298, 2009).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

WHITE, DARK = "#FFFFFF", "#15181D"
# Colours on a white and on a dark background, and the names of the marker in matplotlib and in plotly.
_POINTS = (
    ("#012D7A", "#54AFED", "o", "circle"),
    ("#B97D09", "#E47D0A", "s", "square"),
    ("#127446", "#57FF91", "^", "triangle-up"),
    ("#9E66B5", "#975689", "D", "diamond"),
    ("#820000", "#D3003C", "v", "triangle-down"),
    ("#4A87FF", "#4060D0", "P", "cross"),
    ("#000000", "#CDFFFF", "X", "x"),
    ("#869198", "#98AC92", "<", "triangle-left"),
    ("#4E3353", "#FFEA00", ">", "triangle-right"),
)
# Names of dashes in matplotlib and in plotly.
_STROKES = (("-", "solid"), ("--", "dash"), ("-.", "dashdot"), (":", "dot"))
ON_WHITE, ON_DARK, *_ = zip(*_POINTS, strict=True)
DASHES = tuple(dash for _, dash in _STROKES)


@dataclass(frozen=True)
class Look:
    """The style of one of several lines in a figure.

    `marker` and `line` are the names of the marker and the dashes in matplotlib; `symbol` and `dash` are their names in
    plotly.
    """

    colour: str
    on_dark: str
    marker: str
    symbol: str
    line: str
    dash: str


def look(index: int) -> Look:
    """Returns the style of line number `index`, counted from 0. The first 36 styles differ even without colour."""
    repeats, point = divmod(index, len(_POINTS))
    return Look(*_POINTS[point], *_STROKES[(point + repeats) % len(_STROKES)])


@contextmanager
def drawing() -> Iterator[None]:
    """Applies `SETTINGS` to matplotlib inside the `with` block, which makes or renders a figure.

    With these settings, the same figure always gives the same bytes.
    """
    import matplotlib

    with matplotlib.rc_context(SETTINGS):
        yield


SETTINGS: dict[Any, Any] = {
    "axes.edgecolor": "#666666",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": "#E4E4E4",
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "lines.linewidth": 1.7,
    "lines.markersize": 5.5,
    "savefig.dpi": 150,
    "svg.fonttype": "path",
    "svg.hashsalt": "ablate",
    "text.parse_math": False,  # a name may contain dollar signs
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}
