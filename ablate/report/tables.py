"""The tables of a report as `Section` objects: one table per factor, and one table of all variants."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ablate.analysis.findings import Findings
from ablate.analysis.metrics import METRICS, STEPS_TO_TARGET, VARIANT
from ablate.analysis.seconds import SECONDS_TO_TARGET
from ablate.analysis.standing import Standing
from ablate.analysis.summary import LevelSummary, Summary, extremes
from ablate.experiment.grid import name_of
from ablate.report.headings import HEADINGS, REPORTED, factor_words
from ablate.report.numbers import Cell, Symbols, Unit, aligned, counted, mean_and_spread, steps_cell, unit_for
from ablate.report.sections import Column, Section
from ablate.report.words import abbreviate_verdict, format_difference

# A table shows one of these metrics only if the table is sorted by this metric.
_ON_DEMAND = ("best_gap_accuracy", "best_gap_loss")
# Metrics in the tables of levels without details, which also show the metric by which they are sorted.
_BRIEF = ("val_accuracy", STEPS_TO_TARGET, "gap_accuracy")
# Number of first variants and number of last variants in a table without details.
_FIRST, _LAST = 5, 3


@dataclass(frozen=True)
class Tables:
    """The tables of one report and their legend. In each table, the first metric is the metric of `findings`."""

    summary: Summary
    findings: Findings
    symbols: Symbols

    def by_level(self, details: bool) -> list[Section]:
        """Returns one table of main effects per varied factor, with one row per level.

        The result is empty if only one factor is varied.
        """
        levels = self.summary.levels
        return [self._of_levels(level, details) for level in levels] if len(levels) > 1 else []

    def by_variant(self, details: bool) -> Section:
        """Returns the table of variants.

        If `details` is false and there are many variants, the table has only the first and the last variants.
        """
        table = self.summary.variants
        identifying = [_levels_column(table, factor) for factor in self.summary.factors]
        metrics = [name for name in REPORTED if name not in _ON_DEMAND or name == self.summary.sort]
        title = f"Variants{self._order()}"
        section = self._section(title, identifying, table, metrics, self.findings.variants)
        groups = list(section.groups)
        if (mean := f"{SECONDS_TO_TARGET}_mean") in table:
            cells = self._restricted(table, SECONDS_TO_TARGET, "reached", "runs", unit_for(table[mean]))
            groups.append((Column("seconds to\ntarget", aligned(cells)),))
        if details and table["overfitting"].any():
            steps = HEADINGS[STEPS_TO_TARGET].unit
            cells = self._restricted(table, "overfit_step", "overfitting", "n", steps)
            shares = _shares("overfit", table["overfitting"], table["n"])
            groups.append((Column("overfits\nfrom step", aligned(cells)), shares))
        section, count = replace(section, groups=tuple(groups)), len(table)
        if details or count <= _FIRST + _LAST + 1:
            return section
        title += f"; the first {_FIRST} and the last {_LAST} of {count}, all with --details"
        return replace(section, title=title).rows([*range(_FIRST), *range(count - _LAST, count)])

    def legend(self) -> list[str]:
        """Returns lines that explain how to read the tables."""
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
        """Returns the columns of a metric, with the best and the worst cells marked.

        The metric `steps_to_target` has a second column, `reached`.
        """
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

    def _restricted(self, table: pd.DataFrame, name: str, reached: str, runs: str, unit: Unit) -> list[Cell]:
        """Returns the cells of restricted means (see `analysis.convergence.restricted`), such as mean steps to target.

        `runs` is the name of the column with the number of runs. `reached` is the name of the column with the number of
        runs that have a value, such as those that reached the target.
        """
        columns = (table[column] for column in (f"{name}_mean", f"{name}_sd", reached, runs))
        rows = zip(*columns, strict=True)
        return [steps_cell(mean, sd, some, n, self.symbols, unit) for mean, sd, some, n in rows]


def _shares(heading: str, some: "pd.Series[int]", of: "pd.Series[int]") -> Column:
    return Column(heading, [f"{part}/{whole}" for part, whole in zip(some, of, strict=True)], right=True)


def _differences(table: pd.DataFrame, differences: pd.DataFrame, unit: Unit) -> tuple[Column, ...]:
    key = differences.columns[0]
    by_name = {row[key]: row for row in differences.to_dict("records")}
    rows = [by_name.get(name) for name in table[key]]
    texts = [
        "-" if row is None else "" if row["verdict"] == Standing.REFERENCE else format_difference(row, unit)
        for row in rows
    ]
    return (
        Column("difference from\nreference", texts, right=True),
        Column("verdict", [abbreviate_verdict(row) if row else "-" for row in rows]),
    )


def _levels_column(table: pd.DataFrame, factor: str) -> Column:
    heading = name_of({factor: ""}, (factor,)).rstrip("=") or factor
    return Column(heading, table[factor].tolist())
