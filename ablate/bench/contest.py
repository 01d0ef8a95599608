"""The contestants of a benchmark (different ways to train), their measured times, and statistics of these times.

The speed of a contestant is also compared with the GEMM rate, the speed of plain matrix products on the same machine.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")

COMMAND, ENGINE = "command", "engine"
# A function that is called before each measurement with the number of the round (from 0) and the contestant's name.
OnLap = Callable[[int, str], None]


@dataclass(frozen=True)
class Contestant:
    """A way to train that is timed, and the amount of training that it does per round.

    `name` is the key of the contestant in `Contest.seconds`, `label` is its name in tables, and `runs` is the number of
    runs that it trains per round. `run_steps` is the number of training steps, summed over these runs. `flops` is the
    number of floating-point operations in matrix products, evaluations included.
    """

    name: str
    label: str
    about: str
    runs: int
    run_steps: int
    flops: int


@dataclass(frozen=True)
class Contest:
    """The measurements of the whole command, of the engine (the worker processes of ablate) and of the rivals.

    `seconds` holds the time of each contestant in each round, by name of the contestant. `gemm_rate` holds the GEMM
    rate of each round in floating-point operations per second: the rate of plain matrix products with the fastest
    library, summed over the processes that measure it. `peak_bytes` holds the peak memory of the largest process of
    each contestant, or None if unknown.
    """

    contestants: tuple[Contestant, ...]
    seconds: Mapping[str, Sequence[float]]
    gemm_rate: Sequence[float]
    gemm_backend: str
    peak_bytes: Mapping[str, int | None]


@dataclass(frozen=True)
class Spread:
    """The median and the range of a quantity over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Returns the median and the range of one or more values."""
        ordered = sorted(map(float, values))
        return cls(statistics.median(ordered), ordered[0], ordered[-1])


@dataclass(frozen=True)
class Standing:
    """The result of one contestant over all rounds.

    `step_seconds` is the time per run and training step, and `run_seconds` is the time per run. Both times include the
    evaluations; the times of the whole command also include its start. `to_engine` and `to_command` are the
    contestant's time per step, divided by the time per step of the engine and of the whole command. `gemm_share` is the
    contestant's number of floating-point operations per second, divided by the GEMM rate. Every ratio compares
    measurements of the same round.
    """

    contestant: Contestant
    step_seconds: Spread
    run_seconds: Spread
    to_engine: Spread
    to_command: Spread
    gemm_share: Spread
    peak_bytes: int | None


def standings(contest: Contest) -> list[Standing]:
    """Returns the results of all contestants, in the order of the contest; ratios compare times of the same round."""
    seconds = {name: np.array(values) for name, values in contest.seconds.items()}
    steps = {who.name: seconds[who.name] / who.run_steps for who in contest.contestants}
    return [
        Standing(
            who,
            step_seconds=Spread.of(steps[who.name]),
            run_seconds=Spread.of(seconds[who.name] / who.runs),
            to_engine=Spread.of(steps[who.name] / steps[ENGINE]),
            to_command=Spread.of(steps[who.name] / steps[COMMAND]),
            gemm_share=Spread.of(who.flops / seconds[who.name] / np.array(contest.gemm_rate)),
            peak_bytes=contest.peak_bytes[who.name],
        )
        for who in contest.contestants
    ]


def in_rounds(laps: Mapping[str, Callable[[], T]], rounds: int, on_lap: OnLap) -> dict[str, list[T]]:
    """Calls every function once per round and returns the results by name of the function.

    Before each call, `on_lap` is called with the number of the round and the name of the function.
    """
    results: dict[str, list[T]] = {name: [] for name in laps}
    for number in range(rounds):
        for name in rotated(list(laps), number):
            on_lap(number, name)
            results[name].append(laps[name]())
    return results


def rotated(items: Sequence[T], number: int) -> list[T]:
    """Returns the items in rotated order, starting with a different item in each round.

    `number` is the number of the round.
    """
    first = number % len(items)
    return [*items[first:], *items[:first]]
