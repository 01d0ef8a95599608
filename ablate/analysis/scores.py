"""Scores computed from a run's learning curve: steps to target, gap at the best evaluation, onset of overfitting."""

from collections.abc import Iterator, Mapping

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
    by_run = {run_id: _from_curve(curve, target) for run_id, curve in _by_run(curves)}
    unknown = _from_curve(dict.fromkeys(_COLUMNS, np.empty(0)), target)
    rows = [
        by_run.get(run_id, unknown) if is_finished else unknown
        for run_id, is_finished in zip(runs["run_id"], finished, strict=True)
    ]
    scores = pd.DataFrame(rows, index=runs.index)
    times, horizons = scores.pop("steps_to_target").to_numpy(), runs["steps"].to_numpy(np.float64)
    steps = np.full(len(runs), np.nan) if np.isnan(target) else restricted(times, horizons)
    return runs.assign(
        finished=finished,
        steps_to_target=times,
        restricted_steps=steps,
        comparable_steps=np.minimum(steps, horizons.min()),
        **scores,
    )


_COLUMNS = ("step", *SCORES.names)


def _from_curve(curve: Mapping[str, Floats], target: float) -> dict[str, float]:
    """Returns the scores of one run, by name of the column. All scores of an empty curve are NaN."""
    gap_accuracy, gap_loss = best_gap(curve)
    return {
        "steps_to_target": steps_to_target(curve["step"], curve["val_accuracy"], target),
        "best_gap_accuracy": gap_accuracy,
        "best_gap_loss": gap_loss,
        "overfit_step": overfit_step(curve["step"], curve["val_loss"]),
    }


def _by_run(curves: pd.DataFrame) -> Iterator[tuple[str, dict[str, Floats]]]:
    """Yields the id of each run, and the columns of its learning curve sorted by step.

    The columns are arrays of shape (evaluations,).
    """
    ordered = curves.sort_values(["run_id", "step"])
    ids = ordered["run_id"].to_numpy()
    starts = np.flatnonzero(ids[1:] != ids[:-1]) + 1
    columns = {name: np.split(ordered[name].to_numpy(np.float64), starts) for name in _COLUMNS}
    for index, start in enumerate((0, *starts) if len(ids) else ()):
        yield str(ids[start]), {name: parts[index] for name, parts in columns.items()}
