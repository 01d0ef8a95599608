"""The results folder: three tables stored in Parquet files, which are consistent even after a crash at any moment.

The tables are `runs`, `curves` (learning curves) and `layers` (layer diagnostics). Runs that were stored together form
a part: one file in each of the folders `runs/`, `curves/` and `layers/`. The three files of a part have the same name:
a hash of the ids of the runs with which the part was first stored. The files keep this name when runs are removed, so a
single renaming replaces the old file in `runs/`. A row of `curves` or `layers` is valid only if the part's file in
`runs/` contains the run of the row. For this reason, the file in `runs/` is written last when a part is stored, and is
changed first when runs are removed. If a process is killed in between, invalid rows remain, and the next process that
writes to the folder deletes these rows.
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
from ablate.experiment.grid import NUMERICS, SIMULATED
from ablate.store import atomic, files, parts
from ablate.store.atomic import explained, quietly, reason
from ablate.store.schema import DATA, TABLES

if TYPE_CHECKING:
    import pandas as pd

_WRITE_ORDER = ("layers", "curves", "runs")
EXPERIMENT_FILE = "experiment.toml"
_AGAIN = "mend that and give the same command again, or choose another folder"


class ResultsFolder:
    """A results folder. The folder need not exist until the method `writing` is called.

    At any time, `pd.read_parquet(path / "runs")` returns the complete table of runs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # The name of the part of each stored run, by run id. The attribute is set only while this process is the only
        # writer, so it cannot become outdated.
        self._stored: dict[str, str] | None = None

    def statuses(self) -> dict[str, str]:
        """Returns the status of each stored run by run id. The result is empty if the folder does not exist.

        Raises:
            StoreError: A file in `runs/` cannot be read, is damaged, was not written by ablate or has another schema
                version, or a run is stored twice.
        """
        rows = [row for part in self._runs(["run_id", "status"]).values() for row in part.to_pylist()]
        return dict(sorted((row["run_id"], row["status"]) for row in rows))

    def read(self, table: str) -> "pd.DataFrame":
        """Returns the complete table `runs`, `curves` or `layers`, sorted by the key columns of the table.

        Columns of integers have the type int64, or Int64 if the column may be null. Columns of real numbers have the
        type float64, with NaN for null. Columns of text have pandas' default type for text.

        Raises:
            NothingToShow: The folder holds no runs.
            StoreError: A file of a part is missing, or a file in `runs/` cannot be used (see `statuses`).
        """
        runs = self._runs([] if table == "runs" else ["run_id"])
        if not runs:
            path = str(self.path)
            raise NothingToShow(f"{path!r} holds no runs; train some with `ablate run -o {path}`")
        loaded = runs.values() if table == "runs" else self._counting_rows(table, runs)
        rows = [part.replace_schema_metadata() for part in loaded]
        return parts.to_pandas(parts.in_order(table, pa.concat_tables([TABLES[table].empty_table(), *rows])))

    def metadata(self) -> dict[str, str]:
        """Returns the metadata of all parts.

        If the values of a key differ between parts, the result joins them as `one | other`. The method raises the same
        errors as `statuses`.
        """
        values: dict[str, set[str]] = defaultdict(set)
        for part in self._runs(["run_id"]).values():
            for key, value in files.metadata_of(part.schema).items():
                values[key].add(value)
        return {key: " | ".join(sorted(texts)) for key, texts in sorted(values.items())}

    def ensure_same_data(self, data: str) -> None:
        """Checks that all stored runs have the same dataset and shared settings as new runs.

        `data` is the value of the attribute `Run.data` of the new runs.

        Raises:
            StoreError: The dataset or the shared settings differ, or a file in `runs/` cannot be used (see `statuses`).
        """
        wanted: dict[str, object] = json.loads(data)
        for part in self._runs(["run_id"]).values():
            held: dict[str, object] = json.loads(files.metadata_of(part.schema).get(DATA, data))
            if held != wanted:
                content = f"{str(self.path)!r} holds {_difference(held, wanted)}"
                raise StoreError(f"-o/--output: {content}; choose another folder for these")

    @contextmanager
    def writing(self, experiment_toml: str) -> Iterator[None]:
        """Prepares the folder for `write_part` and `discard`.

        Inside the `with` block, this process is the only writer of the folder. At the start, the method makes the
        folder, deletes the leftovers of a killed process, and writes `experiment.toml`. If this preparation fails, all
        new folders and files are removed.

        Raises:
            StoreError: The folder cannot be made or written, another command is writing to the folder, the folder
                contains `experiment.toml` but not `runs/`, or a file in `runs/` cannot be used (see `statuses`).
        """
        lock, experiment = self.path / atomic.LOCK, self.path / EXPERIMENT_FILE
        with ExitStack() as held:
            with explained(self.path, "choose a folder that can be written"), ExitStack() as undo:
                atomic.make_folder(self.path, undo)
                is_new = not lock.exists()
                held.enter_context(atomic.only_writer(self.path))
                if is_new:
                    undo.callback(quietly, lock.unlink)
                if experiment.exists() and not (self.path / "runs").exists():
                    raise StoreError(
                        f"-o/--output: {str(experiment)!r} would be overwritten, and {str(self.path)!r} is no results "
                        "folder; choose another folder"
                    )
                for table in TABLES:
                    atomic.make_folder(self.path / table, undo)
                stored = self._heal()
                atomic.replace_files({experiment: experiment_toml.encode()})
                undo.pop_all()
            self._stored = stored
            try:
                yield
            finally:
                self._stored = None

    def write_part(self, tables: "Mapping[str, pd.DataFrame]", metadata: Mapping[str, str]) -> None:
        """Stores runs with their learning curves and layer diagnostics as one part, completely or not at all.

        `tables` holds the table `runs` and the tables `curves` and `layers`; an empty `curves` or `layers` may be left
        out. `metadata` applies to all runs of the part and is stored in the Parquet schema under keys that start with
        `ablate.`. The same arguments always give byte-identical files.

        Raises:
            ValueError: A table does not fit its schema, or one of the runs is already stored in another part.
            StoreError: The part cannot be written.
        """
        stored = self._index()
        arrow = parts.checked(tables)
        run_ids = parts.run_ids(arrow["runs"])
        name = parts.part_name(run_ids)
        if elsewhere := [run_id for run_id in run_ids if stored.get(run_id, name) != name]:
            raise ValueError(f"runs that are stored in another part: {elsewhere}")
        with explained(self.path, f"the {len(stored)} runs stored there before are safe: {_AGAIN}"):
            whole = {table: files.with_metadata(arrow[table], metadata) for table in _WRITE_ORDER}
            atomic.replace_files({self.path / table / name: files.encode(whole[table]) for table in whole})
        stored.update(dict.fromkeys(run_ids, name))

    def discard(self, run_ids: Iterable[str]) -> None:
        """Removes runs from all three tables, one part at a time. Ids of runs that are not stored are ignored.

        Raises:
            StoreError: A part cannot be written; the runs that were not removed before this error remain complete.
        """
        stored = self._index()
        leaving: dict[str, set[str]] = defaultdict(set)
        for run_id in set(run_ids) & set(stored):
            leaving[stored[run_id]].add(run_id)
        with explained(self.path, f"the other runs stored there are safe: {_AGAIN}"):
            for name, removed in sorted(leaving.items()):
                staying = {run_id for run_id, part in stored.items() if part == name} - removed
                for table in reversed(_WRITE_ORDER):
                    self._shrink(table, name, staying)
                for run_id in removed:
                    del stored[run_id]

    def _index(self) -> dict[str, str]:
        if self._stored is None:
            raise RuntimeError("write_part and discard are legal only inside `with folder.writing(...)`")
        return self._stored

    def _runs(self, columns: list[str]) -> dict[str, pa.Table]:
        """Returns the contents of all files in `runs/` by file name.

        `columns` names the columns to read and must include `run_id`; an empty list stands for all columns. The method
        raises a StoreError if a run is stored twice.
        """
        loaded: dict[str, pa.Table] = {}
        owner: dict[str, str] = {}
        for name in self._names("runs"):
            # Another process may have deleted a file after this process listed it.
            with suppress(FileNotFoundError):
                loaded[name] = parts.load(self.path / "runs" / name, "runs", columns)
        for name, part in loaded.items():
            for run_id in parts.run_ids(part):
                if owner.setdefault(run_id, name) != name:
                    raise StoreError(
                        f"{str(self.path / 'runs')!r} holds run {run_id} twice, in {owner[run_id]} and in "
                        f"{name}; delete one of these files"
                    )
        return loaded

    def _counting_rows(self, table: str, runs: Mapping[str, pa.Table]) -> Iterator[pa.Table]:
        """Yields the valid rows of a table, part by part.

        A row is valid if the part's file in `runs/` contains the run of the row.
        """
        for name, part in runs.items():
            path, runs_file = self.path / table / name, self.path / "runs" / name
            try:
                yield parts.keep_runs(parts.load(path, table), parts.run_ids(part))
            except FileNotFoundError:
                if runs_file.exists():
                    raise StoreError(
                        f"{str(path)!r} is missing; delete {str(runs_file)!r} too and its runs are trained again"
                    ) from None

    def _names(self, table: str) -> list[str]:
        folder = self.path / table
        try:
            names = sorted(name for name in os.listdir(folder) if re.fullmatch(r"[^._].*\.parquet", name))
        except FileNotFoundError:
            return []
        except OSError as error:
            problem = f"{str(self.path)!r} is not a readable results folder ({reason(error)})"
            raise StoreError(problem) from error
        for name in names:
            if not re.fullmatch(parts.NAME_PATTERN, name):
                raise StoreError(f"{str(folder / name)!r} was not written by ablate; move it elsewhere")
        return names

    def _heal(self) -> dict[str, str]:
        """Deletes files and rows that a killed process left behind.

        Returns the name of the part of each stored run, by run id.
        """
        for folder in (self.path, *(self.path / table for table in TABLES)):
            atomic.remove_leftovers(folder)
        runs = {name: parts.run_ids(part) for name, part in self._runs(["run_id"]).items()}
        for table in ("curves", "layers"):
            for name in self._names(table):
                self._shrink(table, name, set(runs.get(name, ())))
        return {run_id: name for name, run_ids in runs.items() for run_id in run_ids}

    def _shrink(self, table: str, name: str, staying: set[str]) -> None:
        """Removes all rows from one file of a part except the rows of the runs in `staying`.

        If `staying` is empty, the file is deleted.
        """
        path = self.path / table / name
        if not staying:
            atomic.remove_file(path)
        elif path.exists() and not set(parts.run_ids(parts.load(path, table, ["run_id"]))) <= staying:
            atomic.replace_files({path: files.encode(parts.keep_runs(parts.load(path, table), staying))})


def _difference(held: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    """Returns a text that lists the settings in which the stored runs differ from the new runs."""
    if bool(held.get(SIMULATED)) != bool(wanted.get(SIMULATED)):
        kinds = ("simulated", "real") if held.get(SIMULATED) else ("real", "simulated")
        return "{} results, which cannot be mixed with {} ones".format(*kinds)
    names = [name for name in sorted({*held, *wanted}) if held.get(name) != wanted.get(name)]
    values = [f"{name} {held.get(name, 'none')} and not {wanted.get(name, 'none')}" for name in names]
    other = " (it is of another version of ablate, whose numbers differ)" if NUMERICS in names else ""
    return f"runs of {', '.join(values)}{other}"
