"""The runs that each contestant trains: the engine trains the whole grid, and each rival trains a part of the grid."""

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
    """Returns the runs that a rival trains, in tuples: the runs of a tuple are trained together."""
    if RIVALS[rival].is_ensemble:
        return ensembles(runs)
    return tuple((run,) for run in sample(runs))


def sample(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Returns a sample of the grid: one run for each combination of the levels of all factors except dropout.

    The dropout rates of the grid alternate in the sample. If runs are trained one by one, the time of a run does not
    depend on its seed, and is about the same for all dropout rates above 0. Therefore the mean time of the sampled runs
    is about the mean time of all runs of the grid.
    """
    strata = _grouped([run for run in runs if run.seed == runs[0].seed])
    return tuple(stratum[index % len(stratum)] for index, stratum in enumerate(strata))


def ensembles(runs: Sequence[Run]) -> Units:
    """Returns all runs in tuples; the runs of a tuple differ only in dropout and seed."""
    return tuple(map(tuple, _grouped(runs)))


def contestants(
    runs: Sequence[Run], rivals: Sequence[str], sizes: Sizes, jobs: int
) -> tuple[Contestant, ...]:
    """Returns the contestants with their amounts of training per round: the whole command, the engine, the rivals."""
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
    """Returns all runs in groups; the runs of a group differ only in dropout and seed."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        groups[replace(run.with_settings(dropout=()), seed=0).run_id].append(run)
    return list(groups.values())
