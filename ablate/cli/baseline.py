"""`ablate baseline`: writes the results of a folder into one file, with which later results can be compared."""

import math
from pathlib import Path
from typing import Annotated

import typer

from ablate.analysis.completeness import incompleteness
from ablate.analysis.convergence import DEFAULT_TARGET, Target
from ablate.analysis.gate.sides import absolute_target, score
from ablate.cli.shared.places import output_path
from ablate.cli.shared.stderr import say
from ablate.cli.shared.summary import Results, TargetText
from ablate.errors import NothingToShow, SpecError
from ablate.report.numbers import PERCENT, counted
from ablate.report.simulated import marked
from ablate.store.baseline import read_results, write_baseline


def baseline(
    results: Results,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            parser=output_path,
            metavar="FILE",
            help="file to write, as results/baseline.parquet",
        ),
    ],
    target: TargetText = DEFAULT_TARGET,
) -> None:
    """Write a results folder into one file, to commit and gate against."""
    stored = read_results(results)
    if stored.curves is None:
        raise SpecError(
            f"RESULTS: {str(results)!r} is a file; give the results folder to make a baseline from"
        )
    accuracy = absolute_target(stored.runs, Target.parse(target))
    if not math.isfinite(accuracy):
        raise NothingToShow(
            f"RESULTS: no run of the reference in {str(results)!r} finished, so a share of its best "
            "accuracy cannot be the target; give an accuracy, as --target 0.9"
        )
    if problem := incompleteness(stored.settings, stored.runs):
        say(f"ablate: {str(results)!r} is {problem}")
    size = write_baseline(output, score(stored.runs, stored.curves, accuracy), accuracy, stored)
    text = (
        f"Wrote {output}: {counted(len(stored.runs), 'run')}, target {PERCENT.text(accuracy)}% validation accuracy, "
        f"{size / 1024:.0f} KiB."
    )
    say(marked(text, bool(stored.runs["simulated"].any())))
