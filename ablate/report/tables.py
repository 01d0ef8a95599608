"""The tables of a report as values: each factor by its levels, each variant; and what is said around them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ablate.analysis.findings import Findings
from ablate.analysis.metrics import METRICS, STEPS_TO_TARGET, VARIANT
from ablate.analysis.seconds import SECONDS_TO_TARGET
from ablate.analysis.standing import Standing
from ablate.analysis.summary import LevelSummary, Summary, extremes
from ablate.analysis.variants import levels_of
from ablate.experiment.grid import name_of
from ablate.experiment.levels import NONE
from ablate.experiment.spec import FACTORS
from ablate.report.columns import Column
from ablate.report.headings import HEADINGS, factor_words
from ablate.report.numbers import (
    PERCENT,
    STEPS,
    Cell,
    Symbols,
    Unit,
    aligned,
    counted,
    mean_and_spread,
    spans,
    steps_cell,
    unit_for,
)
from ablate.report.words import Row, difference, short_verdict

# Shown only when sorted by.
_ON_DEMAND = ("best_gap_accuracy", "best_gap_loss")
# What the tables by level show unless details are asked for, besides the metric sorted by.
_BRIEF = ("val_accuracy", STEPS_TO_TARGET, "gap_accuracy")
_FIRST, _LAST = 5, 3


@dataclass(frozen=True)
class Section:
    """One table with its title.

    Attributes:
        title: What it shows, in one line.
        identifying: Columns that say what a row is, repeated where the table is split.
        groups: The others; those of a group stay together.
        note: What to say below it, or nothing.
    """

    title: str
    identifying: tuple[Column, ...]
    groups: tuple[tuple[Column, ...], ...]
    note: str = ""


def head(summary: Summary) -> list[tuple[str, str]]:
    """Returns what was compared: first a title, then a label and a text a line."""
    runs = summary.runs
    names = ", ".join(
        dict.fromkeys(f"{data} ({model})" for data, model in zip(runs["dataset"], runs["model"], strict=True))
    )
    seeds = runs["seed"].unique().tolist()
    title = (
        f"{names}: {counted(len(runs), 'run')}, {counted(len(summary.variants), 'variant')}, "
        f"{counted(len(seeds), 'seed')} ({spans(seeds)})"
    )
    fixed = {factor: ",".join(levels_of(runs, factor)) for factor in FACTORS if factor not in summary.factors}
    fixed = {factor: level for factor, level in fixed.items() if level != NONE}
    return [
        ("", title),
        ("all with", name_of(fixed, tuple(fixed))),
        ("reference", summary.reference),
        ("target", _target(summary)),
    ]


def _target(summary: Summary) -> str:
    accuracy = f"validation accuracy of {PERCENT.text(summary.target_accuracy)}%"
    if not summary.target.relative:
        return accuracy
    if math.isnan(summary.target_accuracy):
        return (
            f"unknown, {summary.target} of the reference's best, and no run of it finished: "
            "give an accuracy, as --target 0.9, or another --reference"
        )
    return f"{accuracy}, {summary.target} of the reference's best"


def level_sections(summary: Summary, findings: Findings, symbols: Symbols, details: bool) -> list[Section]:
    """Returns a table a factor, one row a level, with the main effects; none where a single factor is varied."""
    if len(summary.levels) < 2:
        return []
    return [_level_section(level, summary.sort, findings, symbols, details) for level in summary.levels]


def variants_section(summary: Summary, findings: Findings, symbols: Symbols, details: bool) -> Section:
    """Returns the table of variants, without details only the first and last of many."""
    identifying = [_levels_column(summary.variants, factor) for factor in summary.factors]
    metrics = [name for name in HEADINGS if name not in _ON_DEMAND or name == summary.sort]
    section = _section(
        f"Variants{_order(summary.sort)}",
        identifying,
        summary.variants,
        metrics,
        findings,
        findings.variants,
        symbols,
    )
    section = replace(section, groups=(*section.groups, *_seconds_group(summary.variants, symbols)))
    if details:
        return replace(section, groups=(*section.groups, *_overfitting_group(summary.variants, symbols)))
    count = len(summary.variants)
    if count <= _FIRST + _LAST + 1:
        return section
    rows = [*range(_FIRST), *range(count - _LAST, count)]
    return Section(
        f"{section.title}; the first {_FIRST} and the last {_LAST} of {count}, all with --details",
        tuple(column.rows(rows) for column in section.identifying),
        tuple(tuple(column.rows(rows) for column in group) for group in section.groups),
    )


def failures(runs: pd.DataFrame) -> list[str]:
    """Returns what did not finish: how many runs, then a line a variant and status, with seeds, step and message."""
    failed = runs[~runs["finished"]]
    if failed.empty:
        return []
    lines = [f"{len(failed)} of {counted(len(runs), 'run')} did not finish"]
    for (variant, status), group in failed.groupby(["variant", "status"], sort=False):
        seeds, step = group["seed"].tolist(), group["failed_step"].min()
        when = "" if pd.isna(step) else f" at step {step}" if len(seeds) == 1 else f" from step {step} on"
        who = f"{variant}, seed{'s' * (len(seeds) > 1)} {spans(seeds)}"
        lines.append(f"{who}: {status}{when}: {group['message'].iloc[0]}")
    return lines


def legend(summary: Summary, symbols: Symbols) -> list[str]:
    """Returns how to read the tables."""
    lines = [
        f"Mean {symbols.plus_minus} standard deviation over n seeds, scores in eval mode. "
        "Gap: train - validation accuracy, validation - train loss, of the last evaluation. "
        f"{symbols.best} best, {symbols.worst} worst of a column. "
        "Differences are paired by seed, with 95 % intervals; too few, +k: about k more seeds would tell.",
    ]
    if f"{SECONDS_TO_TARGET}_mean" in summary.variants:
        lines.append(
            "Seconds to target: the steps times what a step of that variant costs alone, by `ablate bench "
            "--per-variant`; evaluations are not counted."
        )
    if summary.variants["reached"].sum() < len(summary.runs) and not math.isnan(summary.target_accuracy):
        lines.append(
            f"{symbols.at_least} and >: some or all runs missed the target; they count with all their steps."
        )
    return lines


def _level_section(
    level: LevelSummary, sort: str, findings: Findings, symbols: Symbols, details: bool
) -> Section:
    factor = factor_words(level.factor)
    if not level.compared:
        return Section(f"By {factor}: nothing to compare, as no background was run at every level", (), ())
    title = f"By {factor}{_order(sort)}; averaged over {counted(level.compared, 'background')}"
    if level.compared < level.backgrounds:
        title += f" of {level.backgrounds} (the others were not run with every level and seed)"
    if level.scored < level.compared:
        title += f"; scores over {level.scored} (in the others a run failed)"
    shown = [name for name in HEADINGS if name not in _ON_DEMAND] if details else _BRIEF
    metrics = [name for name in HEADINGS if name in shown or name == findings.metric]
    identifying = [_levels_column(level.table, level.factor)]
    differences = findings.levels[level.factor]
    return _section(title, identifying, level.table, metrics, findings, differences, symbols)


def _order(sort: str) -> str:
    if sort == VARIANT:
        return ""
    end = "highest" if METRICS[sort].higher_is_better else "lowest"
    return f", {end} {HEADINGS[sort].short.replace(chr(10), ' ')} first"


def _section(
    title: str,
    identifying: list[Column],
    table: pd.DataFrame,
    metrics: Sequence[str],
    findings: Findings,
    differences: pd.DataFrame,
    symbols: Symbols,
) -> Section:
    counts = [Column("n", [str(n) for n in table["n"]], right=True)]
    if table["failed"].any():
        failed = [str(failed) if failed else "" for failed in table["failed"]]
        counts.append(Column("failed", failed, right=True))
    groups = []
    for metric in sorted(metrics, key=lambda name: name != findings.metric):
        groups.append(tuple(_metric_columns(table, metric, symbols)))
        if metric == findings.metric and len(table) > 1:
            groups.append(tuple(_difference_columns(table, differences, metric)))
    return Section(title, (*identifying, *counts), tuple(groups))


def _difference_columns(table: pd.DataFrame, differences: pd.DataFrame, metric: str) -> list[Column]:
    key = differences.columns[0]
    found = {row[key]: row for row in differences.to_dict("records")}
    rows = [found.get(name) for name in table[key]]
    unit = HEADINGS[metric].unit
    return [
        Column("difference from\nreference", [_difference(row, unit) for row in rows], right=True),
        Column("verdict", [short_verdict(row) if row else "-" for row in rows]),
    ]


def _difference(row: Row | None, unit: Unit) -> str:
    if row is None:
        return "-"
    return "" if row["verdict"] == Standing.REFERENCE else difference(row, unit)


def _seconds_group(table: pd.DataFrame, symbols: Symbols) -> list[tuple[Column, ...]]:
    """Returns the seconds to target, nothing unless the cost of a step was measured."""
    name = f"{SECONDS_TO_TARGET}_mean"
    if name not in table:
        return []
    cells = _restricted(table, SECONDS_TO_TARGET, ("reached", "runs"), unit_for(table[name]), symbols)
    return [(Column("seconds to\ntarget", cells),)]


def _overfitting_group(table: pd.DataFrame, symbols: Symbols) -> list[tuple[Column, ...]]:
    """Returns the onset of overfitting, nothing unless some run overfits."""
    if not table["overfitting"].any():
        return []
    some = [f"{some}/{n}" for some, n in zip(table["overfitting"], table["n"], strict=True)]
    cells = _restricted(table, "overfit_step", ("overfitting", "n"), STEPS, symbols)
    return [(Column("overfits\nfrom step", cells), Column("overfit", some, right=True))]


def _restricted(
    table: pd.DataFrame, name: str, counts: tuple[str, str], unit: Unit, symbols: Symbols
) -> list[str]:
    columns = (table[column] for column in (f"{name}_mean", f"{name}_sd", *counts))
    rows = zip(*columns, strict=True)
    return aligned([steps_cell(mean, sd, some, n, symbols, unit) for mean, sd, some, n in rows])


def _levels_column(table: pd.DataFrame, factor: str) -> Column:
    heading = name_of({factor: ""}, (factor,)).rstrip("=") or factor
    return Column(heading, table[factor].tolist())


def _metric_columns(table: pd.DataFrame, metric: str, symbols: Symbols) -> list[Column]:
    heading, unit = HEADINGS[metric].short, HEADINGS[metric].unit
    means, sds = table[f"{metric}_mean"], table[f"{metric}_sd"]
    if metric != STEPS_TO_TARGET:
        cells = [mean_and_spread(mean, sd, unit, symbols) for mean, sd in zip(means, sds, strict=True)]
        return [_marked(heading, cells, table, metric, symbols)]
    counts = list(zip(table["reached"], table["runs"], strict=True))
    cells = [
        steps_cell(mean, sd, *count, symbols) for mean, sd, count in zip(means, sds, counts, strict=True)
    ]
    reached = [f"{reached}/{runs}" for reached, runs in counts]
    return [_marked(heading, cells, table, metric, symbols), Column("reached", reached, right=True)]


def _marked(
    heading: str, cells: Sequence[Cell], table: pd.DataFrame, metric: str, symbols: Symbols
) -> Column:
    best, worst = extremes(table, metric)
    marks = [symbols.best * up + symbols.worst * down for up, down in zip(best, worst, strict=True)]
    styles = ["green" if up else "red" if down else "" for up, down in zip(best, worst, strict=True)]
    parts = [Cell(cell.mean, cell.spread, mark) for cell, mark in zip(cells, marks, strict=True)]
    return Column(heading, aligned(parts), styles)
