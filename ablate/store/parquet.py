"""The results folder: three tables stored in Parquet files, which are consistent even after a crash at any moment.

The tables are `runs`, `curves` (learning curves) and `layers` (layer diagnostics). Runs that were stored together form
a part: one file in each of the folders `runs/`, `curves/` and `layers/`. The three files of a part have the same name,
which is a hash of the ids of its runs. A file in `curves/` or `layers/` is valid only if there is a file of the same
name in `runs/`. When a part is stored, its file in `runs/` is therefore written last. The next process that writes to
the folder deletes invalid files. The module `replacement` describes how stored runs are replaced.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ablate.errors import NothingToShow, StoreError
from ablate.experiment.grid import NUMERICS, SIMULATED
from ablate.store import atomic, files, parts
from ablate.store.atomic import explained, quietly
from ablate.store.checkpoints import remove_useless_checkpoints
from ablate.store.compaction import compact
from ablate.store.experiment_file import EXPERIMENT_FILE
from ablate.store.replacement import finish as finish_replacement
from ablate.store.replacement import replace_parts
from ablate.store.schema import DATA, TABLES
from ablate.store.snapshot import names_in, snapshot

if TYPE_CHECKING:
    import pandas as pd

_WRITE_ORDER = ("layers", "curves", "runs")
_RUN_ID, _STATUS = {"runs": ["run_id"]}, {"runs": ["run_id", "status"]}
_AGAIN = "mend that and give the same command again, or choose another folder"


class ResultsFolder:
    """A results folder. The folder need not exist until the method `writing` is called.

    At any time, `pd.read_parquet(path / "runs")` returns the complete table of runs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # The name of each stored run's part, by run id. The attribute is set only while this process is the only
        # writer, so it cannot become outdated.
        self._stored: dict[str, str] | None = None

    def statuses(self) -> dict[str, str]:
        """Returns the status of each stored run by run id. The result is empty if the folder does not exist.

        Raises:
            StoreError: A file in `runs/` cannot be read, is damaged, was not written by ablate or has another schema
                version, or a run is stored twice.
        """
        return _statuses(snapshot(self.path, _STATUS))

    def read(self, table: str) -> "pd.DataFrame":
        """Returns the complete table `runs`, `curves` or `layers`, sorted by the key columns of the table.

        Columns of integers have the type int64, or Int64 if the column may be null. Columns of real numbers have the
        type float64, with NaN for null. Columns of text have pandas' default type for text.

        Raises:
            NothingToShow: The folder holds no runs.
            StoreError: A file of a part is missing, or a file in `runs/` cannot be used (see `statuses`).
        """
        loaded = snapshot(self.path, _RUN_ID | {table: []})
        if not loaded:
            path = str(self.path)
            raise NothingToShow(f"{path!r} holds no runs; train some with `ablate run -o {path}`")
        rows = [part[table].replace_schema_metadata() for part in loaded.values()]
        return parts.to_pandas(parts.in_order(table, pa.concat_tables([TABLES[table].empty_table(), *rows])))

    def metadata(self) -> dict[str, str]:
        """Returns the metadata of all parts.

        If the values of a key differ between parts, the result joins them as `one | other`. The method raises the same
        errors as `statuses`.
        """
        values: dict[str, set[str]] = defaultdict(set)
        for part in snapshot(self.path, _RUN_ID).values():
            for key, value in files.metadata_of(part["runs"].schema).items():
                values[key].add(value)
        return {key: " | ".join(sorted(texts)) for key, texts in sorted(values.items())}

    def ensure_same_data(self, data: str) -> None:
        """Checks that all stored runs have the same dataset and shared settings as new runs.

        `data` is the value of the attribute `Run.data` of the new runs.

        Raises:
            StoreError: The dataset or the shared settings differ, or a file in `runs/` cannot be used (see `statuses`).
        """
        for part in snapshot(self.path, _RUN_ID).values():
            held = files.metadata_of(part["runs"].schema).get(DATA, data)
            ensure_equal_data(self.path, held, data, "-o/--output", "choose another folder for these")

    @contextmanager
    def writing(
        self, experiment_toml: str, data: str | None = None, statuses: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        """Prepares the folder for `write_part`; until the exit, this process is its only writer.

        The work of a killed writer is finished or removed, and `experiment.toml` is written. If `data` is given, the
        method calls `ensure_same_data` with it. If `statuses` is given, it must equal the statuses of the stored runs,
        which shows that no other command has written since the caller read them. If any of these steps fails, all new
        folders and files are removed.

        Raises:
            StoreError: The folder cannot be made or written, holds other data, or holds an `experiment.toml` but no
                `runs`; another command is writing to it, or has written since `statuses` was read; or a file in `runs/`
                cannot be used (see the method `statuses`).
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
                loaded = self._heal()
                if data is not None:
                    self.ensure_same_data(data)
                if statuses is not None:
                    self._ensure_unchanged(statuses, loaded)
                atomic.replace_files({experiment: experiment_toml.encode()})
                undo.pop_all()
            self._stored = _index(loaded)
            try:
                yield
            finally:
                self._stored = None

    def heal(self) -> None:
        """Finishes or removes what killed commands have left, unless another command is writing or writing fails."""
        left = {path.name for path in self.path.rglob(".*")} - {atomic.LOCK}
        if left:
            with suppress(StoreError), explained(self.path), atomic.only_writer(self.path):
                self._heal()
                remove_useless_checkpoints(self.path, self.statuses)

    def write_part(self, tables: "Mapping[str, pd.DataFrame]", metadata: Mapping[str, str]) -> None:
        """Stores runs with their learning curves and layer diagnostics as one part, completely or not at all.

        The tables are `runs` and, if they have rows, `curves` and `layers`. The metadata, which apply to all these
        runs, are stored in the Parquet schema under keys `ablate.*`. The same arguments give byte-identical files. Runs
        that are already stored are replaced in all tables in one step.

        Raises:
            ValueError: A table does not fit the schema.
            StoreError: The part cannot be written; the runs stored before remain.
        """
        if self._stored is None:
            raise RuntimeError("write_part is legal only inside `with folder.writing(...)`")
        arrow = parts.checked(tables)
        part = {table: files.with_metadata(rows, metadata) for table, rows in arrow.items()}
        run_ids = parts.run_ids(part["runs"])
        old = {self._stored[run_id] for run_id in run_ids if run_id in self._stored}
        with explained(self.path, f"the {len(self._stored)} runs stored there before are safe: {_AGAIN}"):
            new = [part, *(rest for name in sorted(old) if (rest := self._without(name, run_ids)))]
            if old:
                replace_parts(self.path, old, {parts.name_of(part): _encoded(part) for part in new})
            else:
                content = _encoded(part)
                atomic.replace_files(
                    {self.path / table / parts.name_of(part): content[table] for table in _WRITE_ORDER}
                )
        for part in new:
            self._stored.update(dict.fromkeys(parts.run_ids(part["runs"]), parts.name_of(part)))

    def compact(self) -> None:
        """Merges the parts into few larger ones; the tables stay the same. Call this method when a grid ends.

        Raises:
            StoreError: A file of a part is missing or damaged.
        """
        if self._stored is None:
            raise RuntimeError("compact is legal only inside `with folder.writing(...)`")
        compact(self.path)
        self._stored = _index(snapshot(self.path, _RUN_ID))

    def _without(self, name: str, run_ids: Iterable[str]) -> parts.Part | None:
        """Returns a stored part without some of its runs, or None if no run is left."""
        runs = parts.load(self.path / "runs" / name, "runs")
        staying = sorted(set(parts.run_ids(runs)) - set(run_ids))
        if not staying:
            return None
        others = {table: parts.load(self.path / table / name, table) for table in _WRITE_ORDER[:-1]}
        return {table: parts.keep_runs(rows, staying) for table, rows in (others | {"runs": runs}).items()}

    def _heal(self) -> dict[str, parts.Part]:
        """Finishes or removes the work of a killed writer. Returns the id and status of each stored run, by part."""
        finish_replacement(self.path)
        for folder in (self.path, *(self.path / table for table in TABLES)):
            atomic.remove_leftovers(folder)
        loaded = snapshot(self.path, _STATUS)
        for table in ("curves", "layers"):
            for name in set(names_in(self.path, table)) - set(loaded):
                atomic.remove_file(self.path / table / name)
        return loaded

    def _ensure_unchanged(self, statuses: Mapping[str, str], loaded: Mapping[str, parts.Part]) -> None:
        if statuses != _statuses(loaded):
            raise StoreError(
                f"-o/--output: another command has written {str(self.path)!r} since this one started; give the same "
                "command again to train what is still missing"
            )


def ensure_equal_data(path: Path, held: str, wanted: str, flag: str, advice: str) -> None:
    """Checks that `held` states the same settings as `wanted`: the attributes `Run.data` of stored and of new runs.

    Raises:
        StoreError: The settings differ, or `held` is damaged. The message begins with `flag` and ends with `advice`.
    """
    if held == wanted:
        return
    try:
        held_settings = dict(json.loads(held))
    except (ValueError, TypeError, RecursionError):
        raise StoreError(
            f"{flag}: {str(path)!r} is damaged (its runs do not state their data); {advice}"
        ) from None
    if held_settings != json.loads(wanted):
        difference = _difference(held_settings, json.loads(wanted))
        raise StoreError(f"{flag}: {str(path)!r} holds {difference}; {advice}")


def _index(loaded: Mapping[str, parts.Part]) -> dict[str, str]:
    """Returns the name of each stored run's part, by run id."""
    return {run_id: name for name, part in loaded.items() for run_id in parts.run_ids(part["runs"])}


def _encoded(part: parts.Part) -> dict[str, pa.Buffer]:
    return {table: files.encode(rows) for table, rows in part.items()}


def _statuses(loaded: Mapping[str, parts.Part]) -> dict[str, str]:
    rows = [row for part in loaded.values() for row in part["runs"].to_pylist()]
    return dict(sorted((row["run_id"], row["status"]) for row in rows))


def _difference(held: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    """Returns a text that lists the settings in which the stored runs differ from the new runs."""
    if bool(held.get(SIMULATED)) != bool(wanted.get(SIMULATED)):
        kinds = ("simulated", "real") if held.get(SIMULATED) else ("real", "simulated")
        return "{} results, which cannot be mixed with {} ones".format(*kinds)
    names = [name for name in sorted({*held, *wanted}) if held.get(name) != wanted.get(name)]
    values = [f"{name} {held.get(name, 'none')} and not {wanted.get(name, 'none')}" for name in names]
    other = " (it is of another version of ablate, whose numbers differ)" if NUMERICS in names else ""
    return f"runs of {', '.join(values)}{other}"
