"""The runs that are trained in a contest: the engine trains the whole grid, each rival trains a part of it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from ablate.bench.contest import COMMAND, ENGINE, Contestant
from ablate.bench.rivals import RIVALS
from ablate.experiment.cost import Sizes, run_flops, step_count
from ablate.experiment.grid import Run

Units = tuple[tuple[Run, ...], ...]


def units_for(rival: str, runs: Sequence[Run]) -> Units:
    """Returns tuples of runs; a rival trains the runs of a tuple together, and the tuples one after another."""
    if RIVALS[rival].is_ensemble:
        return ensembles(runs)
    return tuple((run,) for run in sample(runs))


def sample(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Returns one run per combination of the levels of all factors except dropout; dropout rates alternate.

    A loop over single runs takes the same time for every seed, and about the same time for every rate above 0. The mean
    time of the sample is therefore the mean time of the grid.
    """
    strata = _grouped([run for run in runs if run.seed == runs[0].seed])
    return tuple(stratum[index % len(stratum)] for index, stratum in enumerate(strata))


def ensembles(runs: Sequence[Run]) -> Units:
    """Returns tuples of all runs that differ only in dropout and seed."""
    return tuple(map(tuple, _grouped(runs)))


def contestants(
    runs: Sequence[Run], rivals: Sequence[str], sizes: Sizes, jobs: int
) -> tuple[Contestant, ...]:
    """Returns the whole command, the engine and the rivals, with the amount of training of each."""
    workers = f"{jobs} worker process{'es' * (jobs > 1)} of one thread"
    whole = f"the whole command: start, {workers}, files, tables"
    engine = f"training and evaluation of all stacks in {workers}, warm"
    parts = [(COMMAND, "ablate run", whole, runs), (ENGINE, "engine", engine, runs)]
    for name in rivals:
        parts.append((name, RIVALS[name].label, RIVALS[name].about, list(chain(*units_for(name, runs)))))
    result = []
    for name, label, about, part in parts:
        steps, flops = (sum(cost(run, sizes) for run in part) for cost in (step_count, run_flops))
        result.append(Contestant(name, label, about, len(part), steps, flops))
    return tuple(result)


def _grouped(runs: Sequence[Run]) -> list[list[Run]]:
    """Returns the runs in groups that differ only in dropout and seed."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        groups[replace(run.with_settings(dropout=()), seed=0).run_id].append(run)
    return list(groups.values())
