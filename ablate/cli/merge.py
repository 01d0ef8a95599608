"""`ablate merge`: puts several results folders of one experiment into one folder."""

import os
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from ablate.analysis.completeness import incompleteness
from ablate.cli.shared.places import output_path, results_path
from ablate.cli.shared.stderr import say
from ablate.errors import NothingToShow
from ablate.experiment.levels import spans
from ablate.report.numbers import counted, plural
from ablate.report.simulated import marked
from ablate.store.merge import Merge, prepare_merge
from ablate.store.parquet import ResultsFolder
from ablate.store.remote import with_addresses
from ablate.store.status import FINISHED

NOT_ALL_FINISHED = 3

EPILOG = (
    "Exit codes: 0 all runs of the experiment are there and finished; 2 wrong usage, folders that do not fit together, "
    "or results that differ, and nothing is written; 3 merged, but runs are missing, failed or diverged."
)


def merge(
    results: Annotated[
        list[Path],
        typer.Argument(
            parser=results_path,
            metavar="RESULTS...",
            help="results folders of one experiment, as of its shards",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            parser=output_path,
            metavar="FOLDER",
            help="folder to add them to; it can be one of RESULTS",
        ),
    ],
) -> None:
    """Put results of shards, or copies of results, into one folder."""
    merges = [prepare_merge(results, output)]
    searches = [path / "tuning" for path in (*results, output) if os.path.isdir(path / "tuning")]
    if searches:
        merges.append(prepare_merge(searches, output / "tuning"))
    for part in reversed(merges):  # tuning first: chosen learning rates need the runs that chose them
        part.write()
    raise typer.Exit(_report(merges[0]))


def _report(merged: Merge) -> int:
    """Prints what has been merged and what is missing, and returns the exit code."""
    try:
        runs = ResultsFolder(merged.target).read("runs")
    except NothingToShow:
        runs = pd.DataFrame()
    twice = f", of which {merged.shared:,} were stored more than once and are equal" if merged.shared else ""
    text = f"{merged.target}: {counted(len(runs), 'run')} of {counted(len(merged.sources), 'folder')}{twice}"
    print(marked(with_addresses(text), not runs.empty and bool(runs["simulated"].any())))
    for key, values in merged.differing_metadata().items():
        say(f"note: computed with different {key}: {' | '.join(values)}")
    if missing := merged.shards.missing:
        say(f"missing: {plural('shard', len(missing))} {spans(missing)} of {merged.shards.count}")
    if runs.empty:
        return NOT_ALL_FINISHED
    problem = incompleteness(merged.settings, runs)
    if problem:
        say(problem)
    return NOT_ALL_FINISHED if problem or (runs["status"] != FINISHED).any() else 0
