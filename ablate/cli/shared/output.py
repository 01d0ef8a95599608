"""Printing tables and writing files, for several commands."""

import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ablate.errors import StoreError
from ablate.report.console import console
from ablate.report.numbers import symbols_for
from ablate.report.sections import Section, print_section
from ablate.store.atomic import reason, write_file

# What `Path` makes of an address, as `s3://bucket/page.html`.
_REMOTE = re.compile(r"\w[\w+.-]+:/")

AsJson = Annotated[bool, typer.Option("--json", help="one JSON document instead of tables")]


def print_table(section: Section) -> None:
    """Prints a table, with its title and its note, to stdout."""
    out = console(sys.stdout)
    print_section(section, out, symbols_for(out.encoding))


def write(
    path: Path, content: str | bytes, option: str, *, append: bool = False, make_folder: bool = False
) -> Path:
    """Writes the file that the user named by an option, and returns the path. Text is written as UTF-8.

    If writing fails, an existing file stays as it was. The content is dropped if the file is a pipe that nobody reads.

    Raises:
        StoreError: The file cannot be written, or is at a remote address.
    """
    if _REMOTE.match(str(path)):
        raise StoreError(
            f"{option}: {str(path)!r} is no local path, and only results can be on a remote store"
        )
    sys.stdout.flush()  # what was printed before stands before the content, if the file is /dev/stdout
    data = content.encode(errors="replace") if isinstance(content, str) else content
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(BrokenPipeError):
            write_file(path, data, append=append)
    except OSError as error:
        kind = "folder" if make_folder else "file"
        raise StoreError(
            f"{option}: {str(path)!r} cannot be written ({reason(error)}); choose another {kind}"
        ) from error
    return path
