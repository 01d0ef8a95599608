"""The results folder: Parquet parts of three tables that belong together, safe against kills.

A part has one name in `runs/`, `curves/` and `layers/`, made of the runs it was written with; the one in
`runs/` is the commit mark. One rule makes every crash harmless: a row of `curves` or `layers` counts only if
the runs part of the same name holds its run. So parts are written `runs` last and shrunk `runs` first, a part
keeps its name when it shrinks (one rename does it), and the next writer clears away what does not count.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ablate.errors import NothingToShow, StoreError
from ablate.experiment.grid import NUMERICS
from ablate.store import parts
from ablate.store.atomic import exclusive, make_folder, quietly, remove_file, remove_leftovers, replace_files
from ablate.store.schema import DATA, TABLES

if TYPE_CHECKING:
    import pandas as pd

_WRITE_ORDER = ("layers", "curves", "runs")
_LOCK, _EXPERIMENT = ".lock", "experiment.toml"
_AGAIN = "mend that and give the same command again, or choose another folder"


class ResultsFolder:
    """A results folder; `pd.read_parquet(path / "runs")` is the whole table of runs at any time.

    Attributes:
        path: The folder; it need not exist before `writing`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # The part of each stored run, known only while writing: no other process can change it then.
        self._stored: dict[str, str] | None = None

    def statuses(self) -> dict[str, str]:
        """Returns the status of each stored run by its id, none for a folder that does not exist.

        Raises:
            StoreError: A part is unreadable, torn, foreign or of another schema version, or a run is stored
                twice.
        """
        columns = ["run_id", "status"]
        rows = [
            pair for part in self._runs(columns).values() for pair in zip(*_lists(part, columns), strict=True)
        ]
        return dict(sorted(rows))

    def read(self, table: str) -> "pd.DataFrame":
        """Returns the whole of `runs`, `curves` or `layers` with the schema's columns, sorted by its key.

        Text has pandas' default type for text (`str`, before pandas 3 `object`), whole numbers are int64, or
        Int64 where they may be null, and real numbers float64 with NaN for null.

        Raises:
            NothingToShow: The folder holds no runs.
            StoreError: As `statuses`, or a committed part is missing.
        """
        runs = self._runs(None if table == "runs" else ["run_id"])
        if not runs:
            path = str(self.path)
            raise NothingToShow(f"{path!r} holds no runs; train some with `ablate run -o {path}`")
        loaded = runs.values() if table == "runs" else self._counting_rows(table, runs)
        whole = pa.concat_tables(
            [TABLES[table].empty_table(), *(part.replace_schema_metadata() for part in loaded)]
        )
        return parts.to_pandas(parts.in_order(table, whole))

    def metadata(self) -> dict[str, str]:
        """Returns the metadata of all parts; where they differ, as after an upgrade, as `one | other`.

        Raises:
            StoreError: As `statuses`.
        """
        values: dict[str, set[str]] = defaultdict(set)
        for part in self._runs(["run_id"]).values():
            for key, value in parts.metadata_of(part).items():
                values[key].add(value)
        return {key: " | ".join(sorted(found)) for key, found in sorted(values.items())}

    def ensure_same_data(self, data: str) -> None:
        """Checks that the stored runs, if any, were made of the same data in the same way.

        Args:
            data: What the runs of a grid share, as a canonical JSON object: `Run.data`, the metadata `data` of parts.

        Raises:
            StoreError: They were not; or as `statuses`.
        """
        wanted: dict[str, object] = json.loads(data)
        for part in self._runs(["run_id"]).values():
            held: dict[str, object] = json.loads(parts.metadata_of(part).get(DATA, data))
            differing = [name for name in sorted(wanted | held) if held.get(name) != wanted.get(name)]
            if differing:
                told = ", ".join(
                    f"{name} {held.get(name, 'none')} and not {wanted.get(name, 'none')}"
                    for name in differing
                )
                engine = " (it is of another version of ablate, whose numbers differ)" * (
                    NUMERICS in differing
                )
                raise StoreError(
                    f"-o/--output: {str(self.path)!r} holds runs of {told}{engine}; choose another folder for these"
                )

    @contextmanager
    def writing(self, experiment_toml: str) -> Iterator[None]:
        """Makes the folder ready for `write_part` and `discard`, and this process its only writer meanwhile.

        What a killed writer left is cleared away, and `experiment.toml` is written. If any of this fails,
        folders and files made on the way are removed again.

        Raises:
            StoreError: The folder cannot be made or written, is being written by another command, or holds an
                `experiment.toml` that no run of ours wrote; or as `statuses`.
        """
        with ExitStack() as held:
            with self._explained("choose a folder that can be made and written"), ExitStack() as undo:
                make_folder(self.path, undo)
                self._lock(held, undo)
                self._refuse_foreign()
                for table in TABLES:
                    make_folder(self.path / table, undo)
                stored = self._heal()
                replace_files({self.path / _EXPERIMENT: experiment_toml.encode()})
                undo.pop_all()
            self._stored = stored
            try:
                yield
            finally:
                self._stored = None

    def write_part(self, tables: "Mapping[str, pd.DataFrame]", metadata: Mapping[str, str]) -> None:
        """Stores runs, their curves and their layers as one part, all of it or nothing.

        The same tables and metadata give the same files, to the byte.

        Args:
            tables: `runs`, and `curves` and `layers` unless they have no rows.
            metadata: What holds for all these runs, kept in the Parquet schema under keys `ablate.*`.

        Raises:
            ValueError: A table does not fit the schema, or one of the runs is stored in another part.
            StoreError: The part cannot be written.
        """
        stored = self._index()
        arrow = parts.checked(tables)
        run_ids = parts.run_ids(arrow["runs"])
        name = parts.part_name(run_ids)
        elsewhere = [run_id for run_id in run_ids if stored.get(run_id, name) != name]
        if elsewhere:
            raise ValueError(f"runs that are stored in another part: {elsewhere}")
        with self._explained(f"the {len(stored)} runs stored there before are safe: {_AGAIN}"):
            replace_files(
                {
                    self.path / table / name: parts.encode(parts.with_metadata(arrow[table], metadata))
                    for table in _WRITE_ORDER
                }
            )
        stored.update(dict.fromkeys(run_ids, name))

    def discard(self, run_ids: Iterable[str]) -> None:
        """Removes runs from all tables, part by part; runs that are not stored are passed over.

        Raises:
            StoreError: A part cannot be written; the runs not yet removed are whole.
        """
        stored = self._index()
        leaving: dict[str, set[str]] = defaultdict(set)
        for run_id in set(run_ids) & set(stored):
            leaving[stored[run_id]].add(run_id)
        staying: dict[str, set[str]] = {name: set() for name in sorted(leaving)}
        for run_id, name in stored.items():
            if name in leaving and run_id not in leaving[name]:
                staying[name].add(run_id)
        with self._explained(f"the other runs stored there are safe: {_AGAIN}"):
            for name, kept in staying.items():
                for table in reversed(_WRITE_ORDER):
                    self._shrink(table, name, kept)
                for run_id in leaving[name]:
                    del stored[run_id]

    def _index(self) -> dict[str, str]:
        if self._stored is None:
            raise RuntimeError("write_part and discard are legal only inside `with folder.writing(...)`")
        return self._stored

    def _runs(self, columns: list[str] | None) -> dict[str, pa.Table]:
        """Returns the runs parts by name, with these columns (`run_id` among them); checks for doubles."""
        found: dict[str, pa.Table] = {}
        owner: dict[str, str] = {}
        for name in self._names("runs"):
            # A part that has gone since it was listed was discarded by a writer at work.
            with suppress(FileNotFoundError):
                found[name] = parts.load(self.path / "runs" / name, "runs", columns)
        for name, part in found.items():
            for run_id in parts.run_ids(part):
                if owner.setdefault(run_id, name) != name:
                    raise StoreError(
                        f"{str(self.path / 'runs')!r} holds run {run_id} twice, in {owner[run_id]} and in "
                        f"{name}; delete one of these files"
                    )
        return found

    def _counting_rows(self, table: str, runs: Mapping[str, pa.Table]) -> Iterator[pa.Table]:
        for name, part in runs.items():
            try:
                rows = parts.load(self.path / table / name, table)
            except FileNotFoundError:
                mark = self.path / "runs" / name
                if mark.exists():
                    raise StoreError(
                        f"{str(self.path / table / name)!r} is missing; delete {str(mark)!r} too and its "
                        "runs are trained again"
                    ) from None
                continue
            yield parts.keep_runs(rows, parts.run_ids(part))

    def _names(self, table: str) -> list[str]:
        folder = self.path / table
        try:
            names = sorted(name for name in os.listdir(folder) if re.fullmatch(r"[^._].*\.parquet", name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(
                f"{str(self.path)!r} is not a readable results folder ({_reason(error)})"
            ) from error
        for name in names:
            if not re.fullmatch(parts.NAME_PATTERN, name):
                raise StoreError(f"{str(folder / name)!r} was not written by ablate; move it elsewhere")
        return names

    def _heal(self) -> dict[str, str]:
        """Clears away what a killed writer left; returns the part of each stored run."""
        for folder in (self.path, *(self.path / table for table in TABLES)):
            remove_leftovers(folder)
        runs = {name: parts.run_ids(part) for name, part in self._runs(["run_id"]).items()}
        for table in ("curves", "layers"):
            for name in self._names(table):
                self._shrink(table, name, set(runs.get(name, ())))
        return {run_id: name for name, run_ids in runs.items() for run_id in run_ids}

    def _shrink(self, table: str, name: str, staying: set[str]) -> None:
        """Leaves only some runs in one file of a part, or deletes it if none is to stay."""
        path = self.path / table / name
        if not staying:
            remove_file(path)
        elif path.exists() and not set(parts.run_ids(parts.load(path, table, ["run_id"]))) <= staying:
            replace_files({path: parts.encode(parts.keep_runs(parts.load(path, table), staying))})

    def _lock(self, held: ExitStack, undo: ExitStack) -> None:
        path = self.path / _LOCK
        is_new = not path.exists()
        try:
            held.enter_context(exclusive(path))
        except BlockingIOError:
            raise StoreError(
                f"-o/--output: another command is writing {str(self.path)!r}; let it end or choose another "
                "folder"
            ) from None
        if is_new:
            undo.callback(quietly, path.unlink)

    def _refuse_foreign(self) -> None:
        path = self.path / _EXPERIMENT
        if path.exists() and not (self.path / "runs").exists():
            raise StoreError(
                f"-o/--output: {str(path)!r} would be overwritten, and {str(self.path)!r} is not a results "
                "folder; choose another folder"
            )

    @contextmanager
    def _explained(self, advice: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"-o/--output: {str(self.path)!r} cannot be written ({_reason(error)}); {advice}"
            ) from error


def _reason(error: OSError) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file is in its place"
    return error.strerror or str(error)


def _lists(part: pa.Table, columns: Iterable[str]) -> list[list[str]]:
    return [part[column].to_pylist() for column in columns]
