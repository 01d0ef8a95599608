"""Rows of the results tables, made from what a trainer returns."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.convergence import aulc
from ablate.experiment.grid import Run, variant_name
from ablate.experiment.plan import Stack
from ablate.experiment.spec import FACTORS
from ablate.store.schema import CURVES, DIVERGED, FAILED, FINISHED, RUNS, SETTINGS
from ablate.training.result import LayerValues, StackResult

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Identity:
    """What the rows of a grid have in common.

    Attributes:
        dataset: Name, as given.
        model: Name.
        factors: Those that name a variant.
        train_samples: Size of the training split.
    """

    dataset: str
    model: str
    factors: tuple[str, ...]
    train_samples: int


def trained_tables(stack: Stack, result: StackResult, identity: Identity) -> Tables:
    """Returns the rows of a trained stack, those of `layers` where diagnostics were asked for.

    A diverged run has no scores, and its curve and its layers end before.
    """
    runs, curves, layers = [], [], []
    for place, run in enumerate(stack.runs):
        row = _identifying(run, identity) | {
            "parameters": result.parameters[place],
            "seconds": result.seconds / len(stack.runs),
            "device": result.device,
        }
        divergence = result.divergences[place]
        if divergence is None:
            curve = _curve(run, result, place, len(result.steps))
            row |= {"status": FINISHED} | _scores(curve)
        else:
            curve = _curve(run, result, place, int(np.searchsorted(result.steps, divergence.step)))
            row |= {"status": DIVERGED, "failed_step": divergence.step, "message": divergence.message}
        runs.append(row)
        curves.append(curve)
        if result.layers:
            layers.append(_layers(run, result.steps, result.layers, place, len(curve)))
    tables = {"runs": _runs_frame(runs), "curves": pd.concat(curves, ignore_index=True)}
    return tables | ({"layers": pd.concat(layers, ignore_index=True)} if layers else {})


def failed_tables(stack: Stack, message: str, identity: Identity) -> Tables:
    """Returns the rows of `runs` of a stack whose worker died, and no curves."""
    rows = [_identifying(run, identity) | {"status": FAILED, "message": message} for run in stack.runs]
    return {"runs": _runs_frame(rows), "curves": pd.DataFrame(columns=CURVES.names)}


def _identifying(run: Run, identity: Identity) -> dict[str, Any]:
    settings = {
        name: run.level(name) if str(SETTINGS.field(name).type) == "string" else getattr(run, name)
        for name in FACTORS
    }
    return settings | {
        "run_id": run.run_id,
        "variant": variant_name(run, identity.factors),
        "seed": run.seed,
        "simulated": run.simulated,
        "dataset": identity.dataset,
        "model": identity.model,
        "steps": run.epochs * (identity.train_samples // run.batch_size),
    }


def _curve(run: Run, result: StackResult, place: int, evaluations: int) -> pd.DataFrame:
    """Returns the first evaluations of one run."""
    return pd.DataFrame(
        {
            "run_id": run.run_id,
            "step": result.steps[:evaluations],
            "epoch": result.epochs[:evaluations],
            "running_loss": result.running_loss[:evaluations, place],
            "train_loss": result.train_loss[:evaluations, place],
            "train_accuracy": result.train_accuracy[:evaluations, place],
            "val_loss": result.val_loss[:evaluations, place],
            "val_accuracy": result.val_accuracy[:evaluations, place],
        }
    )


def _layers(
    run: Run, steps: NDArray[np.int64], layers: LayerValues, place: int, evaluations: int
) -> pd.DataFrame:
    """Returns what was found in the layers of one run at its first evaluations."""
    values = layers.values[:evaluations, :, place]
    names = np.array(layers.names, dtype=object)
    frame = pd.DataFrame(
        {
            "run_id": run.run_id,
            "step": np.repeat(steps[:evaluations], len(names)),
            "layer": np.tile(names[:, 0], evaluations),
            "quantity": np.tile(names[:, 1], evaluations),
            "value": values.reshape(-1),
        }
    )
    return frame.dropna(ignore_index=True)


def _scores(curve: pd.DataFrame) -> dict[str, float]:
    """Returns the scores of the last evaluation, the best one, and the area under the learning curve."""
    last, best = curve.iloc[-1], curve.iloc[int(curve["val_accuracy"].argmax())]
    names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    return {name: float(last[name]) for name in names} | {
        "best_val_accuracy": float(best["val_accuracy"]),
        "best_epoch": float(best["epoch"]),
        "gap_accuracy": float(last["train_accuracy"] - last["val_accuracy"]),
        "gap_loss": float(last["val_loss"] - last["train_loss"]),
        "aulc": aulc(curve["step"].to_numpy(), curve["val_accuracy"].to_numpy()),
    }


def _runs_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows)).reindex(columns=RUNS.names)
