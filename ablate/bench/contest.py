"""Times of contestants measured in rounds, and their medians, ranges, ratios and shares of the GEMM rate."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")

COMMAND, ENGINE = "command", "engine"
# Called before each measurement with the round, counted from 0, and the name of what is measured.
OnLap = Callable[[int, str], None]


@dataclass(frozen=True)
class Contestant:
    """What is timed, by its name in `--rivals` and its label in tables, and how much it trains in one round.

    `run_steps` are the training steps, summed over the runs; `flops` are the floating-point operations of their matrix
    products, evaluations included.
    """

    name: str
    label: str
    about: str
    runs: int
    run_steps: int
    flops: int


@dataclass(frozen=True)
class Contest:
    """What was measured of the whole command, the engine, and its rivals.

    Seconds, by the name of a contestant, and the GEMM rate have one value per round. The GEMM rate is that of plain
    matrix products in all workers together, in floating-point operations per second, with the faster of torch's
    backends. The peak is the memory of one process, by the name of a contestant; None if unknown.
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
    """How a contestant did: seconds per run and step, with their share of start and evaluations, and per run.

    `to_engine` and `to_command` are the time of a step divided by that of the engine and of the whole command,
    `gemm_share` is operations per second divided by the machine's GEMM rate, all within a round.
    """

    contestant: Contestant
    step_seconds: Spread
    run_seconds: Spread
    to_engine: Spread
    to_command: Spread
    gemm_share: Spread
    peak_bytes: int | None


def standings(contest: Contest) -> list[Standing]:
    """Returns how each contestant did, in the order of the contest; ratios are taken within a round."""
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
    """Calls every lap once per round and returns what each returned, by name; `on_lap` is called before each lap."""
    results: dict[str, list[T]] = {name: [] for name in laps}
    for number in range(rounds):
        for name in rotated(list(laps), number):
            on_lap(number, name)
            results[name].append(laps[name]())
    return results


def rotated(items: Sequence[T], number: int) -> list[T]:
    """Returns the items in the order of a round: each round begins with another one, so that none is always first."""
    first = number % len(items)
    return [*items[first:], *items[:first]]
