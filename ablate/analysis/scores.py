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
    """Returns the reference's best validation accuracy as a mean over seeds, NaN if none of its runs finished."""
    finished = runs[(runs["variant"] == reference) & (runs["status"] == FINISHED)]
    return float(finished["best_val_accuracy"].mean())


def scored(runs: pd.DataFrame, curves: pd.DataFrame, target: float) -> pd.DataFrame:
    """Returns the runs in the order given, with the scores computed from their curves as new columns.

    - `finished`: whether the run finished. A run that diverged or failed counts as not having reached the target.
    - `steps_to_target`: NaN where censored.
    - `restricted_steps`: `steps_to_target`, or the planned steps for censored runs.
    - `comparable_steps`: `restricted_steps`, limited to the fewest steps that any run was planned for.
    - `best_gap_accuracy`, `best_gap_loss`, `overfit_step`: results of `best_gap` and `overfit_step` in `analysis.gap`.

    The target is a validation accuracy. If it is NaN (unknown), all columns of steps to target are NaN.
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
    """Returns the scores of one run by column, NaN where the curve is empty."""
    gap_accuracy, gap_loss = best_gap(curve)
    return {
        "steps_to_target": steps_to_target(curve["step"], curve["val_accuracy"], target),
        "best_gap_accuracy": gap_accuracy,
        "best_gap_loss": gap_loss,
        "overfit_step": overfit_step(curve["step"], curve["val_loss"]),
    }


def _by_run(curves: pd.DataFrame) -> Iterator[tuple[str, dict[str, Floats]]]:
    """Yields each run's id and its columns sorted by step, as arrays of shape (evaluations,)."""
    ordered = curves.sort_values(["run_id", "step"])
    ids = ordered["run_id"].to_numpy()
    starts = np.flatnonzero(ids[1:] != ids[:-1]) + 1
    columns = {name: np.split(ordered[name].to_numpy(np.float64), starts) for name in _COLUMNS}
    for index, start in enumerate((0, *starts) if len(ids) else ()):
        yield str(ids[start]), {name: parts[index] for name, parts in columns.items()}
