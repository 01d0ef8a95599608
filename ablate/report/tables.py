"""The tables of a report: what was compared, each factor by its levels, each variant, what failed."""

import math
from collections.abc import Sequence

import pandas as pd
from rich.console import Console
from rich.text import Text

from ablate.analysis.metrics import BY_VARIANT, METRICS, STEPS_TO_TARGET
from ablate.analysis.summary import LevelSummary, Summary, extremes
from ablate.analysis.variants import levels_of
from ablate.experiment.grid import name_of
from ablate.experiment.spec import FACTORS
from ablate.report.columns import Column, blocks, print_table
from ablate.report.numbers import (
    NATS,
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
    symbols_for,
)

_HEADINGS: dict[str, tuple[str, Unit]] = {
    "best_val_accuracy": ("best\nval %", PERCENT),
    "val_accuracy": ("final\nval %", PERCENT),
    STEPS_TO_TARGET: ("steps to\ntarget", STEPS),
    "aulc": ("area under\ncurve %", PERCENT),
    "train_accuracy": ("final\ntrain %", PERCENT),
    "gap_accuracy": ("gap %", PERCENT),
    "gap_loss": ("gap\nloss", NATS),
    "best_gap_accuracy": ("gap %\nat best", PERCENT),
    "best_gap_loss": ("gap loss\nat best", NATS),
}
# Shown only when sorted by.
_ON_DEMAND = ("best_gap_accuracy", "best_gap_loss")


def print_tables(summary: Summary, console: Console) -> None:
    """Prints a report's tables, split into blocks of columns where the console is too narrow for them."""
    symbols = symbols_for(console.encoding)
    _print_head(summary, console)
    if len(summary.levels) > 1:
        for level in summary.levels:
            _print_levels(level, summary.sort, console, symbols)
    _line(console, f"Variants{_order(summary.sort)}", "bold")
    identifying = [_levels_column(summary.variants, factor) for factor in summary.factors]
    _print_blocks(identifying, summary.variants, summary.sort, console, symbols)
    _print_failures(summary.runs, console)
    _print_legend(summary, console, symbols)


def _print_head(summary: Summary, console: Console) -> None:
    runs = summary.runs
    names = ", ".join(
        dict.fromkeys(f"{data} ({model})" for data, model in zip(runs["dataset"], runs["model"], strict=True))
    )
    seeds = runs["seed"].unique().tolist()
    _line(
        console,
        f"{names}: {counted(len(runs), 'run')}, {counted(len(summary.variants), 'variant')}, "
        f"{counted(len(seeds), 'seed')} ({spans(seeds)})",
        "bold",
    )
    fixed = {factor: ",".join(levels_of(runs, factor)) for factor in FACTORS if factor not in summary.factors}
    _line(console, f"all with   {name_of(fixed, tuple(fixed))}")
    _line(console, f"reference  {summary.reference}")
    _line(console, f"target     {_target(summary)}")
    _line(console, "")


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


def _print_levels(level: LevelSummary, sort: str, console: Console, symbols: Symbols) -> None:
    factor = level.factor.replace("_", " ")
    if not level.compared:
        _line(console, f"By {factor}: nothing to compare, as no background was run at every level\n", "bold")
        return
    caption = f"By {factor}{_order(sort)}; averaged over {counted(level.compared, 'background')}"
    if level.compared < level.backgrounds:
        caption += f" of {level.backgrounds} (the others were not run with every level and seed)"
    if level.scored < level.compared:
        caption += f"; scores over {level.scored} (in the others a run failed)"
    _line(console, caption, "bold")
    _print_blocks([_levels_column(level.table, level.factor)], level.table, sort, console, symbols)


def _order(sort: str) -> str:
    if sort == BY_VARIANT:
        return ""
    end = "highest" if METRICS[sort].higher_is_better else "lowest"
    return f", {end} {_HEADINGS[sort][0].replace(chr(10), ' ')} first"


def _print_blocks(
    identifying: Sequence[Column], table: pd.DataFrame, sort: str, console: Console, symbols: Symbols
) -> None:
    counts = [Column("n", [str(n) for n in table["n"]], right=True)]
    if table["failed"].any():
        failed = [str(failed) if failed else "" for failed in table["failed"]]
        counts.append(Column("failed", failed, right=True))
    shown = [metric for metric in _HEADINGS if metric not in _ON_DEMAND or metric == sort]
    groups = [_metric_columns(table, metric, symbols) for metric in shown]
    for columns in blocks([*identifying, *counts], groups, console.width):
        print_table(console, columns, symbols)
        _line(console, "")


def _levels_column(table: pd.DataFrame, factor: str) -> Column:
    heading = name_of({factor: ""}, (factor,)).rstrip("=") or factor
    return Column(heading, table[factor].tolist())


def _metric_columns(table: pd.DataFrame, metric: str, symbols: Symbols) -> list[Column]:
    heading, unit = _HEADINGS[metric]
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


def _print_failures(runs: pd.DataFrame, console: Console) -> None:
    failed = runs[~runs["finished"]]
    if failed.empty:
        return
    _line(console, f"{len(failed)} of {counted(len(runs), 'run')} did not finish", "bold red")
    for (variant, status), group in failed.groupby(["variant", "status"], sort=False):
        seeds = group["seed"].tolist()
        first = group["failed_step"].min()
        step = (
            ""
            if pd.isna(first)
            else f" at step {first:.0f}"
            if len(group) == 1
            else f" from step {first:.0f} on"
        )
        message = group["message"].iloc[0]
        reason = "" if pd.isna(message) else f": {message}"
        _line(console, f"  {variant}, seed{'s' * (len(seeds) > 1)} {spans(seeds)}: {status}{step}{reason}")
    _line(console, "")


def _print_legend(summary: Summary, console: Console, symbols: Symbols) -> None:
    _line(
        console,
        f"Mean {symbols.plus_minus} standard deviation over n seeds, scores in eval mode. "
        "Gap: train - validation accuracy, validation - train loss, of the last evaluation. "
        f"{symbols.best} best, {symbols.worst} worst of a column.",
        "dim",
    )
    if summary.variants["reached"].sum() < len(summary.runs) and not math.isnan(summary.target_accuracy):
        _line(
            console,
            f"{symbols.at_least} and >: some or all runs missed the target; they count with all their steps.",
            "dim",
        )


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style))
