"""A grid and the folder of its results, as the commands that plan and train work on them."""

import os
import sys
from collections.abc import Mapping
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
    """All runs of an experiment, their results folder, and the status by run id of those it held when it was opened."""

    experiment: Experiment
    runs: tuple[Run, ...]
    path: Path
    statuses: Mapping[str, str]

    @cached_property
    def folder(self) -> "ResultsFolder":
        """The results folder, for reading and writing."""
        # Imported here because Arrow takes longer to load than `ablate plan` to run.
        from ablate.store.parquet import ResultsFolder

        return ResultsFolder(self.path)

    @property
    def simulated(self) -> bool:
        """Whether results are made up."""
        return self.runs[0].simulated

    def to_train(self, force: bool = False) -> list[Run]:
        """Returns the runs that are missing or failed, or all if forced; a diverged run would only diverge again."""
        return [run for run in self.runs if force or self.statuses.get(run.run_id, FAILED) == FAILED]

    def for_tuning(self) -> "Grid":
        """Returns the grid that chooses the learning rates, stored apart from the runs that are compared."""
        return open_grid(tuning_grid(self.experiment), self.path / "tuning", self.simulated)


def open_grid(experiment: Experiment, path: Path, simulated: bool) -> Grid:
    """Returns the grid of an experiment and what a folder holds of it; simulated runs have ids of their own.

    Raises:
        SpecError: As `expand`.
        StoreError: The folder cannot be read, or holds runs of other data.
    """
    grid = Grid(experiment, runs_of(experiment, simulated), path, {})
    if not path.exists():
        return grid
    grid.folder.ensure_same_data(grid.runs[0].data)
    return replace(grid, statuses=grid.folder.statuses())


def runs_of(experiment: Experiment, simulated: bool = False) -> tuple[Run, ...]:
    """Returns the runs of an experiment as `expand`, which finds a user's own modules in the working directory too."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    return expand(experiment, simulated=simulated)
