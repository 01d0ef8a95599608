"""Options that say how results are summarized, and the summary itself, for several commands."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from ablate.analysis.completeness import incompleteness
from ablate.analysis.convergence import DEFAULT_TARGET, Target
from ablate.analysis.findings import find
from ablate.analysis.metrics import DEFAULT_SORT, sort_column
from ablate.analysis.seconds import costs_by_variant
from ablate.analysis.summary import Summary, summarize
from ablate.analysis.variants import named
from ablate.cli.shared.groups import option
from ablate.cli.shared.places import results_path
from ablate.cli.shared.stderr import say
from ablate.report.console import console
from ablate.report.terminal import print_report
from ablate.store.experiment_file import read_experiment, settings_in
from ablate.store.parquet import ResultsFolder
from ablate.store.step_costs import read_step_costs

Results = Annotated[
    Path,
    typer.Argument(parser=results_path, metavar="RESULTS", help="results folder, as `ablate run` writes it"),
]
TargetText = Annotated[
    str,
    typer.Option(
        "--target", help="validation accuracy that counts as converged: 0.95, or 90% of the reference's best"
    ),
]


@dataclass(frozen=True)
class Summarizing:
    """Options for the reference variant and the target accuracy with which runs are compared."""

    target: TargetText = DEFAULT_TARGET
    reference: str | None = option(
        None,
        metavar="VARIANT",
        help="what others are compared with, as 'relu norm=off dropout=0' "
        "[default: the first level of every factor, of activations relu]",
    )

    def summary(self, folder: ResultsFolder, sort: str = DEFAULT_SORT) -> Summary:
        """Returns the summary of the runs in a results folder.

        Variants are sorted by the metric `sort`, the best first.

        Raises:
            SpecError: One of the options is not legal.
            NothingToShow: The folder contains no runs.
            StoreError: The folder cannot be read.
        """
        target, column = Target.parse(self.target), sort_column(sort)
        runs, step_costs = folder.read("runs"), read_step_costs(folder.path)
        costs = None if step_costs is None else costs_by_variant(named(runs), step_costs)
        summary = summarize(runs, folder.read("curves"), target, self.reference, column, costs)
        return replace(summary, incomplete=incompleteness(settings_in(read_experiment(folder.path)), runs))


def say_if_incomplete(summary: Summary) -> None:
    """Warns on stderr about missing runs, for outputs that cannot hold the warning."""
    if summary.incomplete:
        say(f"ablate: {summary.incomplete}")


def show(folder: ResultsFolder) -> None:
    """Prints the report that `ablate report` prints without options."""
    summary = Summarizing().summary(folder)
    print_report(summary, find(summary), console(sys.stdout))
