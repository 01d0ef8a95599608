"""The times of all contestants, measured in rounds: medians, ranges, ratios and shares of the GEMM rate."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")

COMMAND, ENGINE = "command", "engine"
# A function called before each measurement with the round, counted from 0, and the name of the contestant.
OnLap = Callable[[int, str], None]


@dataclass(frozen=True)
class Contestant:
    """A timed way to train: its name in `--rivals`, its label in tables, and the amount of training in one round.

    `run_steps` is the number of training steps, summed over the runs. `flops` is the number of floating-point
    operations in matrix products, evaluations included.
    """

    name: str
    label: str
    about: str
    runs: int
    run_steps: int
    flops: int


@dataclass(frozen=True)
class Contest:
    """The measurements of the whole command, the engine and its rivals.

    The seconds of each contestant, by name, and the GEMM rate have one value per round. The GEMM rate is the number of
    floating-point operations per second in plain matrix products, summed over all workers, with the faster of torch's
    backends. The peak, by the name of a contestant, is the largest memory of one process; None if unknown.
    """

    contestants: tuple[Contestant, ...]
    seconds: Mapping[str, Sequence[float]]
    gemm_rate: Sequence[float]
    gemm_backend: str
    peak_bytes: Mapping[str, int | None]


@dataclass(frozen=True)
class Spread:
    """Median and range of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Returns the spread of at least one value."""
        ordered = sorted(map(float, values))
        return cls(statistics.median(ordered), ordered[0], ordered[-1])


@dataclass(frozen=True)
class Standing:
    """The result of a contestant: seconds per run and step (start and evaluations included), and seconds per run.

    `to_engine` and `to_command` are its time per step divided by that of the engine and of the whole command.
    `gemm_share` is its operations per second divided by the machine's GEMM rate. All ratios are taken within a round.
    """

    contestant: Contestant
    step_seconds: Spread
    run_seconds: Spread
    to_engine: Spread
    to_command: Spread
    gemm_share: Spread
    peak_bytes: int | None


def standings(contest: Contest) -> list[Standing]:
    """Returns the result of each contestant in the order of the contest; ratios are taken within a round."""
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
    """Calls every function once per round and returns its results by name; `on_lap` is called before each call."""
    results: dict[str, list[T]] = {name: [] for name in laps}
    for number in range(rounds):
        for name in rotated(list(laps), number):
            on_lap(number, name)
            results[name].append(laps[name]())
    return results


def rotated(items: Sequence[T], number: int) -> list[T]:
    """Returns the items rotated by the number of the round, so that each round starts with a different item."""
    first = number % len(items)
    return [*items[first:], *items[:first]]
