"""A grid of runs with its results folder, for the commands that plan and train."""

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.cli.shared.stderr import say
from ablate.errors import SpecError, StoreError
from ablate.experiment.grid import Run, expand
from ablate.experiment.partition import shard_of
from ablate.experiment.spec import Experiment
from ablate.experiment.toml import to_toml
from ablate.experiment.tuning import key_of, tuning_grid
from ablate.store.checkpoints import Facts, checkpoints_in
from ablate.store.status import FAILED

if TYPE_CHECKING:
    from ablate.store.parquet import ResultsFolder


@dataclass(frozen=True)
class Grid:
    """The runs of an experiment and their results folder.

    If the experiment is only some shards (parts) of a grid, `runs` are the runs of these shards, possibly none. `path`
    is the results folder. `statuses` maps the id of each run that was stored in this folder when the grid was made to
    its status. `first` is the first run of the whole grid.
    """

    experiment: Experiment
    runs: tuple[Run, ...]
    path: Path
    statuses: Mapping[str, str]
    first: Run

    @cached_property
    def folder(self) -> "ResultsFolder":
        """The results folder of the grid, for reading and writing."""
        # Imported here because loading Arrow takes longer than the rest of `ablate plan`.
        from ablate.store.parquet import ResultsFolder

        return ResultsFolder(self.path)

    @property
    def simulated(self) -> bool:
        """Whether the results of the grid are simulated instead of trained."""
        return self.first.simulated

    @property
    def name(self) -> str:
        """What the runs are, in words: `this grid` or `shard 2/5 of this grid`."""
        shard = self.experiment.shard
        return "this grid" if shard.is_whole else f"shard {shard} of this grid"

    @cached_property
    def begun(self) -> list[Facts]:
        """The facts of the checkpoints in the results folder. Warns on stderr of damaged checkpoints."""
        found = []
        for checkpoint in checkpoints_in(self.path):
            try:
                if saved := checkpoint.read():
                    found.append(saved[1])
            except StoreError as error:
                say(str(error))
        return found

    def to_train(self, again: Collection[str] = (FAILED,)) -> list[Run]:
        """Returns the runs to train: the missing runs, and the stored runs whose status is in `again`."""
        return [run for run in self.runs if self.statuses.get(run.run_id) in (None, *again)]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Prepares the folder for writing, with the experiment as its `experiment.toml`. Raises StoreError."""
        from ablate.store.experiment_file import with_stored_shards

        toml = to_toml(with_stored_shards(self.experiment, self.path))
        with self.folder.writing(toml, self.first.data, self.statuses):
            yield

    def for_tuning(self) -> "Grid":
        """Returns the grid of the learning-rate search, which is stored in the subfolder `tuning`."""
        experiment = tuning_grid(self.experiment)
        keys = {key_of(run.settings_as_stored()) for run in self.runs}
        whole = runs_of(experiment, self.simulated)
        runs = tuple(run for run in whole if key_of(run.settings_as_stored()) in keys)
        return _with_statuses(Grid(experiment, runs, self.path / "tuning", {}, whole[0]))


def open_grid(experiment: Experiment, path: Path, simulated: bool) -> Grid:
    """Returns the grid of an experiment, with the statuses of the runs stored in a folder.

    Simulated runs have other ids than trained runs.

    Raises:
        SpecError: The function `expand` rejects the experiment.
        StoreError: The folder cannot be read, or contains runs with another dataset or other shared settings.
    """
    whole = runs_of(experiment, simulated)
    return _with_statuses(Grid(experiment, shard_of(experiment, whole), path, {}, whole[0]))


def _with_statuses(grid: Grid) -> Grid:
    if not os.path.exists(grid.path):
        return grid
    grid.folder.ensure_same_data(grid.first.data)
    return replace(grid, statuses=grid.folder.statuses())


def runs_of(experiment: Experiment, simulated: bool = False) -> tuple[Run, ...]:
    """Returns the runs of all shards of an experiment.

    If an activation is a user's own function, the working directory is added to the end of Python's import path. At the
    end of the path, files of the working directory cannot replace installed modules.
    """
    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise SpecError(
            "the current folder has been deleted; change to one that exists, as with `cd`"
        ) from None
    if any(":" in name for name in experiment.activation) and here not in sys.path:
        sys.path.append(here)
    return expand(experiment, simulated=simulated)
