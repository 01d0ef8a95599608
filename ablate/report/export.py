"""A report for machines: one JSON document, or one CSV line a variant; full precision, shares from 0 to 1."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from ablate.analysis.findings import Findings
from ablate.analysis.metrics import METRICS, STEPS_TO_TARGET, VARIANT
from ablate.analysis.seconds import SECONDS_TO_TARGET
from ablate.analysis.summary import STEPS_RANK, LevelSummary, Summary
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
    "overfit_step",
    *SCORES.names,
    "best_val_accuracy",
    "best_epoch",
    "gap_accuracy",
    "gap_loss",
    "best_gap_accuracy",
    "best_gap_loss",
    "aulc",
)


_DIFFERENCE = (
    "pairs",
    "failed",
    "reference_failed",
    "difference",
    "low",
    "high",
    "p",
    "p_holm",
    "t_p_holm",
    "improvement",
    "verdict",
    "more_seeds",
)


def to_json(summary: Summary, findings: Mapping[str, Findings]) -> str:
    """Returns a report as one JSON document; what is not known, as the steps of a censored run, is null.

    Args:
        summary: Of the runs.
        findings: By metric.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "datasets": summary.runs["dataset"].unique().tolist(),
        "models": summary.runs["model"].unique().tolist(),
        "target": {"given": str(summary.target), "val_accuracy": _plain(summary.target_accuracy)},
        "reference": summary.reference,
        "factors": list(summary.factors),
        "metrics": {
            name: {"higher_is_better": metric.higher_is_better, "about": metric.about}
            | (
                {"margin": str(findings[name].margin), "best": findings[name].winner}
                if name in findings
                else {}
            )
            for name, metric in METRICS.items()
        },
        "variants": [
            {"variant": row[VARIANT], "levels": {factor: row[factor] for factor in summary.factors}}
            | _figures(row)
            | {
                "differences": _differences(
                    row[VARIANT], {name: each.variants for name, each in findings.items()}
                )
            }
            for row in _rows(summary.variants)
        ],
        "by_level": {level.factor: _level(level, findings) for level in summary.levels},
        "effects": {metric: _effects(each) for metric, each in findings.items()},
        "runs": _rows(summary.runs[list(_RUN_COLUMNS)]),
    }
    return json.dumps(document, indent=1, allow_nan=False)


def to_csv(summary: Summary, findings: Mapping[str, Findings]) -> str:
    """Returns a report as CSV, a head line and one line a variant; what is not known is empty.

    Args:
        summary: Of the runs.
        findings: By metric; their differences become columns METRIC_difference, METRIC_difference_low and so on.
    """
    # The name says what kind of mean it is to a reader who sees nothing else.
    table = summary.variants.drop(columns=STEPS_RANK).rename(
        columns={f"{name}_mean": f"{name}_restricted_mean" for name in (STEPS_TO_TARGET, SECONDS_TO_TARGET)}
    )
    for metric, each in findings.items():
        names = {
            name: f"{metric}_{name if name == 'difference' else f'difference_{name}'}" for name in _DIFFERENCE
        }
        table = table.merge(each.variants.rename(columns=names), on=VARIANT, how="left")
    return str(table.to_csv(index=False, lineterminator="\n"))


def _differences(name: str, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Returns what is in the rows of one variant or level, by metric, null where it was not compared."""
    found = {}
    for metric, table in tables.items():
        rows = _rows(table[table[table.columns[0]] == name])
        found[metric] = {column: rows[0][column] for column in _DIFFERENCE} if rows else None
    return found


def _effects(findings: Findings) -> dict[str, Any]:
    terms = [row | {"term": list(row["term"])} for row in _rows(findings.effects)]
    interactions = []
    for (rows, columns), table in findings.contrasts.items():
        cells = [{"levels": {rows: row.pop(rows), columns: row.pop(columns)}} | row for row in _rows(table)]
        moderations = [
            {name: _plain(value) for name, value in asdict(each).items()}
            for each in findings.moderations[rows, columns]
        ]
        interactions.append({"factors": [rows, columns], "cells": cells, "moderation": moderations})
    return {"terms": terms, "interactions": interactions}


def _level(level: LevelSummary, findings: Mapping[str, Findings]) -> dict[str, Any]:
    counts = ("backgrounds", "compared", "scored")
    tables = {name: each.levels[level.factor] for name, each in findings.items()}
    rows = [
        {"level": row[level.factor]}
        | _figures(row)
        | {"differences": _differences(row[level.factor], tables)}
        for row in _rows(level.table)
    ]
    return {name: getattr(level, name) for name in counts} | {"levels": rows}


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    """Returns the figures of one row of a summary table, those of a metric together."""
    metrics = {name: _figure(row, name) for name in METRICS if name != STEPS_TO_TARGET}
    figures = {
        "n": row["n"],
        "failed": row["failed"],
        "metrics": metrics,
        STEPS_TO_TARGET: _restricted(row, STEPS_TO_TARGET) | {"reached": row["reached"], "n": row["runs"]},
        "overfit_step": _restricted(row, "overfit_step") | {"reached": row["overfitting"], "n": row["n"]},
    }
    if f"{SECONDS_TO_TARGET}_mean" in row:
        seconds = {"step_seconds": row["step_seconds"], "reached": row["reached"], "n": row["runs"]}
        figures[SECONDS_TO_TARGET] = _restricted(row, SECONDS_TO_TARGET) | seconds
    return figures


def _figure(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {figure: row[f"{name}_{figure}"] for figure in ("mean", "sd", "low", "high")}


def _restricted(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {{"mean": "restricted_mean"}.get(key, key): value for key, value in _figure(row, name).items()}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    columns: Sequence[str] = table.columns.tolist()
    values = (table[column].astype(object).tolist() for column in columns)
    return [dict(zip(columns, map(_plain, row), strict=True)) for row in zip(*values, strict=True)]


def _plain(value: Any) -> Any:
    """Returns a value JSON can hold: null for pandas' NA and for NaN and infinity, as of an F over no residual."""
    return None if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)) else value
