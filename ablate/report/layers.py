"""The diagnostics of each variant's layers as a table. Variants with the fewest signs of trouble come first."""

import math
from collections.abc import Callable

import pandas as pd

from ablate.report.numbers import PERCENT, Unit
from ablate.report.sections import Column, Section
from ablate.report.simulated import marked

_TWO_DECIMALS = Unit(1, 2)
_NOTE = (
    "First-to-last gradient: norm of the first hidden layer's gradient over the output layer's, untrained and at the "
    "end; below 0.01 it vanishes. Off centre: |mean| / std of the activations of the worst layer, above 1. Dead: units "
    "through which no sample of the probe sends a gradient. Saturated: derivatives below 5 % of the function's "
    "largest, about half for relu. Update: size of the last step's change over the weights', about 1e-3 while it "
    "learns well. Batch norm: how far the batch's mean lies from the running one, in running deviations."
)
_NO_LAYERS = (
    "RESULTS holds no layers: train with `ablate run --diagnostics`, and --force for runs already stored."
)


def layers_section(health: pd.DataFrame, *, simulated: bool) -> Section:
    """Returns the results of `analysis.layers.health` as a table, one row per variant in unchanged order.

    A `-` stands for an unknown value.
    """
    variants = (Column("variant", health["variant"].tolist()),)
    if not (health["runs"] > 0).any():
        return Section(marked("Layers", simulated), variants, (), _NO_LAYERS)
    known = zip(health["runs"], health["signs"], strict=True)
    signs = [", ".join(signs) or ("none" if runs else "-") for runs, signs in known]
    groups: list[tuple[Column, ...]] = [
        (
            _column("first-to-last\ngradient, start", health["gradient_ratio_start"], _ratio),
            _column("first-to-last\ngradient, end", health["gradient_ratio_end"], _ratio),
        ),
        (_column("off\ncentre", health["centre"], _TWO_DECIMALS.text),),
        (
            _column("dead %", health["dead_share"], PERCENT.text),
            _column("satu-\nrated %", health["saturated_share"], PERCENT.text),
        ),
        (_column("update /\nweight", health["update_ratio"], _ratio),),
    ]
    if health["running_mean_shift"].notna().any():
        groups.append((_column("batch norm\nshift", health["running_mean_shift"], _TWO_DECIMALS.text),))
    groups.append((Column("signs", signs),))
    title = "Layers, variants with the fewest signs of trouble first (the worst layer at the last evaluation)"
    return Section(marked(title, simulated), variants, tuple(groups), _NOTE)


def _column(heading: str, values: "pd.Series[float]", text: Callable[[float], str]) -> Column:
    return Column(heading, [text(float(value)) for value in values], right=True)


def _ratio(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2g}"
