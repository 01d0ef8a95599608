"""The baseline file: one Parquet file with the scored runs of a results folder, small enough to commit to git.

A baseline file has the columns of the table `runs` and the columns that are computed from learning curves. The metadata
of a baseline file are the target accuracy, the experiment and the environment.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from ablate.errors import NothingToShow, StoreError
from ablate.store import files
from ablate.store.atomic import explained, make_folder, write_file
from ablate.store.experiment_file import read_experiment, settings_in
from ablate.store.parquet import ResultsFolder
from ablate.store.parts import to_pandas
from ablate.store.schema import DATA, EXPERIMENT, KEYS, REAL, RUNS
from ablate.store.status import FAILED, FINISHED
from ablate.store.values import wrong_value

_FROM_CURVES = ("steps_to_target", "restricted_steps", "best_gap_accuracy", "best_gap_loss")
BASELINE = pa.schema([*RUNS, *(pa.field(name, REAL) for name in _FROM_CURVES)])

_KIND, _TARGET = "baseline", "target"
_NOT_ENVIRONMENT = (files.KIND, files.VERSION, _TARGET, EXPERIMENT, DATA)
_REMEDY = "write it with `ablate baseline`, or give a results folder"
# Columns that a baseline file must have: all except metrics. A metric may be missing, because another version of ablate
# may not have stored the metric; such a metric is not compared.
_NEEDED = [field.name for field in RUNS if not (field.nullable and field.type == REAL)]


@dataclass(frozen=True)
class Stored:
    """Stored results, read from a results folder or from a baseline file."""

    runs: pd.DataFrame  # the runs of a baseline file also have the columns computed from the curves
    curves: pd.DataFrame | None  # None for a baseline file
    target: float | None  # validation accuracy that defines steps to target; None for a results folder
    experiment: str  # the resolved experiment as TOML; empty if missing
    environment: Mapping[str, str]  # software versions and machine that computed the runs

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the experiment.

        For a results folder, the settings are those of the last grid trained in the folder.

        Raises:
            StoreError: The stored experiment is not valid TOML.
        """
        return settings_in(self.experiment)


def read_results(path: Path) -> Stored:
    """Returns the results stored in a results folder or in a baseline file.

    Raises:
        NothingToShow: The path does not exist or holds no runs.
        StoreError: The results are damaged, were not written by ablate, or have another schema version.
    """
    if os.path.isdir(path):
        folder, experiment = ResultsFolder(path), read_experiment(path)
        environment = _environment(folder.metadata())
        return Stored(folder.read("runs"), folder.read("curves"), None, experiment, environment)
    try:
        table = files.read(path, BASELINE, _REMEDY, kind=_KIND, needed=_NEEDED)
    except FileNotFoundError:
        raise NothingToShow(f"there is nothing at {str(path)!r}") from None
    if not table.num_rows:
        raise NothingToShow(f"{str(path)!r} holds no runs")
    if wrong := wrong_value(table, KEYS["runs"]):
        raise StoreError(f"{str(path)!r} cannot be used ({wrong}); {_REMEDY}")
    about, runs = files.metadata_of(table.schema), to_pandas(table)
    runs = runs.assign(finished=runs["status"] == FINISHED)
    return Stored(runs, None, _target_in(path, about), about.get(EXPERIMENT, ""), _environment(about))


def write_baseline(path: Path, scored: pd.DataFrame, target: float, source: Stored) -> int:
    """Writes a baseline file completely or not at all, and returns the size of the file.

    The same results always give the same bytes. `scored` holds the runs of `source`, with the columns computed from the
    learning curves of `source`. `target` is the validation accuracy that defines steps to target. An existing file is
    replaced as in the function `write_file`.

    Raises:
        StoreError: One of the runs failed because its worker process died, or the file cannot be written.
    """
    if died := scored["status"].eq(FAILED).sum():
        raise StoreError(
            f"{died} of {len(scored)} runs failed when their worker died; train them again with the same "
            "`ablate run` before they become a baseline"
        )
    frame = scored.sort_values("run_id")[BASELINE.names]
    table = pa.Table.from_pandas(frame, schema=BASELINE, preserve_index=False)
    metadata = {files.KIND: _KIND, _TARGET: repr(target), EXPERIMENT: source.experiment}
    content = files.encode(files.with_metadata(table, {**source.environment, **metadata}))
    with explained(path), ExitStack() as undo:
        make_folder(path.parent, undo)
        write_file(path, content)
        undo.pop_all()
    return len(content)


def _target_in(path: Path, metadata: Mapping[str, str]) -> float:
    with suppress(ValueError):
        target = float(metadata.get(_TARGET, ""))
        if 0 <= target <= 1:
            return target
    raise StoreError(f"{str(path)!r} is damaged (it states no target accuracy from 0 to 1); {_REMEDY}")


def _environment(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in metadata.items() if name not in _NOT_ENVIRONMENT}
