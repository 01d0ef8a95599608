"""What is known of a run only once its curve is read and a target chosen."""

import numpy as np
import pandas as pd

from ablate.analysis.arrays import Floats
from ablate.analysis.convergence import restricted, steps_to_target
from ablate.analysis.gap import Curve, best_gap, overfit_step
from ablate.store.schema import SCORES
from ablate.store.status import FINISHED


def reference_best(runs: pd.DataFrame, reference: str) -> float:
    """Returns the mean over seeds of the best validation accuracy of the reference, NaN if none finished."""
    finished = runs[(runs["variant"] == reference) & (runs["status"] == FINISHED)]
    return float(finished["best_val_accuracy"].mean()) if len(finished) else float("nan")


def scored(runs: pd.DataFrame, curves: pd.DataFrame, target: float) -> pd.DataFrame:
    """Returns the runs with what their curves tell, one row a run, in the order given.

    The columns added are `finished`, `steps_to_target` (NaN where censored), `restricted_steps` (that or the
    steps planned), `comparable_steps` (the same within the fewest steps that any run was planned for),
    `best_gap_accuracy`, `best_gap_loss` and `overfit_step` (NaN where it never overfits). A run that diverged or
    failed has reached no target, whatever its curve did before.

    Args:
        runs: Frame with the columns of `store.schema.RUNS`.
        curves: Frame with the columns of `store.schema.CURVES`.
        target: Validation accuracy that defines "converged"; NaN where none is known.
    """
    finished = runs["status"] == FINISHED
    found = {run_id: _from_curve(curve, target) for run_id, curve in _by_run(curves)}
    unknown = (np.nan,) * 4
    rows = [
        found.get(run_id, unknown) if done else unknown
        for run_id, done in zip(runs["run_id"], finished, strict=True)
    ]
    times, gap_accuracy, gap_loss, onset = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    horizons = runs["steps"].to_numpy(np.float64)
    return runs.assign(
        finished=finished,
        steps_to_target=times,
        restricted_steps=np.nan if np.isnan(target) else restricted(times, horizons),
        comparable_steps=np.nan
        if np.isnan(target)
        else np.minimum(restricted(times, horizons), horizons.min()),
        best_gap_accuracy=gap_accuracy,
        best_gap_loss=gap_loss,
        overfit_step=onset,
    )


def _by_run(curves: pd.DataFrame) -> list[tuple[str, dict[str, Floats]]]:
    """Returns each run's curve as arrays of shape (evaluations,), in the order of steps."""
    if curves.empty:
        return []
    ordered = curves.sort_values(["run_id", "step"])
    ids = ordered["run_id"].to_numpy()
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    columns = {
        name: np.split(ordered[name].to_numpy(np.float64), starts[1:]) for name in ("step", *SCORES.names)
    }
    return [
        (str(ids[start]), {name: parts[i] for name, parts in columns.items()})
        for i, start in enumerate(starts)
    ]


def _from_curve(curve: dict[str, Floats], target: float) -> tuple[float, float, float, float]:
    gap = best_gap(Curve(**{name: curve[name] for name in SCORES.names}))
    time = steps_to_target(curve["step"], curve["val_accuracy"], target)
    return time, gap.accuracy, gap.loss, overfit_step(curve["step"], curve["val_loss"])
