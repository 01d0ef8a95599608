"""The results folder: three tables stored as Parquet parts, consistent after a crash at any time.

A part has one file in each of `runs/`, `curves/` and `layers/`, all with the same name, a hash of the original run ids.
A row of `curves` or `layers` is valid only if the runs file of the same name has its run. Therefore a new part's `runs`
file is written last, and the removal of runs changes `runs` first. A part keeps its name when runs are removed, so one
rename is enough. The next writer deletes invalid rows.
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
    """A results folder; the folder need not exist before `writing` is called.

    `pd.read_parquet(path / "runs")` returns the complete table of runs at any time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # The part of each stored run; set only while this process is the only writer, so it cannot become outdated.
        self._stored: dict[str, str] | None = None

    def statuses(self) -> dict[str, str]:
        """Returns the status of each stored run by its id; empty if the folder does not exist.

        Raises:
            StoreError: A part is unreadable, damaged, not from ablate or of another schema, or a run is stored twice.
        """
        rows = [row for part in self._runs(["run_id", "status"]).values() for row in part.to_pylist()]
        return dict(sorted((row["run_id"], row["status"]) for row in rows))

    def read(self, table: str) -> "pd.DataFrame":
        """Returns the complete table `runs`, `curves` or `layers`, sorted by its key.

        Integers are int64, or Int64 if the column may be null. Real numbers are float64 with NaN for null. Text has
        pandas' default type for text.

        Raises:
            NothingToShow: The folder holds no runs.
            StoreError: A file of a part is missing, or a reason given at `statuses` applies.
        """
        runs = self._runs([] if table == "runs" else ["run_id"])
        if not runs:
            path = str(self.path)
            raise NothingToShow(f"{path!r} holds no runs; train some with `ablate run -o {path}`")
        loaded = runs.values() if table == "runs" else self._counting_rows(table, runs)
        rows = [part.replace_schema_metadata() for part in loaded]
        return parts.to_pandas(parts.in_order(table, pa.concat_tables([TABLES[table].empty_table(), *rows])))

    def metadata(self) -> dict[str, str]:
        """Returns the metadata of all parts; differing values become `one | other`. Raises the errors of `statuses`."""
        values: dict[str, set[str]] = defaultdict(set)
        for part in self._runs(["run_id"]).values():
            for key, value in files.metadata_of(part.schema).items():
                values[key].add(value)
        return {key: " | ".join(sorted(texts)) for key, texts in sorted(values.items())}

    def ensure_same_data(self, data: str) -> None:
        """Checks that the stored runs, if any, share their data and settings (`Run.data`) with new runs.

        Raises:
            StoreError: Their data or settings differ from the new runs, or a reason given at `statuses` applies.
        """
        wanted: dict[str, object] = json.loads(data)
        for part in self._runs(["run_id"]).values():
            held: dict[str, object] = json.loads(files.metadata_of(part.schema).get(DATA, data))
            if held != wanted:
                content = f"{str(self.path)!r} holds {_difference(held, wanted)}"
                raise StoreError(f"-o/--output: {content}; choose another folder for these")

    @contextmanager
    def writing(self, experiment_toml: str) -> Iterator[None]:
        """Prepares the folder for `write_part` and `discard`; until the exit, this process is its only writer.

        The leftovers of a killed writer are deleted, and `experiment.toml` is written. If any of these steps fails, all
        new folders and files are removed.

        Raises:
            StoreError: The folder cannot be made or written, is being written by another command, or holds an
                `experiment.toml` but no `runs`; or a reason given at `statuses` applies.
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
        """Stores runs, their curves and their layers as one part, completely or not at all.

        The tables are `runs` and, if they have rows, `curves` and `layers`. The metadata apply to all these runs. They
        are stored in the Parquet schema under keys `ablate.*`. The same arguments give byte-identical files.

        Raises:
            ValueError: A table does not fit the schema, or one of the runs is stored in another part.
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
        """Removes runs from all tables, one part at a time; ignores ids of runs that are not stored.

        Raises:
            StoreError: A part cannot be written; all runs that are not yet removed remain complete.
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
        """Returns the runs files by name, with the given columns (including `run_id`) or all; rejects repeated runs."""
        loaded: dict[str, pa.Table] = {}
        owner: dict[str, str] = {}
        for name in self._names("runs"):
            # A writer may have deleted a file after it was listed.
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
        """Yields, for each part, the rows whose runs are in the part's runs file."""
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
        """Deletes the leftovers of a killed writer and returns the part of each stored run."""
        for folder in (self.path, *(self.path / table for table in TABLES)):
            atomic.remove_leftovers(folder)
        runs = {name: parts.run_ids(part) for name, part in self._runs(["run_id"]).items()}
        for table in ("curves", "layers"):
            for name in self._names(table):
                self._shrink(table, name, set(runs.get(name, ())))
        return {run_id: name for name, run_ids in runs.items() for run_id in run_ids}

    def _shrink(self, table: str, name: str, staying: set[str]) -> None:
        """Keeps only the rows of the `staying` runs in one file of a part, or deletes the file if no run stays."""
        path = self.path / table / name
        if not staying:
            atomic.remove_file(path)
        elif path.exists() and not set(parts.run_ids(parts.load(path, table, ["run_id"]))) <= staying:
            atomic.replace_files({path: files.encode(parts.keep_runs(parts.load(path, table), staying))})


def _difference(held: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    """Returns a text with the values of a folder's runs that differ from the wanted values."""
    if bool(held.get(SIMULATED)) != bool(wanted.get(SIMULATED)):
        kinds = ("simulated", "real") if held.get(SIMULATED) else ("real", "simulated")
        return "{} results, which cannot be mixed with {} ones".format(*kinds)
    names = [name for name in sorted({*held, *wanted}) if held.get(name) != wanted.get(name)]
    values = [f"{name} {held.get(name, 'none')} and not {wanted.get(name, 'none')}" for name in names]
    other = " (it is of another version of ablate, whose numbers differ)" if NUMERICS in names else ""
    return f"runs of {', '.join(values)}{other}"
