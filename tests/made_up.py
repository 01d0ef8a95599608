"""Made-up runs whose scores are plain to see, as the store reads them."""

from itertools import pairwise
from typing import Any

import pandas as pd
import pyarrow as pa

from ablate.experiment.grid import expand
from ablate.experiment.spec import build
from ablate.store.parts import to_pandas
from ablate.store.schema import CURVES, RUNS, SCORES
from ablate.store.status import DIVERGED, FAILED, FINISHED

Made = tuple[dict[str, Any], list[dict[str, Any]]]

STEPS = 10  # between evaluations

# The settings of a default run, as the columns of `runs` hold them.
_DEFAULT_RUN = expand(build({"activation": "relu", "norm": "off", "dropout": "0", "seeds": "0-0"}))[0]
DEFAULT_SETTINGS = _DEFAULT_RUN.settings_as_stored()


def made(
    activation: str = "relu",
    norm: str = "off",
    dropout: str = "0",
    seed: int = 0,
    *,
    val: tuple[float, ...] = (0.1, 0.5, 0.9),
    gap: float = 0.05,
    status: str = FINISHED,
    **settings: Any,
) -> Made:
    """Returns a run's row and its curve: training accuracy lies `gap` above validation, losses are 2 - accuracy."""
    run_id = f"{activation} {norm} {dropout} {seed} {settings}"
    curve = [
        {
            "run_id": run_id,
            "step": STEPS * k,
            "epoch": float(k),
            "running_loss": 1.0 if k else None,
            "train_loss": 2 - accuracy - gap,
            "train_accuracy": accuracy + gap,
            "val_loss": 2 - accuracy,
            "val_accuracy": accuracy,
        }
        for k, accuracy in enumerate(val)
    ]
    row = {
        **DEFAULT_SETTINGS,
        "run_id": run_id,
        "variant": "as it was stored",
        "activation": activation,
        "norm": norm,
        "dropout": dropout,
        "epochs": 3,
        "seed": seed,
        "dataset": "digits",
        "model": "mlp",
        "steps": STEPS * (len(val) - 1),
        "status": status,
        "simulated": False,
        "failed_step": 7 if status == DIVERGED else None,
        "message": {DIVERGED: "the loss is nan", FAILED: "the worker was killed"}.get(status),
    } | settings
    if status == FINISHED:
        best = val.index(max(val))
        row |= {name: curve[-1].get(name) for name in SCORES.names}
        row |= {
            "best_val_accuracy": val[best],
            "best_epoch": float(best),
            "gap_accuracy": gap,
            "gap_loss": gap,
        }
        row |= {"aulc": sum(a + b for a, b in pairwise(val)) / 2 / (len(val) - 1)}
    return row, [] if status == FAILED else curve


def frames(*runs: Made) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the `runs` and `curves` that a folder with these runs is read as."""
    return (
        to_pandas(pa.Table.from_pylist([row for row, _ in runs], schema=RUNS)),
        to_pandas(pa.Table.from_pylist([row for _, curve in runs for row in curve], schema=CURVES)),
    )
