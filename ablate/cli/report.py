"""`ablate report`: the tables of a results folder, or the same for machines."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ablate.analysis.convergence import DEFAULT_TARGET, Target
from ablate.analysis.metrics import BY_VARIANT, DEFAULT_SORT, METRICS, sort_column
from ablate.analysis.summary import Summary, summarize
from ablate.errors import SpecError
from ablate.report.console import console
from ablate.report.export import to_csv, to_json
from ablate.report.tables import print_tables
from ablate.store.parquet import ResultsFolder

Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="results folder, as `ablate run` writes it")]
TargetText = Annotated[
    str,
    typer.Option(
        "--target",
        help="validation accuracy that counts as converged: 0.95, or 90% of the reference's best",
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference",
        metavar="VARIANT",
        help="what others are compared with, as 'relu bn=off dropout=0' [default: the plainest relu]",
        show_default=False,
    ),
]
Sort = Annotated[
    str, typer.Option("--sort", metavar="COLUMN", help=f"best first by {', '.join(METRICS)}, or {BY_VARIANT}")
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document, runs included, instead of tables")]
AsCsv = Annotated[bool, typer.Option("--csv", help="one CSV line a variant instead of tables")]


def report(
    results: Results,
    target: TargetText = DEFAULT_TARGET,
    reference: Reference = None,
    sort: Sort = DEFAULT_SORT,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show the tables of a results folder."""
    if as_json and as_csv:
        raise SpecError("--json and --csv exclude each other; give one of them")
    summary = _summary(ResultsFolder(results), target, reference, sort)
    if as_json:
        print(to_json(summary))
    elif as_csv:
        print(to_csv(summary), end="")
    else:
        print_tables(summary, console(sys.stdout))


def show(folder: ResultsFolder) -> None:
    """Prints the tables of a results folder, as `ablate report` does without options.

    Raises:
        NothingToShow: The folder holds no runs.
        StoreError: It cannot be read.
    """
    print_tables(_summary(folder, DEFAULT_TARGET, None, DEFAULT_SORT), console(sys.stdout))


def _summary(folder: ResultsFolder, target: str, reference: str | None, sort: str) -> Summary:
    wanted, column = Target.parse(target), sort_column(sort)
    return summarize(folder.read("runs"), folder.read("curves"), wanted, reference, column)
