"""The plan: the runs are grouped into stacks, and each stack is trained as one network.

Sizes of stacks depend on the CPU cache and the number of workers.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, pairwise
from typing import TypeVar

from ablate.experiment import cost
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.cost import Sizes
from ablate.experiment.datasets import dataset_info
from ablate.experiment.grid import Run
from ablate.experiment.spec import ROLES, Experiment

T = TypeVar("T")

# Maximum memory, in bytes, of the activations of a stack of convolutional networks. Convolutions are computed run by
# run, so stacking saves calls only in the fully connected layers. In a larger stack, a run's activations are no longer
# in the cache when its gradient is computed, which costs more time than stacking saves.
STACK_BYTES = 16 << 20
# Maximum number of runs in a stack. Larger stacks have less call overhead per run; smaller stacks fit into the cache.
# The time per run hardly changes around this value.
MAX_RUNS = 32
# On a GPU all stacks have the same large size, and stacks with fewer runs are padded. GPU libraries choose kernels by
# the size of the whole problem, so the size of a stack affects the last bits of results.
GPU_RUNS = 128
# The size for convolutional networks. Convolutions are computed run by run, so padding costs as much as further runs.
GPU_CONV_RUNS = 16
# Maximum share of a GPU's memory that a stack may take according to the estimate.
GPU_SHARE = 0.5

# The order of activations in a stack.
_RANKS = {name: rank for rank, name in enumerate(ACTIVATIONS)}


@dataclass(frozen=True)
class Stack:
    """Runs that are trained together as one network.

    All runs of a stack are equal except for activation, dropout and seed. Runs with the same activation are adjacent.
    """

    runs: tuple[Run, ...]  # at least one
    evals_per_epoch: int
    padding: int = 0  # number of copies of the last run that fill up the stack, see `train_stack`
    has_fixed_size: bool = False  # whether the stack's size affects results and must not change

    @property
    def size(self) -> int:
        """Number of networks in the stack, padding included."""
        return len(self.runs) + self.padding

    @property
    def label(self) -> str:
        """A description of the stack in one line: `relu gelu norm=batch seeds 0-1`, `9 activations norm=off seed 3`."""
        names = list(dict.fromkeys(run.activation for run in self.runs))
        activations = " ".join(names) if len(names) <= 3 else f"{len(names)} activations"
        seeds = sorted({run.seed for run in self.runs})
        span = f"seeds {seeds[0]}-{seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
        return f"{activations} norm={self.runs[0].norm} {span}"


@dataclass(frozen=True)
class Plan:
    """The stacks to train, in their starting order (most expensive first), with estimates of time and memory."""

    stacks: tuple[Stack, ...]
    seconds: float  # total time with the planned number of workers, start-up included
    workers: int  # number of workers
    worker_bytes: int  # memory of the largest stack
    run_steps: int  # steps summed over all runs, the unit of progress


def sizes_of(experiment: Experiment, classes: int | None = None) -> Sizes:
    """Returns the sizes on which the cost of a run depends.

    If the number of classes is known only from the data, ten classes are assumed.
    """
    info = dataset_info(experiment.dataset)
    train, val, _ = experiment.split_sizes
    outputs = classes or info.classes or 10
    return Sizes(info.features, outputs, train, val, experiment.evals_per_epoch, info.shape)


def make_plan(
    runs: Iterable[Run],
    sizes: Sizes,
    jobs: int,
    gpu_memory: int | None = None,
    stack_bytes: float = math.inf,
    begun: Sequence[Sequence[str]] = (),
) -> Plan:
    """Returns the plan that trains the given runs with `jobs` worker processes.

    `gpu_memory` is the number of bytes of GPU memory per worker, or None for training on a CPU. On a CPU, a stack takes
    at most `stack_bytes`, unless a single run takes more. `begun` holds the run ids of each stack that has a
    checkpoint. If all runs of such a stack are given, they form a stack again.
    """
    groups = grouped(runs)
    largest = {_kind(group[0]): _largest(group, sizes) for group in groups}
    if gpu_memory is None:
        limit = _cpu_limit(groups, sizes, jobs)
        most = [max(1, int(min(MAX_RUNS, stack_bytes / run_bytes))) for run_bytes in largest.values()]
        limits = [min(limit, runs_that_fit) for runs_that_fit in most]
    else:
        most = limits = [_gpu_limit(group[0], sizes, gpu_memory) for group in groups]
    stacks = [
        Stack(part, sizes.evals_per_epoch)
        if gpu_memory is None
        else Stack(part, sizes.evals_per_epoch, limit - len(part), has_fixed_size=True)
        for group, limit, runs_that_fit in zip(groups, limits, most, strict=True)
        for part in _cut_around(group, limit, [run_ids for run_ids in begun if len(run_ids) <= runs_that_fit])
    ]
    # All runs of a variant have the same mapping object of levels, and the same cost.
    variants = {id(run.factors): run for group in groups for run in group}
    of_runs = {key: cost.run_seconds(run, sizes) for key, run in variants.items()}
    seconds = {id(stack): _stack_seconds(stack, sizes, of_runs) for stack in stacks}
    stacks.sort(key=lambda stack: (-seconds[id(stack)], stack.runs[0].run_id))
    return Plan(
        tuple(stacks),
        cost.PROCESS_SECONDS + _makespan([seconds[id(stack)] for stack in stacks], jobs),
        jobs,
        max((stack.size * largest[kind_of(stack)] for stack in stacks), default=0),
        sum(cost.step_count(run, sizes) for stack in stacks for run in stack.runs),
    )


def grouped(runs: Iterable[Run]) -> list[list[Run]]:
    """Returns the runs in groups. Only runs of the same group can be in the same stack."""
    by_kind: dict[object, list[Run]] = defaultdict(list)
    for run in runs:
        by_kind[_kind(run)].append(run)
    return list(by_kind.values())


def halves(stack: Stack) -> list[Stack]:
    """Splits a stack of at least two runs into two stacks of half the size."""
    size = (stack.size + 1) // 2
    parts = [part for part in (stack.runs[:size], stack.runs[size:]) if part]
    return [replace(stack, runs=part, padding=size - len(part)) for part in parts]


def with_runs(stack: Stack, runs: tuple[Run, ...]) -> Stack:
    """Returns a copy of a stack that has only the given runs.

    If the size of a stack affects results, the new stack is padded to the same size.
    """
    return replace(stack, runs=runs, padding=stack.size - len(runs) if stack.has_fixed_size else 0)


def kind_of(stack: Stack) -> object:
    """Returns the settings that all runs of a stack share.

    Stacks that agree in these settings could be trained as one stack.
    """
    return _kind(stack.runs[0])


def _kind(run: Run) -> object:
    levels = tuple(value for name, value in run.factors.items() if not ROLES[name].varies_in_stack)
    return levels, run.data, run.code, run.diagnostics


def _cpu_limit(groups: Sequence[list[Run]], sizes: Sizes, jobs: int) -> int:
    """Returns the maximum number of runs in a stack on a CPU."""
    limit = most_runs(groups, sizes)
    # The limit decreases until there is a stack for each worker or for each run.
    wanted = min(jobs, sum(map(len, groups)))
    while limit > 1 and sum(len(cut(group, limit)) for group in groups) < wanted:
        limit //= 2
    return limit


def most_runs(groups: Sequence[Sequence[Run]], sizes: Sizes) -> int:
    """Returns the maximum number of runs in a stack on a CPU if there are more stacks than workers."""
    held = max((cost.activation_bytes(group[0], sizes) for group in groups), default=0)
    return max(1, min(MAX_RUNS, STACK_BYTES // held)) if held else MAX_RUNS


def _largest(runs: Sequence[Run], sizes: Sizes) -> int:
    """Returns the largest memory of one run in bytes. The runs differ only in activation, dropout and seed."""
    return max(
        cost.run_bytes(run, sizes) for run in {(r.activation, any(r.dropout)): r for r in runs}.values()
    )


def _gpu_limit(run: Run, sizes: Sizes, memory: int) -> int:
    """Returns the size of stacks that train on a GPU.

    The size is a power of two that depends on the network of `run` and not on the other runs of the plan.
    """
    limit = GPU_CONV_RUNS if run.channels else GPU_RUNS
    while limit > 1 and limit * gpu_run_bytes(run, sizes) > GPU_SHARE * memory:
        limit //= 2
    return limit


def gpu_run_bytes(run: Run, sizes: Sizes) -> int:
    """Returns the memory in bytes that a GPU needs for each run of a stack, given any run that could be in the stack.

    The runs of a stack differ in activation and dropout. The values that take the most memory are assumed.
    """
    return cost.run_bytes(run.with_settings(activation="gelu", dropout=(0.5,)), sizes)


def _cut_around(group: Sequence[Run], limit: int, begun: Sequence[Sequence[str]]) -> list[tuple[Run, ...]]:
    """Splits a group into stacks like `cut`, but keeps each stack of `begun` if the group has all its runs."""
    if not begun:
        return cut(group, limit)
    rest, parts = {run.run_id: run for run in group}, []
    for run_ids in begun:
        if rest.keys() >= set(run_ids):
            parts.append(tuple(sorted((rest.pop(run_id) for run_id in run_ids), key=_order)))
    return parts + (cut(list(rest.values()), limit) if rest else [])


def cut(group: Sequence[Run], limit: int) -> list[tuple[Run, ...]]:
    """Splits a group into stacks of at most `limit` runs. Runs with the same seed stay together if they fit.

    Runs with the same seed share batches and the uniform random numbers of dropout, so a stack with fewer seeds reads
    less data and draws fewer random numbers.
    """
    by_seed = groupby(sorted(group, key=lambda run: (run.seed, _order(run))), key=lambda run: run.seed)
    parts = [part for _, runs in by_seed for part in _even(list(runs), limit)]
    together = max(1, limit // max(len(part) for part in parts))
    return [tuple(sorted(chain(*some), key=_order)) for some in _even(parts, together)]


def _even(items: Sequence[T], limit: int) -> list[list[T]]:
    """Splits items, in unchanged order, into the smallest number of lists with at most `limit` items.

    The lengths of the lists differ by at most 1.
    """
    count = math.ceil(len(items) / limit)
    bounds = [len(items) * part // count for part in range(count + 1)]
    return [list(items[start:stop]) for start, stop in pairwise(bounds)]


def _order(run: Run) -> tuple[object, ...]:
    activation = run.factors["activation"]
    return _RANKS.get(activation, len(_RANKS)), activation, run.factors["dropout"], run.seed


def _stack_seconds(stack: Stack, sizes: Sizes, of_runs: Mapping[int, float]) -> float:
    overhead = cost.step_count(stack.runs[0], sizes) * cost.STACK_STEP_SECONDS
    return sum(of_runs[id(run.factors)] for run in stack.runs) + overhead


def _makespan(seconds: Iterable[float], jobs: int) -> float:
    """Returns the time until all stacks are trained, if each worker that becomes free takes the next stack."""
    free = [0.0] * jobs
    for duration in seconds:
        free[free.index(min(free))] += duration
    return max(free)
