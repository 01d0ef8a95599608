"""Each variant's own learning rate, found before the grid is trained."""

import sys
from collections.abc import Callable, Sequence

from ablate.analysis.tuning import choose
from ablate.experiment.grid import Run
from ablate.experiment.spec import Experiment
from ablate.experiment.tuning import tuning_grid, with_rates
from ablate.report.console import console
from ablate.report.numbers import symbols_for
from ablate.report.sections import print_section
from ablate.report.tuning import tuning_section
from ablate.store.parquet import ResultsFolder

FOLDER = "tuning"


def tuned(
    experiment: Experiment,
    folder: ResultsFolder,
    train_missing: Callable[[Experiment, Sequence[Run], ResultsFolder], None],
    runs_of: Callable[[Experiment], tuple[Run, ...]],
) -> tuple[Run, ...]:
    """Returns the runs of a grid, each with the rate its variant does best with, after showing the choice.

    The runs that decide it are trained where they are missing, and stored as results of their own in `tuning/` of the
    folder, apart from those that are compared.

    Raises:
        AblateError: As training raises it.
    """
    grid = tuning_grid(experiment)
    tuning = ResultsFolder(folder.path / FOLDER)
    train_missing(grid, runs_of(grid), tuning)
    return at_chosen_rates(experiment, tuning, runs_of)


def at_chosen_rates(
    experiment: Experiment, tuning: ResultsFolder, runs_of: Callable[[Experiment], tuple[Run, ...]]
) -> tuple[Run, ...]:
    """Returns the runs of a grid whose tuning runs are all stored, each at its variant's best rate; shows the choice.

    Raises:
        StoreError: The stored runs cannot be read.
    """
    grid = tuning_grid(experiment)
    stored = tuning.read("runs")
    choices = choose(stored[stored["run_id"].isin([run.run_id for run in runs_of(grid)])])
    out = console(sys.stdout)
    symbols = symbols_for(out.encoding)
    print_section(tuning_section(choices, grid.seeds, symbols), out, symbols)
    return with_rates(runs_of(experiment), {choice.key: choice.best.rate for choice in choices})
