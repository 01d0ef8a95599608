"""`ablate plot`: figures of a results folder."""

from pathlib import Path
from typing import Annotated

import typer

from ablate.analysis.convergence import DEFAULT_TARGET, Target
from ablate.analysis.metrics import DEFAULT_SORT
from ablate.analysis.summary import summarize
from ablate.cli.report import Reference, Results, TargetText
from ablate.errors import SpecError, StoreError, did_you_mean
from ablate.store.parquet import ResultsFolder

FOLDER = "figures"

Folder = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FOLDER",
        help=f"where to [default: {FOLDER}/NAME of the results]",
        show_default=False,
    ),
]
FormatText = Annotated[str, typer.Option("--format", metavar="FORMAT", help="png or svg")]


def plot(
    results: Results,
    output: Folder = None,
    kind: FormatText = "png",
    target: TargetText = DEFAULT_TARGET,
    reference: Reference = None,
) -> None:
    """Draw the figures of a results folder."""
    # matplotlib takes longer to load than most commands to run.
    from ablate.report.figures.files import FORMATS, figures, to_bytes

    if kind not in FORMATS:
        raise SpecError(f"--format: {kind!r} is not one of {', '.join(FORMATS)}{did_you_mean(kind, FORMATS)}")
    folder = ResultsFolder(results)
    curves = folder.read("curves")
    summary = summarize(folder.read("runs"), curves, Target.parse(target), reference, DEFAULT_SORT)
    where = output or Path(FOLDER) / results.resolve().name
    for name, figure in figures(summary, curves, folder.read("layers")):
        print(_written(where / f"{name}.{kind}", to_bytes(figure, kind)))


def _written(path: Path, content: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise StoreError(
            f"-o/--output: {str(path)!r} cannot be written ({error.strerror}); choose another folder"
        ) from error
    return path
