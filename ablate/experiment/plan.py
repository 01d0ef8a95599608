"""The plan: runs grouped into stacks that train together, sized for the cache and for the number of workers."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.cost import (
    PROCESS_SECONDS,
    Sizes,
    activation_bytes,
    run_bytes,
    run_seconds,
    stack_overhead_seconds,
)
from ablate.experiment.datasets import dataset_info
from ablate.experiment.grid import Run
from ablate.experiment.spec import ROLES, Experiment

T = TypeVar("T")

# Largest number of bytes that the activations of a stack of convolutional networks may take. Convolutions are computed
# run by run, so stacking saves calls in the fully connected layers only. A larger stack loses more than that: a run's
# activations have left the cache by the time its gradient is computed.
STACK_BYTES = 16 << 20
# Most runs in a stack. More runs hide the overhead of calls better, fewer runs stay in the cache; the time per run
# hardly changes around this value.
MAX_RUNS = 32
# On a GPU all stacks are large and of one size, padded where runs are missing: its libraries choose kernels, and
# therefore bits, by the size of the whole problem.
GPU_RUNS = 128
# The convolutions of a stack run one after another, so a padding copy costs as much as a run.
GPU_CONV_RUNS = 16
# Share of a GPU's memory that a stack may take, by estimate.
GPU_SHARE = 0.5


@dataclass(frozen=True)
class Stack:
    """Runs trained as one network: they differ in activation, dropout and seed only, equal activations side by side.

    Attributes:
        runs: At least one.
        evals_per_epoch: Evaluations per epoch.
        padding: Copies of the last run that keep the stack's size constant, see `train_stack`.
    """

    runs: tuple[Run, ...]
    evals_per_epoch: int
    padding: int = 0

    @property
    def size(self) -> int:
        """Number of networks that are trained, padding included."""
        return len(self.runs) + self.padding

    @property
    def label(self) -> str:
        """A description in one line: `relu gelu norm=batch seeds 0-1`, `9 activations norm=off seed 3`."""
        names = list(dict.fromkeys(run.activation for run in self.runs))
        activations = " ".join(names) if len(names) <= 3 else f"{len(names)} activations"
        seeds = sorted({run.seed for run in self.runs})
        span = f"seeds {seeds[0]}-{seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
        return f"{activations} norm={self.runs[0].norm} {span}"


@dataclass(frozen=True)
class Plan:
    """The stacks to train, the most expensive first, with their expected time and memory.

    Attributes:
        stacks: In the order to start them.
        seconds: Estimated duration with this many workers, start-up included.
        worker_bytes: Estimated memory of the largest stack.
        run_steps: Steps summed over all runs, the unit of progress.
    """

    stacks: tuple[Stack, ...]
    seconds: float
    worker_bytes: int
    run_steps: int


def sizes_of(experiment: Experiment, classes: int | None = None) -> Sizes:
    """Returns the sizes that costs depend on; ten classes are assumed where only the data can tell."""
    info = dataset_info(experiment.dataset)
    train, val, _ = experiment.split_sizes
    return Sizes(
        info.features, classes or info.classes or 10, train, val, experiment.evals_per_epoch, info.shape
    )


def make_plan(runs: Iterable[Run], sizes: Sizes, jobs: int, gpu_memory: int | None = None) -> Plan:
    """Returns the stacks that train these runs with this many workers.

    Args:
        runs: In any order.
        sizes: Sizes of their data.
        jobs: Number of workers.
        gpu_memory: Bytes of GPU memory per worker; None means a CPU.
    """
    groups: dict[object, list[Run]] = defaultdict(list)
    for run in runs:
        groups[_stack_key(run)].append(run)
    stacks = (
        _cpu_stacks(list(groups.values()), sizes, jobs)
        if gpu_memory is None
        else _gpu_stacks(list(groups.values()), sizes, gpu_memory)
    )
    stacks.sort(key=lambda stack: (-_stack_seconds(stack, sizes), stack.runs[0].run_id))
    return Plan(
        tuple(stacks),
        PROCESS_SECONDS + _makespan([_stack_seconds(stack, sizes) for stack in stacks], jobs),
        max((stack.size * run_bytes(stack.runs[0], sizes) for stack in stacks), default=0),
        sum(run.epochs * (sizes.train // run.batch_size) for stack in stacks for run in stack.runs),
    )


def halves(stack: Stack) -> list[Stack]:
    """Returns the runs of a stack of at least two as stacks of half its size."""
    size = (stack.size + 1) // 2
    parts = [part for part in (stack.runs[:size], stack.runs[size:]) if part]
    return [replace(stack, runs=part, padding=size - len(part)) for part in parts]


def _cpu_stacks(groups: Sequence[list[Run]], sizes: Sizes, jobs: int) -> list[Stack]:
    held = max((activation_bytes(group[0], sizes) for group in groups), default=0)
    limit = max(1, min(MAX_RUNS, STACK_BYTES // held)) if held else MAX_RUNS
    # Cut finer until there is a stack for each worker, or one for each run.
    wanted = min(jobs, sum(map(len, groups)))
    while limit > 1 and sum(len(_cut(group, limit)) for group in groups) < wanted:
        limit = max(1, limit // 2)
    return [Stack(part, sizes.evals_per_epoch) for group in groups for part in _cut(group, limit)]


def _gpu_stacks(groups: Sequence[list[Run]], sizes: Sizes, memory: int) -> list[Stack]:
    stacks = []
    for group in groups:
        # A power of two that depends on the network alone, never on what else is to be trained.
        limit = GPU_CONV_RUNS if group[0].channels else GPU_RUNS
        while limit > 1 and limit * run_bytes(group[0], sizes) > GPU_SHARE * memory:
            limit //= 2
        stacks += [Stack(part, sizes.evals_per_epoch, limit - len(part)) for part in _cut(group, limit)]
    return stacks


def _stack_key(run: Run) -> object:
    """Returns all that the runs of one stack must agree in."""
    levels = tuple(value for name, value in run.factors.items() if not ROLES[name].varies_in_stack)
    return levels, run.data, run.code, run.diagnostics


def _cut(group: Sequence[Run], limit: int) -> list[tuple[Run, ...]]:
    """Returns a group cut into stacks of at most `limit` runs, with the runs of a seed together where they fit.

    Runs of one seed share their batches and dropout uniforms, so a stack with fewer seeds reads and draws less.
    """
    seeds: dict[int, list[Run]] = defaultdict(list)
    for run in group:
        seeds[run.seed].append(run)
    parts: list[list[Run]] = []
    for _, runs in sorted(seeds.items()):
        parts += _even(sorted(runs, key=_order), limit)
    together = max(1, limit // max(len(part) for part in parts))
    merged = _even(parts, together)
    return [tuple(sorted((run for part in some for run in part), key=_order)) for some in merged]


def _even(items: Sequence[T], limit: int) -> list[list[T]]:
    """Returns the items in order in the fewest lists of at most `limit`, with lengths that differ by at most one."""
    count = math.ceil(len(items) / limit)
    bounds = [len(items) * part // count for part in range(count + 1)]
    return [list(items[start:stop]) for start, stop in pairwise(bounds)]


def _order(run: Run) -> tuple[object, ...]:
    names = list(ACTIVATIONS)
    rank = names.index(run.activation) if run.activation in ACTIVATIONS else len(names)
    return rank, run.activation, run.dropout, run.seed


def _stack_seconds(stack: Stack, sizes: Sizes) -> float:
    return sum(run_seconds(run, sizes) for run in stack.runs) + stack_overhead_seconds(stack.runs[0], sizes)


def _makespan(seconds: Iterable[float], jobs: int) -> float:
    """Returns when the last worker finishes if a free worker always takes the next stack."""
    free = [0.0] * jobs
    for duration in seconds:
        free[free.index(min(free))] += duration
    return max(free)
