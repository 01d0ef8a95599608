"""A report in formats that programs read: a JSON document, or CSV with one line per variant.

Numbers are not rounded, and shares are from 0 to 1.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ablate.analysis.findings import Findings
from ablate.analysis.metrics import METRICS, STEPS_TO_TARGET, VARIANT
from ablate.analysis.seconds import SECONDS_TO_TARGET
from ablate.analysis.summary import STEPS_RANK, LevelSummary, Summary
from ablate.store.schema import SCORES

SCHEMA_VERSION = 1

# Columns of the table of runs other than scores and metrics.
_RUN_COLUMNS = ["run_id", VARIANT, "seed", "status", "steps", "failed_step", "message"]
_RUN_COLUMNS += ["overfit_step", "best_epoch"]


def to_json(summary: Summary, findings: Mapping[str, Findings]) -> str:
    """Returns a report as one JSON document.

    Unknown values are null, for example the steps to target of a run that missed the target.
    """
    variants = {metric: _by_name(about.variants) for metric, about in findings.items()}
    compared = {name: {"margin": str(about.margin), "best": about.winner} for name, about in findings.items()}
    document = {
        "schema_version": SCHEMA_VERSION,
        "simulated": summary.simulated,
        "incomplete": summary.incomplete or None,
        "datasets": summary.runs["dataset"].unique().tolist(),
        "models": summary.runs["model"].unique().tolist(),
        "target": {"given": str(summary.target), "val_accuracy": _plain(summary.target_accuracy)},
        "reference": summary.reference,
        "factors": list(summary.factors),
        "metrics": {
            name: {"higher_is_better": metric.higher_is_better, "about": metric.about}
            | compared.get(name, {})
            for name, metric in METRICS.items()
        },
        "variants": [
            {"variant": row[VARIANT], "levels": {factor: row[factor] for factor in summary.factors}}
            | _figures(row)
            | {"differences": _differences(row[VARIANT], variants)}
            for row in _rows(summary.variants)
        ],
        "by_level": {level.factor: _level(level, findings) for level in summary.levels},
        "effects": {metric: _effects(about) for metric, about in findings.items()},
        "runs": _rows(summary.runs[list(dict.fromkeys((*_RUN_COLUMNS, *SCORES.names, *METRICS)))]),
    }
    return json.dumps(document, indent=1, allow_nan=False)


def to_csv(summary: Summary, findings: Mapping[str, Findings]) -> str:
    """Returns a report as CSV: a header line and one line per variant. Unknown values are empty.

    The difference of each metric from the reference is in columns such as METRIC_difference and METRIC_difference_low.
    """
    # The new column names state the kind of mean, because a CSV file has no legend.
    table = summary.variants.drop(columns=STEPS_RANK).rename(
        columns={f"{name}_mean": f"{name}_restricted_mean" for name in (STEPS_TO_TARGET, SECONDS_TO_TARGET)}
    )
    table.insert(1 + len(summary.factors), "simulated", summary.simulated)
    for metric, about in findings.items():
        differences = about.variants.set_index(VARIANT).add_prefix(f"{metric}_difference_")
        differences = differences.rename(columns={f"{metric}_difference_difference": f"{metric}_difference"})
        table = table.merge(differences, on=VARIANT, how="left")
    return str(table.to_csv(index=False, lineterminator="\n"))


def _by_name(differences: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Returns the rows of a table of differences by the name of the variant or level."""
    key = differences.columns[0]
    return {row.pop(key): row for row in _rows(differences)}


def _differences(name: str, tables: Mapping[str, Mapping[str, dict[str, Any]]]) -> dict[str, Any]:
    """Returns the differences between one variant or level and its reference, by metric.

    The value of a metric without a comparison is None.
    """
    return {metric: rows.get(name) for metric, rows in tables.items()}


def _effects(findings: Findings) -> dict[str, Any]:
    terms = [row | {"term": list(row["term"])} for row in _rows(findings.effects)]
    interactions = []
    for pair, table in findings.contrasts.items():
        cells = [{"levels": {factor: row.pop(factor) for factor in pair}} | row for row in _rows(table)]
        moderations = _rows(pd.DataFrame(findings.moderations[pair]))
        interactions.append({"factors": list(pair), "cells": cells, "moderation": moderations})
    return {"terms": terms, "interactions": interactions}


def _level(level: LevelSummary, findings: Mapping[str, Findings]) -> dict[str, Any]:
    counts = {name: getattr(level, name) for name in ("backgrounds", "compared", "scored")}
    factor = level.factor
    tables = {metric: _by_name(about.levels[factor]) for metric, about in findings.items()}
    rows = [
        {"level": row[factor]} | _figures(row) | {"differences": _differences(row[factor], tables)}
        for row in _rows(level.table)
    ]
    return counts | {"levels": rows}


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    """Returns the statistics in one row of a summary table, grouped by metric."""
    mean = "restricted_mean"
    figures = {
        "n": row["n"],
        "failed": row["failed"],
        "metrics": {name: _statistics(row, name) for name in METRICS if name != STEPS_TO_TARGET},
        STEPS_TO_TARGET: _statistics(row, STEPS_TO_TARGET, mean)
        | {"reached": row["reached"], "n": row["runs"]},
        "overfit_step": _statistics(row, "overfit_step", mean)
        | {"reached": row["overfitting"], "n": row["n"]},
    }
    if f"{SECONDS_TO_TARGET}_mean" in row:
        seconds = {"step_seconds": row["step_seconds"], "reached": row["reached"], "n": row["runs"]}
        figures[SECONDS_TO_TARGET] = _statistics(row, SECONDS_TO_TARGET, mean) | seconds
    return figures


def _statistics(row: dict[str, Any], name: str, mean: str = "mean") -> dict[str, Any]:
    spread = {statistic: row[f"{name}_{statistic}"] for statistic in ("sd", "low", "high")}
    return {mean: row[f"{name}_mean"]} | spread


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    values = (map(_plain, table[column].astype(object).tolist()) for column in table)
    return [dict(zip(table.columns, row, strict=True)) for row in zip(*values, strict=True)]


def _plain(value: Any) -> Any:
    """Returns a value that JSON can represent. NA, NaN and infinity (an F statistic without residual) become None."""
    return None if pd.isna(value) or value in (math.inf, -math.inf) else value
