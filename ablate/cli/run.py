"""`ablate run`: trains the missing runs of a grid and shows the tables of results."""

from collections.abc import Mapping

import typer

from ablate.cli.shared.grid import Grid
from ablate.cli.shared.groups import takes_groups
from ablate.cli.shared.options import ExperimentOptions
from ablate.cli.shared.running import Running
from ablate.cli.shared.stderr import say
from ablate.cli.shared.training import train
from ablate.experiment.limits import SUMMARY
from ablate.report.numbers import counted
from ablate.store.status import FINISHED

NOT_ALL_FINISHED = 3

EPILOG = SUMMARY


@takes_groups
def run(experiment: ExperimentOptions, running: Running) -> None:
    """Train what is missing of a grid, store it, and show the tables."""
    limit = running.failure_limit
    grid = running.open(experiment)
    if not grid.runs:
        with grid.writing():
            say(
                f"Nothing to train: {grid.name} is empty, as the grid has only {counted(experiment.size, 'run')}."
            )
        return
    if experiment.tune:
        grid = _tuned(grid, running)
    train(grid, running.plan(grid, running.again), running, limit)
    statuses = grid.folder.statuses()
    if experiment.diagnostics:
        _warn_of_missing_layers(grid, statuses)
    # Imported here and not at the top, so that pandas loads while the workers load torch.
    from ablate.cli.shared.summary import show

    show(grid.folder)
    if any(statuses.get(run.run_id) != FINISHED for run in grid.runs):
        raise typer.Exit(NOT_ALL_FINISHED)


def _tuned(grid: Grid, running: Running) -> Grid:
    """Trains the missing runs of the learning-rate search, and returns the grid with the best rate of each variant."""
    tuning = grid.for_tuning()
    # A run that diverges is a valid outcome of tuning, so --max-failures does not apply to tuning.
    train(tuning, running.plan(tuning, running.again), running)
    from ablate.cli.shared.tuning import at_chosen_rates

    return at_chosen_rates(grid, tuning)


def _warn_of_missing_layers(grid: Grid, statuses: Mapping[str, str]) -> None:
    """Warns about runs that were stored without diagnostics.

    Runs without diagnostics are trained again only with `--force`.
    """
    finished = {run.run_id for run in grid.runs if statuses.get(run.run_id) == FINISHED}
    without = len(finished - set(grid.folder.read("layers")["run_id"]))
    if without:
        say(
            f"--diagnostics: {without} of these {len(grid.runs)} runs were stored before without it and have no "
            "layers; with --force they are trained again, to the same results."
        )
