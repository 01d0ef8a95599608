"""The tables of a report as values, one per factor and one of all variants, and the text around them."""

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
from ablate.report.headings import HEADINGS, REPORTED, factor_words
from ablate.report.numbers import (
    PERCENT,
    STEPS,
    Cell,
    Symbols,
    Unit,
    aligned,
    counted,
    mean_and_spread,
    plural,
    spans,
    steps_cell,
    unit_for,
)
from ablate.report.sections import Section
from ablate.report.simulated import marked
from ablate.report.words import Row, abbreviate_verdict, format_difference

# Metrics that are shown only if the tables are sorted by them.
_ON_DEMAND = ("best_gap_accuracy", "best_gap_loss")
# The metrics of the tables by level without details, besides the metric sorted by.
_BRIEF = ("val_accuracy", STEPS_TO_TARGET, "gap_accuracy")
# How many of the first and the last variants are shown without details.
_FIRST, _LAST = 5, 3


def head(summary: Summary) -> list[tuple[str, str]]:
    """Returns what was compared, as pairs of label and text; the first is the title, without a label."""
    runs = summary.runs
    networks = zip(runs["dataset"], runs["model"], strict=True)
    names = ", ".join(dict.fromkeys(f"{dataset} ({model})" for dataset, model in networks))
    seeds = runs["seed"].unique().tolist()
    title = (
        f"{names}: {counted(len(runs), 'run')}, {counted(len(summary.variants), 'variant')}, "
        f"{counted(len(seeds), 'seed')} ({spans(seeds)})"
    )
    fixed = {factor: ",".join(levels_of(runs, factor)) for factor in FACTORS if factor not in summary.factors}
    fixed = {factor: level for factor, level in fixed.items() if level != NONE}
    return [
        ("", marked(title, summary.simulated)),
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


def failures(runs: pd.DataFrame) -> list[str]:
    """Returns how many runs did not finish, then one line per variant and status, with seeds, step and message."""
    failed = runs[~runs["finished"]]
    if failed.empty:
        return []
    lines = [f"{len(failed)} of {counted(len(runs), 'run')} did not finish"]
    for (variant, status), group in failed.groupby(["variant", "status"], sort=False):
        seeds, step = group["seed"].tolist(), group["failed_step"].min()
        when = "" if pd.isna(step) else f" at step {step}" if len(seeds) == 1 else f" from step {step} on"
        who = f"{variant}, {plural('seed', len(seeds))} {spans(seeds)}"
        lines.append(f"{who}: {status}{when}: {group['message'].iloc[0]}")
    return lines


@dataclass(frozen=True)
class Tables:
    """The tables of one report, with the metric of the findings first, and their legend."""

    summary: Summary
    findings: Findings
    symbols: Symbols

    def by_level(self, details: bool) -> list[Section]:
        """Returns one table per factor, one row per level, with the main effects; none if a single factor is varied."""
        levels = self.summary.levels
        return [self._of_levels(level, details) for level in levels] if len(levels) > 1 else []

    def by_variant(self, details: bool) -> Section:
        """Returns the table of variants; without details, only the first and the last of many."""
        table = self.summary.variants
        identifying = [_levels_column(table, factor) for factor in self.summary.factors]
        metrics = [name for name in REPORTED if name not in _ON_DEMAND or name == self.summary.sort]
        title = f"Variants{self._order()}"
        section = self._section(title, identifying, table, metrics, self.findings.variants)
        more = [*self._seconds(table), *(self._overfitting(table) if details else [])]
        section = replace(section, groups=(*section.groups, *more))
        count = len(table)
        if details or count <= _FIRST + _LAST + 1:
            return section
        title += f"; the first {_FIRST} and the last {_LAST} of {count}, all with --details"
        return replace(section, title=title).rows([*range(_FIRST), *range(count - _LAST, count)])

    def legend(self) -> list[str]:
        """Returns how to read the tables."""
        summary, symbols = self.summary, self.symbols
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

    def _of_levels(self, level: LevelSummary, details: bool) -> Section:
        factor = factor_words(level.factor)
        if not level.compared:
            return Section(f"By {factor}: nothing to compare, as no background was run at every level")
        title = f"By {factor}{self._order()}; averaged over {counted(level.compared, 'background')}"
        if level.compared < level.backgrounds:
            title += f" of {level.backgrounds} (the others were not run with every level and seed)"
        if level.scored < level.compared:
            title += f"; scores over {level.scored} (in the others a run failed)"
        shown = [name for name in REPORTED if name not in _ON_DEMAND] if details else _BRIEF
        metrics = [name for name in REPORTED if name in shown or name == self.findings.metric]
        identifying = [_levels_column(level.table, level.factor)]
        return self._section(title, identifying, level.table, metrics, self.findings.levels[level.factor])

    def _order(self) -> str:
        sort = self.summary.sort
        if sort == VARIANT:
            return ""
        end = "highest" if METRICS[sort].higher_is_better else "lowest"
        return f", {end} {' '.join(HEADINGS[sort].short.split())} first"

    def _section(
        self,
        title: str,
        identifying: list[Column],
        table: pd.DataFrame,
        metrics: Sequence[str],
        differences: pd.DataFrame,
    ) -> Section:
        counts = [Column("n", [str(n) for n in table["n"]], right=True)]
        if table["failed"].any():
            counts.append(Column("failed", [str(failed or "") for failed in table["failed"]], right=True))
        first = self.findings.metric
        groups = [self._scores(table, metric) for metric in sorted(metrics, key=lambda name: name != first)]
        if len(table) > 1:
            groups.insert(1, _differences(table, differences, HEADINGS[first].unit))
        return Section(title, (*identifying, *counts), tuple(groups))

    def _scores(self, table: pd.DataFrame, metric: str) -> tuple[Column, ...]:
        """Returns the column of a metric, its best and worst cells marked, and how many runs reached the target."""
        unit = HEADINGS[metric].unit
        if metric == STEPS_TO_TARGET:
            cells = self._restricted(table, metric, "reached", "runs", unit)
            reached = [_shares("reached", table["reached"], table["runs"])]
        else:
            scores = zip(table[f"{metric}_mean"], table[f"{metric}_sd"], strict=True)
            cells, reached = [mean_and_spread(mean, sd, unit, self.symbols) for mean, sd in scores], []
        ends = list(zip(*extremes(table, metric), strict=True))
        marks = [self.symbols.best * best + self.symbols.worst * worst for best, worst in ends]
        styles = ["green" if best else "red" if worst else "" for best, worst in ends]
        marked = [replace(cell, mark=mark) for cell, mark in zip(cells, marks, strict=True)]
        return Column(HEADINGS[metric].short, aligned(marked), styles), *reached

    def _seconds(self, table: pd.DataFrame) -> list[tuple[Column, ...]]:
        """Returns the seconds to target, nothing unless the cost of a step was measured."""
        mean = f"{SECONDS_TO_TARGET}_mean"
        if mean not in table:
            return []
        cells = self._restricted(table, SECONDS_TO_TARGET, "reached", "runs", unit_for(table[mean]))
        return [(Column("seconds to\ntarget", aligned(cells)),)]

    def _overfitting(self, table: pd.DataFrame) -> list[tuple[Column, ...]]:
        """Returns the onset of overfitting, nothing unless some run overfits."""
        if not table["overfitting"].any():
            return []
        cells = self._restricted(table, "overfit_step", "overfitting", "n", STEPS)
        shares = _shares("overfit", table["overfitting"], table["n"])
        return [(Column("overfits\nfrom step", aligned(cells)), shares)]

    def _restricted(self, table: pd.DataFrame, name: str, reached: str, runs: str, unit: Unit) -> list[Cell]:
        """Returns restricted means; `reached` and `runs` are the columns with the numbers of runs that count."""
        columns = (table[column] for column in (f"{name}_mean", f"{name}_sd", reached, runs))
        rows = zip(*columns, strict=True)
        return [steps_cell(mean, sd, some, n, self.symbols, unit) for mean, sd, some, n in rows]


def _shares(heading: str, some: "pd.Series[int]", of: "pd.Series[int]") -> Column:
    return Column(heading, [f"{part}/{whole}" for part, whole in zip(some, of, strict=True)], right=True)


def _differences(table: pd.DataFrame, differences: pd.DataFrame, unit: Unit) -> tuple[Column, ...]:
    key = differences.columns[0]
    by_name = {row[key]: row for row in differences.to_dict("records")}
    rows = [by_name.get(name) for name in table[key]]
    return (
        Column("difference from\nreference", [_difference(row, unit) for row in rows], right=True),
        Column("verdict", [abbreviate_verdict(row) if row else "-" for row in rows]),
    )


def _difference(row: Row | None, unit: Unit) -> str:
    if row is None:
        return "-"
    return "" if row["verdict"] == Standing.REFERENCE else format_difference(row, unit)


def _levels_column(table: pd.DataFrame, factor: str) -> Column:
    heading = name_of({factor: ""}, (factor,)).rstrip("=") or factor
    return Column(heading, table[factor].tolist())
