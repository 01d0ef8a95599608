"""`ablate plan`: shows what `ablate run` would train. The command trains nothing and writes nothing."""

from dataclasses import replace

from ablate.cli.shared.grid import Grid
from ablate.cli.shared.groups import takes_groups
from ablate.cli.shared.options import ExperimentOptions
from ablate.cli.shared.running import Running
from ablate.experiment.limits import SUMMARY
from ablate.report.numbers import counted
from ablate.report.plan import plan_text
from ablate.store.remote import with_addresses

EPILOG = SUMMARY


@takes_groups
def plan(experiment: ExperimentOptions, running: Running) -> None:
    """Show what a grid would train and take; trains nothing."""
    grid = running.open(experiment)
    if not grid.runs:
        print(
            f"{grid.name} is empty, as the grid has only {counted(experiment.size, 'run')}: nothing to train"
        )
        return
    if experiment.tune:
        grid = _tuned(grid, running)
    _show(grid, running)


def _tuned(grid: Grid, running: Running) -> Grid:
    """Shows the plan of the learning-rate search, and returns the grid, with the chosen rates if the search is done."""
    tuning = grid.for_tuning()
    print("First, to choose the learning rate of each variant:")
    _show(tuning, running)
    if tuning.to_train():
        print("\nThen, with the best for each, at most (until they are chosen nobody knows what is stored):")
        return replace(grid, statuses={})
    print("\nThen, with the best for each:")
    # Imported here because loading pandas takes longer than the rest of the command.
    from ablate.cli.shared.tuning import at_chosen_rates

    return at_chosen_rates(grid, tuning)


def _show(grid: Grid, running: Running) -> None:
    plan = running.plan(grid, running.again)
    text = plan_text(grid.experiment, grid.runs, grid.statuses, plan, running.workers, grid.path)
    print(with_addresses(text))
