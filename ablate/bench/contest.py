"""Times of contestants that were measured in rounds, and what follows from them: medians, ranges, ratios, shares."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

COMMAND, ENGINE = "command", "engine"


@dataclass(frozen=True)
class Contestant:
    """Who is timed, and how much it trains in one round.

    Attributes:
        name: As in `--rivals`.
        label: In tables.
        about: What it is, in one line.
        runs: Networks trained.
        run_steps: Steps, summed over them.
        flops: Floating-point operations of their matrix products, evaluations included.
    """

    name: str
    label: str
    about: str
    runs: int
    run_steps: int
    flops: int


@dataclass(frozen=True)
class Contest:
    """What was measured.

    Attributes:
        contestants: The whole command, the engine, and its rivals.
        seconds: Of each contestant by name, one a round.
        gemm_rate: What the machine's own matrix products do in a second, in all workers together, one a round.
        gemm_backend: Which of torch's backends was the faster.
        peak_bytes: Of a process of each contestant by name; None where it cannot be told.
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
        found = sorted(values)
        return cls(statistics.median(found), found[0], found[-1])


@dataclass(frozen=True)
class Standing:
    """How a contestant did.

    Attributes:
        step_seconds: For one run and one step, its share of start and evaluations included.
        run_seconds: For one run.
        to_engine: Time of a step over the engine's, within a round.
        to_command: The same over that of the whole command.
        gemm_share: Products done in a second over what the machine's own would do.
    """

    contestant: Contestant
    step_seconds: Spread
    run_seconds: Spread
    to_engine: Spread
    to_command: Spread
    gemm_share: Spread
    peak_bytes: int | None


def standings(contest: Contest) -> list[Standing]:
    """Returns how each contestant did, in their order."""
    steps = {each.name: _per(contest.seconds[each.name], each.run_steps) for each in contest.contestants}
    return [
        Standing(
            each,
            Spread.of(steps[each.name]),
            Spread.of(_per(contest.seconds[each.name], each.runs)),
            Spread.of(quotients(steps[each.name], steps[ENGINE])),
            Spread.of(quotients(steps[each.name], steps[COMMAND])),
            Spread.of(quotients(quotients([each.flops] * len(contest.gemm_rate), times), contest.gemm_rate)),
            contest.peak_bytes[each.name],
        )
        for each in contest.contestants
        for times in [contest.seconds[each.name]]
    ]


def quotients(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Returns one number by the other, round by round: what slows a whole round down leaves it alone."""
    return [one / other for one, other in zip(over, under, strict=True)]


def turn(names: Sequence[T], number: int) -> list[T]:
    """Returns who is measured when in a round: each time another one begins, so that no place is always the same's."""
    first = number % len(names)
    return [*names[first:], *names[:first]]


def in_rounds(
    laps: Mapping[str, Callable[[], T]], rounds: int, told: Callable[[int, str], None]
) -> dict[str, list[T]]:
    """Returns what each lap returned in each round.

    Args:
        laps: By name.
        rounds: How often each is called.
        told: Called before each lap with the round, from 0, and its name.
    """
    found: dict[str, list[T]] = {name: [] for name in laps}
    for number in range(rounds):
        for name in turn(list(laps), number):
            told(number, name)
            found[name].append(laps[name]())
    return found


def _per(seconds: Sequence[float], count: int) -> list[float]:
    return [each / count for each in seconds]
