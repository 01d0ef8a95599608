"""A grid of runs and its results folder, used by the commands that plan and train."""

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
    """All runs of an experiment, their results folder, and the statuses by run id stored there when it was opened."""

    experiment: Experiment
    runs: tuple[Run, ...]
    path: Path
    statuses: Mapping[str, str]

    @cached_property
    def folder(self) -> "ResultsFolder":
        """Results folder, for reading and writing."""
        # Imported here because loading Arrow takes longer than the rest of `ablate plan`.
        from ablate.store.parquet import ResultsFolder

        return ResultsFolder(self.path)

    @property
    def simulated(self) -> bool:
        """Whether results are made up and not trained."""
        return self.runs[0].simulated

    def to_train(self, force: bool = False) -> list[Run]:
        """Returns the missing and failed runs, or all if forced. A diverged run would only diverge again."""
        return [run for run in self.runs if force or self.statuses.get(run.run_id, FAILED) == FAILED]

    def for_tuning(self) -> "Grid":
        """Returns the grid of the learning-rate search, which is stored in the subfolder `tuning`."""
        return open_grid(tuning_grid(self.experiment), self.path / "tuning", self.simulated)


def open_grid(experiment: Experiment, path: Path, simulated: bool) -> Grid:
    """Returns the grid of an experiment with the statuses stored in a folder. Simulated runs have different ids.

    Raises:
        SpecError: `expand` rejects the experiment.
        StoreError: The folder cannot be read, or holds runs of other data.
    """
    grid = Grid(experiment, runs_of(experiment, simulated), path, {})
    if not path.exists():
        return grid
    grid.folder.ensure_same_data(grid.runs[0].data)
    return replace(grid, statuses=grid.folder.statuses())


def runs_of(experiment: Experiment, simulated: bool = False) -> tuple[Run, ...]:
    """Returns the runs of an experiment. `expand` can then import user modules from the working directory."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    return expand(experiment, simulated=simulated)
