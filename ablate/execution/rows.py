"""The rows of the results tables, made from the result of a stack."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.convergence import aulc
from ablate.analysis.gap import gap_at
from ablate.experiment.grid import Run, variant_name
from ablate.experiment.plan import Stack
from ablate.store.schema import CURVES, RUNS, SCORES
from ablate.store.status import DIVERGED, FAILED, FINISHED
from ablate.training.result import LayerValues, StackResult

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class RowContext:
    """The values that are the same for all rows of a grid; `factors` are the factors in the names of variants."""

    dataset: str
    model: str
    factors: tuple[str, ...]
    train_samples: int


def trained_tables(stack: Stack, result: StackResult, context: RowContext) -> Tables:
    """Returns the rows of a trained stack for the tables `runs`, `curves` and, if there are diagnostics, `layers`.

    A diverged run has no scores in the table `runs`. The rows of a diverged run in the tables `curves` and `layers` end
    before the divergence.
    """
    runs, curves, layers = [], [], []
    for index, run in enumerate(stack.runs):
        row = _settings(run, context) | {
            "parameters": result.parameters[index],
            "seconds": result.seconds / len(stack.runs),
            "device": result.device,
        }
        divergence = result.divergences[index]
        if divergence is None:
            curve = _curve(run, result, index, len(result.steps))
            row |= {"status": FINISHED} | _scores(curve)
        else:
            curve = _curve(run, result, index, int(np.searchsorted(result.steps, divergence.step)))
            row |= {"status": DIVERGED, "failed_step": divergence.step, "message": divergence.message}
        runs.append(row)
        curves.append(curve)
        if result.layers:
            layers.append(_layers(run, result.steps, result.layers, index, len(curve)))
    tables = {"runs": _runs_frame(runs), "curves": pd.concat(curves, ignore_index=True)}
    return tables | ({"layers": pd.concat(layers, ignore_index=True)} if layers else {})


def failed_tables(stack: Stack, message: str, context: RowContext) -> Tables:
    """Returns rows for the table `runs` for a stack that could not be trained, and no rows for the table `curves`."""
    rows = [_settings(run, context) | {"status": FAILED, "message": message} for run in stack.runs]
    return {"runs": _runs_frame(rows), "curves": pd.DataFrame(columns=CURVES.names)}


def _settings(run: Run, context: RowContext) -> dict[str, Any]:
    """Returns the columns of the table `runs` whose values are known before training."""
    return run.settings_as_stored() | {
        "run_id": run.run_id,
        "variant": variant_name(run, context.factors),
        "seed": run.seed,
        "simulated": run.simulated,
        "dataset": context.dataset,
        "model": context.model,
        "steps": run.epochs * (context.train_samples // run.batch_size),
    }


def _curve(run: Run, result: StackResult, index: int, evaluations: int) -> pd.DataFrame:
    """Returns the rows of one run for the table `curves`, for the first `evaluations` evaluations of the run."""
    scores = {name: values[:, index] for name, values in result.curves.items()}
    columns = {"run_id": run.run_id, "step": result.steps, "epoch": result.epochs} | scores
    return pd.DataFrame(columns)[:evaluations]


def _layers(
    run: Run, steps: NDArray[np.int64], layers: LayerValues, index: int, evaluations: int
) -> pd.DataFrame:
    """Returns the rows of one run for the table `layers`, for the first `evaluations` evaluations of the run."""
    names = np.array(layers.names, dtype=object)
    columns = {
        "run_id": run.run_id,
        "step": np.repeat(steps[:evaluations], len(names)),
        "layer": np.tile(names[:, 0], evaluations),
        "quantity": np.tile(names[:, 1], evaluations),
        "value": layers.values[:evaluations, :, index].reshape(-1),
    }
    return pd.DataFrame(columns).dropna(ignore_index=True)


def _scores(curve: pd.DataFrame) -> dict[str, float]:
    """Returns the summary of a run's learning curve: scores, gaps and area under the curve.

    Scores are those of the last and of the best evaluation. A gap is the difference between a training score and a
    validation score.
    """
    scores = {name: curve[name].to_numpy() for name in SCORES.names}
    gap_accuracy, gap_loss = gap_at(scores, -1)
    best = curve.iloc[int(curve["val_accuracy"].argmax())]
    return {name: float(column[-1]) for name, column in scores.items()} | {
        "best_val_accuracy": float(best["val_accuracy"]),
        "best_epoch": float(best["epoch"]),
        "gap_accuracy": gap_accuracy,
        "gap_loss": gap_loss,
        "aulc": aulc(curve["step"].to_numpy(), scores["val_accuracy"]),
    }


def _runs_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows).reindex(columns=RUNS.names)
