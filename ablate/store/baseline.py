"""The baseline file: the scored runs of a results folder in one Parquet file, small enough to commit.

Its columns are those of `runs` and, from their curves, steps to a fixed target and the gap at the best evaluation. The
target, the experiment and the environment stand in its metadata.
"""

import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ablate.errors import NothingToShow, StoreError
from ablate.store import parts
from ablate.store.atomic import make_folder, replace_files
from ablate.store.parquet import ResultsFolder
from ablate.store.schema import DATA, EXPERIMENT, RUNS, SCHEMA_VERSION
from ablate.store.status import FAILED, FINISHED

_FROM_CURVES = ("steps_to_target", "restricted_steps", "best_gap_accuracy", "best_gap_loss")
BASELINE = pa.schema([*RUNS, *((name, pa.float64()) for name in _FROM_CURVES)])

# Without these nothing can be matched; a metric that another version did not store is merely not compared.
_NEEDED = frozenset(RUNS.names[: RUNS.names.index("message") + 1])
_KIND, _TARGET, _VERSION = "kind", "target", "schema_version"
_NOT_ENVIRONMENT = (_KIND, _TARGET, _VERSION, EXPERIMENT, DATA)


@dataclass(frozen=True)
class Stored:
    """Results as they are stored, in a folder or a baseline file.

    Attributes:
        runs: Frame of `runs`, with the columns from curves if it comes from a file.
        curves: Frame of `curves`, None if it comes from a file.
        target: Validation accuracy that steps are counted to, None if it comes from a folder.
        experiment: The resolved spec as TOML, empty if there is none.
        environment: What the runs were made with.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame | None
    target: float | None
    experiment: str
    environment: Mapping[str, str]

    @property
    def settings(self) -> dict[str, Any]:
        """The spec as settings; of a folder it is the last grid's.

        Raises:
            StoreError: It is not TOML.
        """
        try:
            return tomllib.loads(self.experiment)
        except tomllib.TOMLDecodeError as error:
            raise StoreError(f"the experiment stored with the results is not TOML ({error})") from None


def read_results(path: Path) -> Stored:
    """Returns the results in a folder or in a baseline file.

    Raises:
        NothingToShow: There is nothing at this path, or it holds no runs.
        StoreError: It is torn, foreign, or of another schema version.
    """
    return _read_folder(path) if path.is_dir() else _read_file(path)


def write_baseline(path: Path, scored: pd.DataFrame, target: float, source: Stored) -> None:
    """Writes a baseline file, whole or not at all; the same results give the same bytes.

    Args:
        path: Where to; an existing file is replaced.
        scored: Runs with the columns from curves.
        target: Validation accuracy their steps are counted to.
        source: Where they come from.

    Raises:
        StoreError: A worker died on one of the runs, or the file cannot be written.
    """
    died = scored["status"].eq(FAILED).sum()
    if died:
        raise StoreError(
            f"{died} of {len(scored)} runs failed when their worker died; train them again with the same "
            "`ablate run` before they become a baseline"
        )
    frame = scored.sort_values("run_id")[BASELINE.names]
    table = pa.Table.from_pandas(frame, schema=BASELINE, preserve_index=False)
    about = {name: text for name, text in source.environment.items() if name != _VERSION}
    metadata = about | {_KIND: "baseline", _TARGET: repr(target), EXPERIMENT: source.experiment}
    content = parts.encode(parts.with_metadata(table, metadata))
    try:
        with ExitStack() as undo:
            make_folder(path.parent, undo)
            replace_files({path: content})
            undo.pop_all()
    except OSError as error:
        raise StoreError(f"-o/--output: {str(path)!r} cannot be written ({error.strerror})") from error


def _read_folder(path: Path) -> Stored:
    folder = ResultsFolder(path)
    experiment = path / "experiment.toml"
    about = folder.metadata()
    environment = {name: text for name, text in about.items() if name not in _NOT_ENVIRONMENT}
    text = experiment.read_text(encoding="utf-8") if experiment.is_file() else ""
    return Stored(folder.read("runs"), folder.read("curves"), None, text, environment)


def _read_file(path: Path) -> Stored:
    try:
        with path.open("rb") as file, pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            about = parts.metadata_of(parquet.schema_arrow.empty_table())
            _check_origin(path, about, parquet.schema_arrow)
            table = parquet.read()
    except FileNotFoundError:
        raise NothingToShow(f"there is nothing at {str(path)!r}") from None
    except OSError as error:
        raise StoreError(f"{str(path)!r} cannot be read ({error.strerror or error})") from error
    except pa.ArrowException as error:
        raise StoreError(
            f"{str(path)!r} is torn or no Parquet file ({error}); write it again with `ablate baseline`"
        ) from error
    if not table.num_rows:
        raise NothingToShow(f"{str(path)!r} holds no runs")
    target, experiment = float(about.pop(_TARGET)), about.pop(EXPERIMENT)
    environment = {name: text for name, text in about.items() if name not in _NOT_ENVIRONMENT}
    runs = parts.to_pandas(table)
    return Stored(runs.assign(finished=runs["status"] == FINISHED), None, target, experiment, environment)


def _check_origin(path: Path, about: Mapping[str, str], schema: pa.Schema) -> None:
    if about.get(_KIND) != "baseline":
        raise StoreError(
            f"{str(path)!r} was not written by `ablate baseline`; give such a file or a results folder"
        )
    if about[_VERSION] != str(SCHEMA_VERSION):
        raise StoreError(
            f"{str(path)!r} has schema version {about[_VERSION]}, this ablate reads and writes {SCHEMA_VERSION}; "
            "write it again with `ablate baseline`"
        )
    odd = [
        field.name for field in schema if field.name in BASELINE.names and field != BASELINE.field(field.name)
    ]
    if odd or not set(schema.names) >= _NEEDED:
        raise StoreError(f"{str(path)!r} has not the columns of its schema version; write it again")
