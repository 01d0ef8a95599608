"""The time of a training step of each variant, measured in a stack that contains only runs of this variant."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from ablate.analysis.variants import level_key
from ablate.bench.contest import rotated
from ablate.data.dataset import Dataset
from ablate.errors import AblateError
from ablate.experiment.grid import Run
from ablate.experiment.plan import Stack
from ablate.experiment.spec import COST_FACTORS
from ablate.training import gemm
from ablate.training.backend import prepare_cuda
from ablate.training.train import train_stack

# Steps between two clock readings, untimed steps at the start, and the minimum number of timed steps in a round.
_INTERVAL, _WARM_UP_STEPS, _TIMED_STEPS = 50, 16, 100
# The learning rate does not affect the time of a step, but a run with a high rate could diverge and stop.
_HIGHEST_RATE = 1e-3


class _Enough(Exception):
    """An exception that ends the training of a stack as soon as enough steps have been timed."""


def by_cost(runs: Sequence[Run]) -> tuple[tuple[Run, ...], ...]:
    """Returns the runs to time, grouped by their levels of the factors that affect the time of a step (`COST_FACTORS`).

    The groups are sorted by these levels. Each group has one run per seed.
    """
    groups: dict[tuple[str, ...], dict[int, Run]] = {}
    for run in runs:
        key = tuple(run.level(factor) for factor in COST_FACTORS)
        groups.setdefault(key, {}).setdefault(run.seed, run.with_settings(diagnostics=False))
    keys = sorted(groups, key=lambda key: list(map(level_key, COST_FACTORS, key)))
    return tuple(tuple(groups[key].values()) for key in keys)


def prepare_step_costs(
    stacks: Sequence[tuple[Run, ...]], folder: Path, device: str
) -> Callable[[], list[float]]:
    """Loads the dataset from a folder and returns a function that times the training step of every stack once.

    The returned function returns the seconds per run and training step of each stack, in the order of `stacks`.
    """
    dataset = Dataset.open(folder)
    x, y = dataset.x_train.clone(), dataset.y_train.clone()
    dataset = replace(dataset, x_train=x, y_train=y).to(device)
    if device == "cpu":
        gemm.use(gemm.calibrate())
    else:
        prepare_cuda(stacks[0][0].precision)
    rounds = count()

    def lap() -> list[float]:
        order = rotated(range(len(stacks)), next(rounds))
        seconds = {index: step_seconds(stacks[index], dataset) for index in order}
        return [seconds[index] for index in range(len(stacks))]

    return lap


def step_seconds(
    runs: Sequence[Run],
    dataset: Dataset,
    train: Callable[[Stack, Dataset, Callable[[int], None]], object] = train_stack,
    now: Callable[[], float] = time.perf_counter,
) -> float:
    """Trains the runs as one stack and returns the seconds per run and training step.

    `train` trains a stack, and `now` returns the current time in seconds. The time to create the networks and the time
    of the first steps are not included. The evaluations are included, but take almost no time, because they score only
    one sample of each set.

    Raises:
        AblateError: All runs diverge before the first timed step.
    """
    per_epoch = len(dataset.y_train) // runs[0].batch_size
    epochs = -(-(_WARM_UP_STEPS + _TIMED_STEPS + 2 * _INTERVAL) // per_epoch) + 1
    rate = min(runs[0].learning_rate, _HIGHEST_RATE)
    timed = tuple(run.with_settings(epochs=epochs, learning_rate=rate) for run in runs)
    stack = Stack(timed, max(1, per_epoch // _INTERVAL))
    done, readings = 0, list[tuple[int, float]]()

    def on_steps(steps: int) -> None:
        nonlocal done
        done += steps
        if done >= _WARM_UP_STEPS:
            readings.append((done, now()))
            if done >= readings[0][0] + _TIMED_STEPS:
                raise _Enough

    with suppress(_Enough):
        train(stack, with_one_sample_scored(dataset), on_steps)
    if len(readings) < 2:
        raise AblateError(
            f"{stack.label}: all runs diverged within {_WARM_UP_STEPS} steps, too early to time"
        )
    (first, start), (last, end) = readings[0], readings[-1]
    return (end - start) / (last - first) / len(runs)


def with_one_sample_scored(dataset: Dataset) -> Dataset:
    """Returns a dataset with the same training data but a single sample to score, so that evaluations are fast."""
    x_val, y_val, train_probe = dataset.x_val[:1], dataset.y_val[:1], dataset.train_probe[:1]
    return replace(dataset, x_val=x_val, y_val=y_val, train_probe=train_probe)
