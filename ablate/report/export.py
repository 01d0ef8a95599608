"""A report for machines: one JSON document, or one CSV line a variant; full precision, shares from 0 to 1."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from ablate.analysis.metrics import BY_VARIANT, METRICS, STEPS_TO_TARGET
from ablate.analysis.summary import LevelSummary, Summary
from ablate.store.schema import SCORES

SCHEMA_VERSION = 1

_RUN_COLUMNS = (
    "run_id",
    "variant",
    "seed",
    "status",
    "steps",
    "failed_step",
    "message",
    STEPS_TO_TARGET,
    *SCORES.names,
    "best_val_accuracy",
    "best_epoch",
    "gap_accuracy",
    "gap_loss",
    "best_gap_accuracy",
    "best_gap_loss",
    "aulc",
)


def to_json(summary: Summary) -> str:
    """Returns a report as one JSON document; what is not known, as the steps of a censored run, is null."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "datasets": summary.runs["dataset"].unique().tolist(),
        "models": summary.runs["model"].unique().tolist(),
        "target": {"given": str(summary.target), "val_accuracy": _plain(summary.target_accuracy)},
        "reference": summary.reference,
        "factors": list(summary.factors),
        "metrics": {name: asdict(metric) for name, metric in METRICS.items()},
        "variants": [
            {"variant": row[BY_VARIANT], "levels": {factor: row[factor] for factor in summary.factors}}
            | _figures(row)
            for row in _rows(summary.variants)
        ],
        "by_level": {level.factor: _level(level) for level in summary.levels},
        "runs": _rows(summary.runs[list(_RUN_COLUMNS)]),
    }
    return json.dumps(document, indent=1, allow_nan=False)


def to_csv(summary: Summary) -> str:
    """Returns a report as CSV, a head line and one line a variant; what is not known is empty."""
    # The name says what kind of mean it is to a reader who sees nothing else.
    renamed = {f"{STEPS_TO_TARGET}_mean": f"{STEPS_TO_TARGET}_restricted_mean"}
    return str(summary.variants.rename(columns=renamed).to_csv(index=False, lineterminator="\n"))


def _level(level: LevelSummary) -> dict[str, Any]:
    counts = ("backgrounds", "compared", "scored")
    rows = [{"level": row[level.factor]} | _figures(row) for row in _rows(level.table)]
    return {name: getattr(level, name) for name in counts} | {"levels": rows}


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    """Returns the figures of one row of a summary table, those of a metric together."""
    metrics = {name: {"mean": row[f"{name}_mean"], "sd": row[f"{name}_sd"]} for name in METRICS}
    steps = metrics.pop(STEPS_TO_TARGET)
    return {
        "n": row["n"],
        "failed": row["failed"],
        "metrics": metrics,
        STEPS_TO_TARGET: {
            "restricted_mean": steps["mean"],
            "sd": steps["sd"],
            "reached": row["reached"],
            "n": row["runs"],
        },
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    columns: Sequence[str] = table.columns.tolist()
    values = (table[column].astype(object).tolist() for column in columns)
    return [dict(zip(columns, map(_plain, row), strict=True)) for row in zip(*values, strict=True)]


def _plain(value: Any) -> Any:
    """Returns a value JSON can hold: null for NaN and pandas' NA."""
    return None if value is pd.NA or (isinstance(value, float) and math.isnan(value)) else value
