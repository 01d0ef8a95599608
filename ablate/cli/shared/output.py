"""Printing tables and writing files, for several commands."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ablate.errors import StoreError
from ablate.report.console import console
from ablate.report.numbers import symbols_for
from ablate.report.sections import Section, print_section

AsJson = Annotated[bool, typer.Option("--json", help="one JSON document instead of tables")]


def print_table(section: Section) -> None:
    """Prints a table, with its title and its note, to stdout."""
    out = console(sys.stdout)
    print_section(section, out, symbols_for(out.encoding))


def write(
    path: Path, content: str | bytes, option: str, *, append: bool = False, make_folder: bool = False
) -> Path:
    """Writes the file that the user named by an option, and returns the path. Text is written as UTF-8.

    The function raises StoreError if the file cannot be written.
    """
    data = content.encode(errors="replace") if isinstance(content, str) else content
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if append else "wb") as file:
            file.write(data)
    except OSError as error:
        kind = "folder" if make_folder else "file"
        raise StoreError(
            f"{option}: {str(path)!r} cannot be written ({error.strerror}); choose another {kind}"
        ) from error
    return path
