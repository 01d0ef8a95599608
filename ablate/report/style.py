"""How lines and points are told apart: colours for the colour-blind, and dashes and markers for no colour at all.

The colours of each palette differ by at least 25 in CIE Lab, also as seen with protanopia, deuteranopia and
tritanopia (Machado et al., "A physiologically-based model for simulation of color vision deficiency", IEEE
Transactions on Visualization and Computer Graphics 15:1291-1298, 2009), and have a contrast of at least 3 to the
background.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

WHITE, DARK = "#FFFFFF", "#15181D"
ON_WHITE = (
    "#012D7A",
    "#B97D09",
    "#127446",
    "#9E66B5",
    "#820000",
    "#4A87FF",
    "#000000",
    "#869198",
    "#4E3353",
)
ON_DARK = (
    "#54AFED",
    "#E47D0A",
    "#57FF91",
    "#975689",
    "#D3003C",
    "#4060D0",
    "#CDFFFF",
    "#98AC92",
    "#FFEA00",
)

# By the names of matplotlib and of plotly.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
SYMBOLS = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "triangle-down",
    "cross",
    "x",
    "triangle-left",
    "triangle-right",
)
LINES = ("-", "--", "-.", ":")
DASHES = ("solid", "dash", "dashdot", "dot")


@dataclass(frozen=True)
class Look:
    """How one of several lines is drawn.

    Attributes:
        colour: On white.
        on_dark: On a dark background.
        marker: As matplotlib names it.
        symbol: The same as plotly names it.
        line: As matplotlib names it.
        dash: The same as plotly names it.
    """

    colour: str
    on_dark: str
    marker: str
    symbol: str
    line: str
    dash: str


def look(place: int) -> Look:
    """Returns how the line at a place, from 0, is drawn; no two of the first 36 look the same without colour."""
    again, of = divmod(place, len(MARKERS))
    line = (of + again) % len(LINES)
    return Look(ON_WHITE[of], ON_DARK[of], MARKERS[of], SYMBOLS[of], LINES[line], DASHES[line])


@contextmanager
def drawing() -> Iterator[None]:
    """Sets matplotlib's settings for the time a figure is made or rendered; the same figure gives the same bytes."""
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
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}
