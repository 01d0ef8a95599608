"""What is trained in a contest: the grid for the engine, and the part of it that rivals are timed on."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from ablate.bench.contest import COMMAND, ENGINE, Contestant
from ablate.bench.rivals import RIVALS
from ablate.experiment.cost import Sizes, run_flops, step_count
from ablate.experiment.grid import Run

Units = tuple[tuple[Run, ...], ...]


def units_for(rival: str, runs: Sequence[Run]) -> Units:
    """Returns what a rival trains: tuples of runs that it trains together, one after another."""
    if RIVALS[rival].is_ensemble:
        return ensembles(runs)
    return tuple((run,) for run in sample(runs))


def sample(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Returns one run of each choice of levels but dropout, whose rates take turns; the first seed of each.

    A loop over single runs costs the same for every seed, and about the same for every rate above 0, so the mean of
    these is that of the grid.
    """
    strata = _grouped([run for run in runs if run.seed == runs[0].seed], _but_dropout)
    return tuple(stratum[place % len(stratum)] for place, stratum in enumerate(strata))


def ensembles(runs: Sequence[Run]) -> Units:
    """Returns the runs that differ in dropout and seed alone, together."""
    return tuple(map(tuple, _grouped(runs, _but_dropout)))


def contestants(
    runs: Sequence[Run], rivals: Sequence[str], sizes: Sizes, jobs: int
) -> tuple[Contestant, ...]:
    """Returns who is timed, the whole command and the engine first."""
    workers = f"{jobs} worker process{'es' * (jobs > 1)} of one thread"
    return (
        _contestant(
            COMMAND, "ablate run", f"the whole command: start, {workers}, files, tables", runs, sizes
        ),
        _contestant(
            ENGINE, "engine", f"training and evaluation of all stacks in {workers}, warm", runs, sizes
        ),
        *(
            _contestant(name, RIVALS[name].label, RIVALS[name].about, trained, sizes)
            for name in rivals
            for trained in [[run for unit in units_for(name, runs) for run in unit]]
        ),
    )


def _contestant(name: str, label: str, about: str, runs: Sequence[Run], sizes: Sizes) -> Contestant:
    steps, flops = (sum(cost(run, sizes) for run in runs) for cost in (step_count, run_flops))
    return Contestant(name, label, about, len(runs), steps, flops)


def _but_dropout(run: Run) -> Hashable:
    return replace(run.with_settings(dropout=()), seed=0).run_id


def _grouped(runs: Sequence[Run], key: Callable[[Run], Hashable]) -> list[list[Run]]:
    groups: dict[Hashable, list[Run]] = defaultdict(list)
    for run in runs:
        groups[key(run)].append(run)
    return list(groups.values())
