"""Writing the report page, what `ablate report --html FILE` does."""

from pathlib import Path

from ablate.analysis.findings import Findings
from ablate.analysis.summary import Summary
from ablate.errors import StoreError
from ablate.report.html import Origin, to_html
from ablate.store.parquet import ResultsFolder


def write_html(file: Path, folder: ResultsFolder, summary: Summary, findings: Findings) -> Path:
    """Writes the page about a folder's results and returns the file.

    Raises:
        StoreError: The file cannot be written, or the folder not be read.
    """
    experiment = folder.path / "experiment.toml"
    origin = Origin(
        folder.path.resolve().name,
        experiment.read_text(encoding="utf-8") if experiment.is_file() else "",
        folder.metadata(),
    )
    page = to_html(summary, folder.read("curves"), findings, origin)
    try:
        file.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StoreError(
            f"--html: {str(file)!r} cannot be written ({error.strerror}); choose another file"
        ) from error
    return file
