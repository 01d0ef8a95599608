"""Activation functions: a table of their properties, and a figure of the functions and their derivatives."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ablate.report.sections import Column, Section
from ablate.report.style import ON_WHITE, drawing

if TYPE_CHECKING:
    # Imported only for type checks, because matplotlib and torch are slow to load.
    from matplotlib.figure import Figure

    from ablate.nn.properties import Curve, Properties

_MOST_COLUMNS = 5
_NOTE = (
    "Computed in float64. Range: on |z| <= 50, and at |z| = 1e3 and 1e6, where a function that still grows by 1 % has "
    "no bound. Largest |f'(z)|: on |z| <= 20. Mean and gain: for z from N(0, 1); zero-centred: the mean is less than "
    "1 % of the root mean square; gain = 1 / sqrt(E[f(z)^2]), what --init auto-gain scales weights by. Smooth: the "
    "derivative has no jump. prelu is as before training, with a slope of 0.25."
)


def properties_section(functions: Sequence["Properties"]) -> Section:
    """Returns the table of the properties of activation functions, one function per row."""
    derivatives = [f"{function.largest_derivative:z.4g}" for function in functions]
    centred = ["yes" if function.is_zero_centred else "no" for function in functions]
    return Section(
        "Activation functions",
        (Column("activation", [function.name for function in functions]),),
        (
            (Column("range", [f"{function.low:z.4g} to {function.high:z.4g}" for function in functions]),),
            (Column("largest\n|f'|", derivatives, right=True),),
            (
                Column("mean", [f"{function.mean:z.3f}" for function in functions], right=True),
                Column("zero-\ncentred", centred),
            ),
            (Column("smooth", ["yes" if function.is_smooth else "no" for function in functions]),),
            (Column("gain", [f"{function.gain:.4f}" for function in functions], right=True),),
        ),
        _NOTE,
    )


@drawing()
def curves_figure(curves: Sequence["Curve"]) -> "Figure":
    """Returns a figure with one panel per activation function f.

    The line of f(z) is solid, and the line of the derivative f'(z) is dashed. All panels have the same axes.
    """
    from matplotlib.figure import Figure

    columns = min(_MOST_COLUMNS, len(curves))
    rows = math.ceil(len(curves) / columns)
    figure = Figure(figsize=(2.3 * columns, 2.1 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for panel in axes.flat[len(curves) :]:
        panel.set_visible(False)
    for panel, curve in zip(axes.flat, curves, strict=False):
        panel.plot(curve.z, curve.y, color=ON_WHITE[0], linestyle="-", label="f(z)")
        panel.plot(curve.z, curve.derivative, color=ON_WHITE[1], linestyle="--", label="f'(z)")
        panel.set_title(curve.name)
        panel.set_ylim(-2.2, 3.2)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure
