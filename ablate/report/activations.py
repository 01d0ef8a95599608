"""Activation functions as a table of what is special about each, and as a figure of the functions and derivatives."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablate.report.columns import Column
from ablate.report.style import ON_WHITE, drawing
from ablate.report.tables import Section

if TYPE_CHECKING:
    # Not at run time: the one draws, which most commands do not, and the other brings torch.
    from matplotlib.figure import Figure

    from ablate.nn.properties import Curve, Properties

_ACROSS = 5
_NOTE = (
    "Found numerically, in float64. Range: on |z| <= 50, and at |z| = 1e3 and 1e6, where a function that still grows "
    "by 1 % has no bound. Largest |f'(z)|: on |z| <= 20. Mean and gain: for z from N(0, 1); zero-centred: the mean is "
    "less than 1 % of the root mean square; gain = 1 / sqrt(E[f(z)^2]), what --init auto-gain scales weights by. "
    "Smooth: the derivative has no jump. prelu is as before training, with a slope of 0.25."
)


def properties_section(found: Sequence["Properties"]) -> Section:
    """Returns the table of activation functions, one a row."""
    return Section(
        "Activation functions",
        (Column("activation", [each.name for each in found]),),
        (
            (Column("range", [f"{_number(each.low)} to {_number(each.high)}" for each in found]),),
            (Column("largest\n|f'|", [_number(each.largest_derivative) for each in found], right=True),),
            (
                Column("mean", [f"{each.mean:z.3f}" for each in found], right=True),
                Column("zero-\ncentred", [_yes(each.is_zero_centred) for each in found]),
            ),
            (Column("smooth", [_yes(each.is_smooth) for each in found]),),
            (Column("gain", [f"{each.gain:.4f}" for each in found], right=True),),
        ),
        _NOTE,
    )


@drawing()
def curves_figure(curves: Sequence["Curve"]) -> "Figure":
    """Returns a panel for each function: f(z) solid, f'(z) dashed, all on the same axes."""
    from matplotlib.figure import Figure

    across = min(_ACROSS, len(curves))
    down = -(-len(curves) // across)
    figure = Figure(figsize=(2.3 * across, 2.1 * down + 0.6), layout="constrained")
    axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for place, panel in enumerate(axes.flat):
        if place >= len(curves):
            panel.set_visible(False)
            continue
        curve = curves[place]
        panel.plot(curve.z, curve.y, color=ON_WHITE[0], linestyle="-", label="f(z)")
        panel.plot(curve.z, curve.derivative, color=ON_WHITE[1], linestyle="--", label="f'(z)")
        panel.set_title(curve.name)
        panel.set_ylim(-2.2, 3.2)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def _number(value: float) -> str:
    return ("-inf" if value < 0 else "inf") if math.isinf(value) else f"{value:z.4g}"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
