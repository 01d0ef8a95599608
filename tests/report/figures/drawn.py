"""Runs to draw, and the data of figures read back from them."""

import pandas as pd

from ablate.analysis.convergence import Target
from ablate.analysis.summary import summarize
from tests.made_up import frames, made

# Final validation accuracy of each cell; seeds lie 0.02 on either side.
CELLS = {
    ("relu", "off"): 0.8,
    ("relu", "batch"): 0.9,
    ("sigmoid", "off"): 0.4,
    ("sigmoid", "batch"): 0.86,
}


def grid(**failing):
    """Runs of all cells, dropout 0 and 0.5 (0.1 lower), two seeds; `failing` gives a status by `relu_off_0`."""
    return [
        made(
            activation,
            norm,
            dropout,
            seed,
            val=tuple(x * (last - 0.1 * (dropout == "0.5") + 0.02 * (-1) ** seed) for x in (0.25, 0.75, 1)),
            gap=0.05 if norm == "off" else 0.01,
            status=failing.get(f"{activation}_{norm}_{seed}", "finished"),
        )
        for (activation, norm), last in CELLS.items()
        for dropout in ("0", "0.5")
        for seed in (0, 1)
    ]


def summary_of(runs, target="0.7", reference=None):
    stored, curves = frames(*runs)
    return summarize(stored, curves, Target.parse(target), reference, "best_val_accuracy"), curves


def lines(axes):
    """The lines of a panel with markers, by marker; a line across the panel has none."""
    return {
        line.get_marker(): line.get_xydata()
        for line in axes.get_lines()
        if line.get_marker() not in ("None", None)
    }


def texts(figure):
    return " | ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def layers_of_runs(runs, quantity="gradient_norm"):
    """Ten times less a layer away from the output for sigmoid without batch norm, the same everywhere else."""
    names = [f"hidden.{place}" for place in range(11)]
    rows = []
    for row, _ in runs:
        vanishing = (row["activation"], row["norm"]) == ("sigmoid", "off")
        for step in (0, 10, 20):
            for place, layer in enumerate([*names, "output"]):
                value = 10.0 ** (place - len(names)) if vanishing else 1.0
                rows.append((row["run_id"], step, layer, quantity, value * (1 + step)))
    return pd.DataFrame(rows, columns=["run_id", "step", "layer", "quantity", "value"])
