"""What fits into the memory of a machine: the number of workers, the bytes of their stacks, and the largest network."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ablate.errors import SpecError
from ablate.experiment import cost
from ablate.experiment.cost import Sizes
from ablate.experiment.grid import Run
from ablate.experiment.levels import label

# Memory of a worker for the interpreter and torch, in addition to its stack.
PROCESS_BYTES = 450e6
# A run is refused only if this share of its estimated memory exceeds a limit, because the estimate may be too high.
_CERTAIN = 0.8


@dataclass(frozen=True)
class Limit:
    """The bytes of memory that can still be taken, either by all processes together or by each process."""

    bytes: float
    what: str  # such as `the free memory of this machine`
    is_per_process: bool = False


class Shares(NamedTuple):
    """The number of workers that fit into memory, and the bytes for the stack of each."""

    workers: int
    stack_bytes: float


def shares(runs: Iterable[Run], sizes: Sizes, jobs: int, limits: Sequence[Limit]) -> Shares:
    """Returns how many of `jobs` workers to start, and the memory for the stack of each.

    There are fewer than `jobs` workers only if otherwise the largest run would not fit into the memory of each.

    Raises:
        SpecError: The largest run does not fit into memory, even with one worker.
    """
    largest = max(_one_of_each_kind(runs), key=lambda run: cost.run_bytes(run, sizes), default=None)
    if largest is None:
        return Shares(jobs, math.inf)
    for limit in limits:
        _check(largest, sizes, limit)
    needed = cost.run_bytes(largest, sizes)
    data = 2 * _data_bytes(sizes)  # once in the arrays of the command, once in the files for the workers
    common = min((limit.bytes for limit in limits if not limit.is_per_process), default=math.inf) - data
    own = min((limit.bytes for limit in limits if limit.is_per_process), default=math.inf)
    workers = jobs
    while workers > 1 and common / workers - PROCESS_BYTES < needed:
        workers -= 1
    return Shares(workers, max(needed, min(common / workers - PROCESS_BYTES, own)))


def _one_of_each_kind(runs: Iterable[Run]) -> list[Run]:
    """Returns one run for each combination of the settings on which the memory of a run depends."""
    kinds = {
        (run.activation, any(run.dropout), run.channels, run.hidden, run.batch_size, run.optimizer): run
        for run in runs
    }
    return list(kinds.values())


def _data_bytes(sizes: Sizes) -> int:
    return 4 * (sizes.train + sizes.val) * sizes.features


def _check(run: Run, sizes: Sizes, limit: Limit) -> None:
    """Raises SpecError if a run or the dataset takes more memory than a limit."""
    data = 0 if limit.is_per_process else _data_bytes(sizes)
    if data > limit.bytes:
        raise SpecError(
            f"--dataset: its {sizes.train + sizes.val:,} samples take {_size(data)} as float32, and {limit.what} is "
            f"{_size(limit.bytes)}; legal is a smaller dataset"
        )

    def fits(other: Run) -> bool:
        return _CERTAIN * cost.run_bytes(other, sizes) <= limit.bytes - data

    if fits(run):
        return
    network = " ".join(
        f"--{name} {label(getattr(run, name))}" for name in ("channels", "hidden") if getattr(run, name)
    )
    raise SpecError(
        f"{network}: one run takes about {_size(cost.run_bytes(run, sizes))} of memory at --batch-size "
        f"{run.batch_size}, and {limit.what} is {_size(limit.bytes - data)}; {_largest_that_fits(run, fits)}"
    )


def _largest_that_fits(run: Run, fits: Callable[[Run], bool]) -> str:
    """Returns a text that names a smaller batch that fits or, if there is none, a smaller network."""
    batch = run.batch_size
    while batch > 2:
        batch //= 2
        if fits(run.with_settings(batch_size=batch)):
            return f"--batch-size {batch} fits"
    best, low, high = None, -20.0, 0.0  # low, high: exponents of 10 for the factor of the widths
    for _ in range(20):
        middle = (low + high) / 2
        widths = {name: _scaled(getattr(run, name), 10**middle) for name in ("channels", "hidden")}
        if fits(smaller := run.with_settings(**widths)):
            best, low = smaller, middle
        else:
            high = middle
    if best is None:
        return "no network fits, the limit must be higher"
    names = [name for name in ("channels", "hidden") if getattr(run, name)]
    return "the largest that fits is about " + " ".join(
        f"--{name} {label(getattr(best, name))}" for name in names
    )


def _scaled(widths: tuple[int, ...], share: float) -> tuple[int, ...]:
    """Returns the widths times `share`, rounded down to two digits, and at least 1."""
    scaled = [max(1, int(width * share)) for width in widths]
    return tuple(width // (unit := 10 ** max(0, len(str(width)) - 2)) * unit for width in scaled)


def _size(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{max(size, 0) / 1e6:,.0f} MB"
