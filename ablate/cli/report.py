"""`ablate report`: the tables of a results folder, or the same for machines."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ablate.analysis.convergence import DEFAULT_TARGET, Target
from ablate.analysis.findings import find, find_all
from ablate.analysis.layers import health
from ablate.analysis.margin import Margin
from ablate.analysis.metrics import BY_VARIANT, DEFAULT_SORT, METRICS, metrics_by_margin, sort_column
from ablate.analysis.seconds import costs_by_variant
from ablate.analysis.summary import Summary, summarize
from ablate.analysis.variants import named
from ablate.cli.shared.html import write_html
from ablate.errors import SpecError
from ablate.report.console import console
from ablate.report.export import to_csv, to_json
from ablate.report.layers import layers_section
from ablate.report.markdown import to_markdown
from ablate.report.numbers import symbols_for
from ablate.report.sections import print_section
from ablate.report.terminal import print_report
from ablate.store.parquet import ResultsFolder
from ablate.store.step_costs import read_step_costs

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
        help="what others are compared with, as 'relu norm=off dropout=0' "
        "[default: the first level of every factor, of activations relu]",
        show_default=False,
    ),
]
Sort = Annotated[
    str, typer.Option("--sort", metavar="COLUMN", help=f"best first by {', '.join(METRICS)}, or {BY_VARIANT}")
]
MarginText = Annotated[
    str | None,
    typer.Option(
        "--margin",
        metavar="SIZE",
        help="differences of the metric sorted by that do not matter: 0.01 in its unit, or 5% of the reference's "
        "[default: "
        + ", ".join(f"{margin} for {names}" for margin, names in metrics_by_margin().items())
        + "]",
        show_default=False,
    ),
]
Details = Annotated[bool, typer.Option("--details", help="all variants and all metrics in the tables")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="GitHub's Markdown, as for a pull request")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document, runs included, instead of tables")]
AsCsv = Annotated[bool, typer.Option("--csv", help="one CSV line a variant instead of tables")]
HtmlFile = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="one page with curves and tables that opens from disk",
        show_default=False,
    ),
]


Layers = Annotated[
    bool, typer.Option("--layers", help="what `ablate run --diagnostics` saw in the layers, healthy to sick")
]


def report(
    results: Results,
    target: TargetText = DEFAULT_TARGET,
    reference: Reference = None,
    sort: Sort = DEFAULT_SORT,
    margin: MarginText = None,
    details: Details = False,
    layers: Layers = False,
    as_markdown: AsMarkdown = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    html: HtmlFile = None,
) -> None:
    """Show what did best, what matters, warnings, and the tables."""
    if as_json + as_csv + as_markdown + layers + (html is not None) > 1:
        raise SpecError("--json, --csv, --markdown, --layers and --html exclude each other; give one of them")
    if layers:
        _print_layers(ResultsFolder(results))
        return
    matters = None if margin is None else Margin.parse(margin)
    summary = _summary(ResultsFolder(results), target, reference, sort)
    if as_json:
        print(to_json(summary, find_all(summary, matters)))
    elif as_csv:
        print(to_csv(summary, find_all(summary, matters)), end="")
    elif as_markdown:
        print(to_markdown(summary, find(summary, margin=matters)), end="")
    elif html:
        print(write_html(html, ResultsFolder(results), summary, find(summary, margin=matters)))
    else:
        print_report(summary, find(summary, margin=matters), console(sys.stdout), details)


def show(folder: ResultsFolder) -> None:
    """Prints what `ablate report` prints without options.

    Raises:
        NothingToShow: The folder holds no runs.
        StoreError: It cannot be read.
    """
    summary = _summary(folder, DEFAULT_TARGET, None, DEFAULT_SORT)
    print_report(summary, find(summary), console(sys.stdout))


def _print_layers(folder: ResultsFolder) -> None:
    out = console(sys.stdout)
    section = layers_section(health(named(folder.read("runs")), folder.read("layers")))
    print_section(section, out, symbols_for(out.encoding))


def _summary(folder: ResultsFolder, target: str, reference: str | None, sort: str) -> Summary:
    wanted, column = Target.parse(target), sort_column(sort)
    runs, measured = folder.read("runs"), read_step_costs(folder.path)
    costs = None if measured is None else costs_by_variant(named(runs), measured)
    return summarize(runs, folder.read("curves"), wanted, reference, column, costs)
