"""The layers of each variant as a table, from healthy to sick."""

import math
from collections.abc import Callable, Sequence

import pandas as pd

from ablate.report.columns import Column
from ablate.report.numbers import PERCENT
from ablate.report.tables import Section

_NOTE = (
    "First-to-last gradient: norm of the first hidden layer's gradient over the output layer's, untrained and at the "
    "end; below 0.01 it vanishes. Off centre: |mean| / std of the activations of the worst layer, above 1. Dead: units "
    "through which no sample of the probe sends a gradient. Saturated: derivatives below 5 % of the function's "
    "largest, about half for relu. Update: size of the last step's change over the weights', about 1e-3 while it "
    "learns well. Batch norm: how far the batch's mean lies from the running one, in running deviations."
)
_NOTHING = (
    "RESULTS holds no layers: train with `ablate run --diagnostics`, and --force for runs already stored."
)


def layers_section(health: pd.DataFrame) -> Section:
    """Returns the table of `analysis.layers.health`, one variant a row in its order; `-` where nothing is known."""
    if not (health["runs"] > 0).any():
        return Section("Layers", (Column("variant", health["variant"].tolist()),), (), _NOTHING)
    groups: list[tuple[Column, ...]] = [
        (
            _column("first-to-last\ngradient, start", health["gradient_ratio_start"], _ratio),
            _column("first-to-last\ngradient, end", health["gradient_ratio_end"], _ratio),
        ),
        (_column("off\ncentre", health["centre"], _plain),),
        (
            _column("dead %", health["dead_share"], PERCENT.text),
            _column("satu-\nrated %", health["saturated_share"], PERCENT.text),
        ),
        (_column("update /\nweight", health["update_ratio"], _ratio),),
    ]
    if health["running_mean_shift"].notna().any():
        groups.append((_column("batch norm\nshift", health["running_mean_shift"], _plain),))
    groups.append(
        (Column("signs", [_signs(*row) for row in zip(health["runs"], health["signs"], strict=True)]),)
    )
    return Section(
        "Layers, from healthy to sick (the worst layer at the last evaluation)",
        (Column("variant", health["variant"].tolist()),),
        tuple(groups),
        _NOTE,
    )


def _column(heading: str, values: "pd.Series[float]", written: Callable[[float], str]) -> Column:
    return Column(heading, [written(float(value)) for value in values], right=True)


def _ratio(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2g}"


def _plain(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:z.2f}"


def _signs(runs: int, signs: Sequence[str]) -> str:
    return ", ".join(signs) or ("none" if runs else "-")
