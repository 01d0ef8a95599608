"""Merging of small parts (the files of some runs) of a results folder into few larger parts, which load faster."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from ablate.store import files, parts
from ablate.store.replacement import replace_parts
from ablate.store.schema import TABLES
from ablate.store.snapshot import snapshot

# A part can be written within a second at these sizes. Replacing one run writes its whole part again.
_MAX_RUNS, _MAX_BYTES = 4096, 1 << 25


def compact(folder: Path) -> None:
    """Merges parts with the same metadata into parts of limited size, and changes no bit of any row.

    Each merge is one replacement (see `replacement`), so a reader sees all old parts or the new part, also after a
    crash. A full disk leaves the remaining parts as they are. Only the writer of the folder may call this function.

    Raises:
        StoreError: A file of a part is missing or damaged.
    """
    for names in list(_groups(folder)):
        loaded = [{table: parts.load(folder / table / name, table) for table in TABLES} for name in names]
        part = {
            table: parts.in_order(table, pa.concat_tables([part[table] for part in loaded]))
            for table in TABLES
        }
        content = {table: files.encode(rows.combine_chunks()) for table, rows in part.items()}
        with suppress(OSError):
            replace_parts(folder, names, {parts.name_of(part): content})


def _groups(folder: Path) -> Iterator[list[str]]:
    """Yields groups of names; the parts with the names of a group are merged into one part."""
    loaded = snapshot(folder, {"runs": ["run_id"]})
    runs = {name: part["runs"].num_rows for name, part in loaded.items()}
    by_metadata: dict[object, list[str]] = defaultdict(list)
    for name in sorted(loaded, key=lambda name: (runs[name], name)):
        by_metadata[tuple(files.metadata_of(loaded[name]["runs"].schema).items())].append(name)
    for names in by_metadata.values():
        for group in _of_bounded_size(names, runs, folder):
            if len(group) > 1:
                yield group


def _of_bounded_size(names: Iterable[str], runs: Mapping[str, int], folder: Path) -> Iterator[list[str]]:
    group: list[str] = []
    count = size = 0
    for name in names:
        added = sum((folder / table / name).stat().st_size for table in TABLES)
        if group and (count + runs[name] > _MAX_RUNS or size + added > _MAX_BYTES):
            yield group
            group, count, size = [], 0, 0
        group.append(name)
        count, size = count + runs[name], size + added
    yield group
