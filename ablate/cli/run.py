"""`ablate run`: trains what is missing of a grid and shows the tables."""

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from ablate.cli.shared.grid import Grid
from ablate.cli.shared.groups import takes_groups
from ablate.cli.shared.options import ExperimentOptions
from ablate.cli.shared.running import Running
from ablate.cli.shared.training import train
from ablate.store.status import FINISHED

NOT_ALL_FINISHED = 3


@takes_groups
def run(
    experiment: ExperimentOptions,
    running: Running,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", "-x", help="stop at the first run that fails or diverges")
    ] = False,
) -> None:
    """Train what is missing of a grid, store it, and show the tables."""
    grid = running.open(experiment)
    if experiment.tune:
        grid = _tuned(grid, running)
    plan = running.plan(grid, running.force)
    train(grid, plan, running, fail_fast)
    statuses = grid.folder.statuses()
    if experiment.diagnostics:
        _warn_of_missing_layers(grid, statuses)
    _show(grid)
    if any(statuses.get(run.run_id) != FINISHED for run in grid.runs):
        raise typer.Exit(NOT_ALL_FINISHED)


def _tuned(grid: Grid, running: Running) -> Grid:
    """Returns the grid with the best learning rate of each variant, after training what is missing to choose them."""
    tuning = grid.for_tuning()
    plan = running.plan(tuning, running.force)
    train(tuning, plan, running)  # diverging is a valid tuning outcome, so --fail-fast ignores it
    # Imported here, as below, because pandas loads while the workers load torch.
    from ablate.cli.shared.tuning import at_chosen_rates

    return at_chosen_rates(grid, tuning)


def _show(grid: Grid) -> None:
    from ablate.cli.shared.summary import show

    show(grid.folder)


def _warn_of_missing_layers(grid: Grid, statuses: Mapping[str, str]) -> None:
    """Warns of runs that were stored without diagnostics; they are trained again only if that is asked for."""
    with_layers = set(grid.folder.read("layers")["run_id"])
    finished = [run for run in grid.runs if statuses.get(run.run_id) == FINISHED]
    without = [run for run in finished if run.run_id not in with_layers]
    if without:
        print(
            f"--diagnostics: {len(without)} of these {len(grid.runs)} runs were stored before without it and have no "
            "layers; with --force they are trained again, to the same results.",
            file=sys.stderr,
        )
