"""The choice of a learning rate for each variant, made before the grid is trained."""

import sys
from dataclasses import replace

from ablate.analysis.tuning import choose
from ablate.cli.shared.grid import Grid
from ablate.cli.shared.output import print_table
from ablate.experiment.tuning import with_rates
from ablate.report.console import console
from ablate.report.numbers import symbols_for
from ablate.report.tuning import tuning_section


def at_chosen_rates(grid: Grid, tuning: Grid) -> Grid:
    """Chooses a learning rate for each variant from the stored runs of `tuning`, and prints the choices.

    Returns the grid with the chosen learning rates.
    """
    stored = tuning.folder.read("runs")
    choices = choose(stored[stored["run_id"].isin([run.run_id for run in tuning.runs])])
    symbols = symbols_for(console(sys.stdout).encoding)
    print_table(tuning_section(choices, tuning.experiment.seeds, symbols, simulated=grid.simulated))
    return replace(grid, runs=with_rates(grid.runs, {choice.key: choice.best.rate for choice in choices}))
