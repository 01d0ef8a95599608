"""Scores computed from a run's learning curve: steps to target, gap at the best evaluation, onset of overfitting."""

import numpy as np
import pandas as pd

from ablate.analysis.arrays import Floats
from ablate.analysis.convergence import restricted, steps_to_target
from ablate.analysis.gap import best_gap, overfit_step
from ablate.store.schema import SCORES
from ablate.store.status import FINISHED


def reference_best(runs: pd.DataFrame, reference: str) -> float:
    """Returns the reference variant's mean best validation accuracy over seeds, NaN if none of its runs finished."""
    finished = runs[(runs["variant"] == reference) & (runs["status"] == FINISHED)]
    return float(finished["best_val_accuracy"].mean())


_SCORES = ("steps_to_target", "best_gap_accuracy", "best_gap_loss", "overfit_step")


def scored(runs: pd.DataFrame, curves: pd.DataFrame, target: float) -> pd.DataFrame:
    """Returns the runs in unchanged order, with scores computed from their learning curves as new columns.

    - `finished`: whether the run finished. A run that diverged or failed counts as not having reached the target.
    - `steps_to_target`: number of steps to the target accuracy, NaN for a run that missed the target (a censored run).
    - `restricted_steps`: `steps_to_target`, or the number of planned steps for a censored run.
    - `comparable_steps`: `restricted_steps`, cut off at the smallest number of steps planned for any run.
    - `best_gap_accuracy`, `best_gap_loss`, `overfit_step`: results of the functions `best_gap` and `overfit_step` in
      `analysis.gap`.

    `target` is a validation accuracy. If it is NaN (unknown), `steps_to_target`, `restricted_steps` and
    `comparable_steps` are NaN.
    """
    finished = runs["status"] == FINISHED
    names, scores = _of_curves(curves, target)
    # Index -1 of a run without a curve is the row of NaN after all others.
    row = np.where(finished, names.get_indexer(pd.Index(runs["run_id"])), -1)
    values = {name: np.append(column, np.nan)[row] for name, column in scores.items()}
    times, horizons = values.pop("steps_to_target"), runs["steps"].to_numpy(np.float64)
    steps = np.full(len(runs), np.nan) if np.isnan(target) else restricted(times, horizons)
    return runs.assign(
        finished=finished,
        steps_to_target=times,
        restricted_steps=steps,
        comparable_steps=np.minimum(steps, horizons.min()),
        **values,
    )


def _of_curves(curves: pd.DataFrame, target: float) -> tuple[pd.Index, dict[str, Floats]]:
    """Returns the ids of the runs with a learning curve, and the scores of these runs by name of the column.

    All runs with the same number of evaluations are scored at once.
    """
    run, names = pd.factorize(curves["run_id"])
    order, lengths = np.lexsort((curves["step"], run)), np.bincount(run, minlength=len(names))
    starts = np.cumsum(lengths) - lengths
    scores = {name: np.full(len(names), np.nan) for name in _SCORES}
    for length in np.unique(lengths):
        chosen = np.flatnonzero(lengths == length)
        rows = order[starts[chosen, None] + np.arange(length)]
        curve = {name: curves[name].to_numpy(np.float64)[rows] for name in ("step", *SCORES.names)}
        step = curve.pop("step")
        found = (steps_to_target(step, curve["val_accuracy"], target), *best_gap(curve))
        for name, column in zip(_SCORES, (*found, overfit_step(step, curve["val_loss"])), strict=True):
            scores[name][chosen] = column
    return names, scores
