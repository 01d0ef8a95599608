"""`ablate report`: prints the results of a folder as tables or in a machine-readable format."""

import sys
from dataclasses import astuple, dataclass
from pathlib import Path

from ablate.analysis.findings import find, find_all
from ablate.analysis.layers import health
from ablate.analysis.margin import Margin
from ablate.analysis.metrics import DEFAULT_SORT, METRICS, VARIANT, metrics_by_margin
from ablate.analysis.variants import named
from ablate.cli.shared.groups import option, takes_groups
from ablate.cli.shared.output import AsJson, print_table, write
from ablate.cli.shared.summary import Results, Summarizing, say_if_incomplete
from ablate.errors import SpecError
from ablate.report.console import console
from ablate.report.export import to_csv, to_json
from ablate.report.html import Origin, to_html
from ablate.report.layers import layers_section
from ablate.report.markdown import to_markdown
from ablate.report.terminal import print_report
from ablate.store.experiment_file import read_experiment
from ablate.store.parquet import ResultsFolder

_DEFAULT_MARGINS = ", ".join(f"{margin} for {names}" for margin, names in metrics_by_margin().items())


@dataclass(frozen=True)
class Format:
    """Options for output formats other than tables. At most one format can be chosen."""

    layers: bool = option(
        False, help="what `ablate run --diagnostics` measured in the layers; troubled variants come last"
    )
    as_markdown: bool = option(False, "--markdown", help="GitHub's Markdown, as for a pull request")
    as_json: AsJson = False
    as_csv: bool = option(False, "--csv", help="one CSV line per variant instead of tables")
    html: Path | None = option(
        None, metavar="FILE", help="one page with curves and tables that opens from disk"
    )


@takes_groups
def report(
    results: Results,
    *,
    summarizing: Summarizing,
    sort: str = option(
        DEFAULT_SORT, metavar="COLUMN", help=f"best first by {', '.join(METRICS)}, or {VARIANT}"
    ),
    margin: str | None = option(
        None,
        metavar="SIZE",
        help="differences of the metric sorted by that do not matter: 0.01 in its unit, or 5% of the reference's "
        f"[default: {_DEFAULT_MARGINS}]",
    ),
    details: bool = option(False, help="all variants and all metrics in the tables"),
    format: Format,
) -> None:
    """Show what did best, what matters, warnings, and the tables."""
    if sum(map(bool, astuple(format))) > 1:
        raise SpecError("--json, --csv, --markdown, --layers and --html exclude each other; give one of them")
    folder = ResultsFolder(results)
    relevant = None if margin is None else Margin.parse(margin)
    summary = summarizing.summary(folder, sort)
    if format.layers:
        say_if_incomplete(summary)
        layers = health(named(folder.read("runs")), folder.read("layers"))
        print_table(layers_section(layers, simulated=summary.simulated))
    elif format.as_json:
        print(to_json(summary, find_all(summary, relevant)))
    elif format.as_csv:
        say_if_incomplete(summary)
        print(to_csv(summary, find_all(summary, relevant)), end="")
    elif format.as_markdown:
        print(to_markdown(summary, find(summary, margin=relevant)), end="")
    elif format.html:
        page = to_html(summary, folder.read("curves"), find(summary, margin=relevant), _origin(folder))
        print(write(format.html, page, "--html"))
    else:
        print_report(summary, find(summary, margin=relevant), console(sys.stdout), details)


def _origin(folder: ResultsFolder) -> Origin:
    """Returns the origin of the results in a folder: experiment, software versions and machine."""
    return Origin(folder.path.resolve().name, read_experiment(folder.path), folder.metadata())
