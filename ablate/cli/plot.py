"""`ablate plot`: draws figures of the results in a folder."""

from pathlib import Path

from ablate.cli.shared.groups import option, takes_groups
from ablate.cli.shared.output import write
from ablate.cli.shared.summary import Results, Summarizing, say_if_incomplete
from ablate.errors import SpecError, not_one_of
from ablate.store.parquet import ResultsFolder


@takes_groups
def plot(
    results: Results,
    *,
    output: Path | None = option(
        None, "-o", "--output", metavar="FOLDER", help="where to [default: figures/NAME of the results]"
    ),
    kind: str = option("png", "--format", metavar="FORMAT", help="png or svg"),
    summarizing: Summarizing,
) -> None:
    """Draw the figures of a results folder."""
    # Imported here because loading matplotlib takes longer than most commands.
    from ablate.report.figures.files import FORMATS, figures, to_bytes

    if kind not in FORMATS:
        raise SpecError(f"--format: {not_one_of(kind, FORMATS)}")
    folder = ResultsFolder(results)
    summary = summarizing.summary(folder)
    say_if_incomplete(summary)
    figure_folder = output or Path("figures") / results.resolve().name
    for name, figure in figures(summary, folder.read("curves"), folder.read("layers")):
        path = figure_folder / f"{name}.{kind}"
        print(write(path, to_bytes(figure, kind), "-o/--output", make_folder=True))
