"""A grid of runs with its results folder, for the commands that plan and train."""

import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.experiment.grid import Run, expand
from ablate.experiment.spec import Experiment
from ablate.experiment.tuning import tuning_grid
from ablate.store.status import FAILED

if TYPE_CHECKING:
    from ablate.store.parquet import ResultsFolder


@dataclass(frozen=True)
class Grid:
    """All runs of an experiment and their results folder.

    `path` is the results folder. `statuses` maps the ids of the runs stored in this folder to their statuses. The
    statuses were read when the grid was made.
    """

    experiment: Experiment
    runs: tuple[Run, ...]
    path: Path
    statuses: Mapping[str, str]

    @cached_property
    def folder(self) -> "ResultsFolder":
        """The results folder of the grid, for reading and writing."""
        # Imported here because loading Arrow takes longer than the rest of `ablate plan`.
        from ablate.store.parquet import ResultsFolder

        return ResultsFolder(self.path)

    @property
    def simulated(self) -> bool:
        """Whether the results of the grid are simulated instead of trained."""
        return self.runs[0].simulated

    def to_train(self, again: Collection[str] = (FAILED,)) -> list[Run]:
        """Returns the runs to train: the missing runs, and the stored runs with one of the statuses in `again`."""
        return [run for run in self.runs if self.statuses.get(run.run_id) in (None, *again)]

    def for_tuning(self) -> "Grid":
        """Returns the grid of the learning-rate search, which is stored in the subfolder `tuning`."""
        return open_grid(tuning_grid(self.experiment), self.path / "tuning", self.simulated)


def open_grid(experiment: Experiment, path: Path, simulated: bool) -> Grid:
    """Returns the grid of an experiment, with the statuses of the runs stored in a folder.

    Simulated runs have other ids than trained runs.

    Raises:
        SpecError: The function `expand` rejects the experiment.
        StoreError: The folder cannot be read, or contains runs with another dataset or other shared settings.
    """
    grid = Grid(experiment, runs_of(experiment, simulated), path, {})
    if not path.exists():
        return grid
    grid.folder.ensure_same_data(grid.runs[0].data)
    return replace(grid, statuses=grid.folder.statuses())


def runs_of(experiment: Experiment, simulated: bool = False) -> tuple[Run, ...]:
    """Returns the runs of an experiment.

    If an activation is a user's own function, the working directory is added to the end of Python's import path. At the
    end of the path, files of the working directory cannot replace installed modules.
    """
    has_own = any(":" in name for name in experiment.activation)
    if has_own and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    return expand(experiment, simulated=simulated)
