"""The cost of a step of each variant, measured alone: inside a mixed stack it cannot be told from its companions'."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ablate.analysis.variants import level_key
from ablate.data.dataset import Dataset
from ablate.errors import AblateError
from ablate.experiment.grid import Run
from ablate.experiment.plan import Stack
from ablate.experiment.spec import COST_FACTORS
from ablate.training import gemm
from ablate.training.backend import prepare_cuda
from ablate.training.train import train_stack

# Steps between two looks at the clock, steps before the first that counts, and the fewest that are timed in a round.
_INTERVAL, _WARM_UP_STEPS, _TIMED_STEPS = 50, 16, 100
# A run that explodes is not trained on, and the rate changes nothing of what a step costs.
_HIGHEST_RATE = 1e-3


class _Enough(Exception):
    """Ends the training of a stack of which enough steps were timed."""


@dataclass(frozen=True)
class Variants:
    """Stacks to time, each of the runs of one variant.

    Attributes:
        stacks: One a variant.
        folder: Holds the dataset, as `Arrays.save` writes it.
        device: Kind of device.
    """

    stacks: tuple[tuple[Run, ...], ...]
    folder: Path
    device: str


def by_cost(runs: Sequence[Run]) -> tuple[tuple[Run, ...], ...]:
    """Returns the runs of each variant whose step may cost something else, the plainest first, each seed once."""
    groups: dict[tuple[str, ...], dict[int, Run]] = {}
    for run in runs:
        key = tuple(run.level(factor) for factor in COST_FACTORS)
        groups.setdefault(key, {}).setdefault(run.seed, run.with_settings(diagnostics=False))
    keys = sorted(groups, key=lambda key: [level_key(*each) for each in zip(COST_FACTORS, key, strict=True)])
    return tuple(tuple(groups[key].values()) for key in keys)


def prepare_step_costs(variants: Variants) -> Callable[[], list[float]]:
    """Loads the data and returns what times every variant once: seconds of a step of one of its runs."""
    dataset = Dataset.open(variants.folder)
    dataset = replace(dataset, x_train=dataset.x_train.clone(), y_train=dataset.y_train.clone())
    dataset = dataset.to(variants.device)
    if variants.device == "cpu":
        gemm.use(gemm.calibrate())
    else:
        prepare_cuda(variants.stacks[0][0].precision)
    calls = 0

    def lap() -> list[float]:
        nonlocal calls
        first, calls = calls, calls + 1
        # Each round begins at another variant, as in a contest.
        places = [(first + place) % len(variants.stacks) for place in range(len(variants.stacks))]
        found = {place: step_seconds(variants.stacks[place], dataset) for place in places}
        return [found[place] for place in range(len(variants.stacks))]

    return lap


def step_seconds(runs: Sequence[Run], dataset: Dataset) -> float:
    """Returns the seconds of one training step of one run in a stack of these alone.

    Making the networks, the first steps, and evaluation are left out: of the sets that are scored only a sample each
    is left.
    """
    per_epoch = len(dataset.y_train) // runs[0].batch_size
    epochs = -(-(_WARM_UP_STEPS + _TIMED_STEPS + 2 * _INTERVAL) // per_epoch) + 1
    rate = min(runs[0].learning_rate, _HIGHEST_RATE)
    timed = tuple(run.with_settings(epochs=epochs, learning_rate=rate) for run in runs)
    stack = Stack(timed, max(1, per_epoch // _INTERVAL))
    clock = _Clock()
    with suppress(_Enough):
        train_stack(stack, _hardly_scored(dataset), clock)
    if not clock.steps:
        raise AblateError(
            f"{stack.label}: all runs diverged within {_WARM_UP_STEPS} steps, too early to time"
        )
    return clock.seconds / clock.steps / len(runs)


class _Clock:
    """Adds up the time of the steps between evaluations, once the first steps are over."""

    def __init__(self) -> None:
        self.done = self.steps = 0
        self.seconds = self.last = 0.0

    def __call__(self, steps: int) -> None:
        now = time.perf_counter()
        if self.done >= _WARM_UP_STEPS:
            self.seconds += now - self.last
            self.steps += steps
        self.done += steps
        self.last = now
        if self.steps >= _TIMED_STEPS:
            raise _Enough


def _hardly_scored(dataset: Dataset) -> Dataset:
    return replace(
        dataset, x_val=dataset.x_val[:1], y_val=dataset.y_val[:1], train_probe=dataset.train_probe[:1]
    )
