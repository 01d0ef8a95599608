"""The partition of a grid into shards of about equal cost. It does not depend on machine, device or workers.

A grid is a row of pieces, which are groups of runs, and each shard is a stretch of that row. Pieces that could be one
stack are neighbours, so that a shard trains them in few full stacks. All costs are whole nanoseconds, because sums of
floating-point numbers differ between versions of Python.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from math import ceil
from typing import NamedTuple

from ablate.experiment import cost
from ablate.experiment.grid import Run
from ablate.experiment.plan import cut, grouped, most_runs, sizes_of
from ablate.experiment.spec import Experiment
from ablate.experiment.tuning import key_of

# A partition is good enough if its most expensive shard costs at most this many times their mean cost.
_BALANCED = 1.02


class _Piece(NamedTuple):
    """Runs that stay in one shard."""

    runs: Sequence[Run]
    nanoseconds: int  # cost of the runs without the overhead of their stack
    group: int  # number of a group, whose pieces can share stacks
    overhead: int  # nanoseconds that each stack of this group takes in addition


def shard_of(experiment: Experiment, runs: Sequence[Run]) -> tuple[Run, ...]:
    """Returns the runs in the shards that the experiment selects, in the order of `runs`.

    `runs` are all runs of the grid, each of which is in exactly one shard. With more shards than runs, some shards are
    empty.
    """
    shards = experiment.shard
    if shards.is_whole:
        return tuple(runs)
    parts = _best_parts(experiment, runs)
    chosen = {id(run) for number in shards.numbers for piece in parts[number - 1] for run in piece.runs}
    return tuple(run for run in runs if id(run) in chosen)


def _best_parts(experiment: Experiment, runs: Sequence[Run]) -> list[list[_Piece]]:
    """Returns the pieces of each shard, which are as large as possible for shards of about equal cost."""
    sizes = sizes_of(experiment)
    groups = _variants(runs) if experiment.tune else grouped(runs)
    full = most_runs(groups, sizes)
    overheads = [_whole(cost.step_count(group[0], sizes) * cost.STACK_STEP_SECONDS) for group in groups]
    # All runs of a variant have the same cost and share one object `factors`.
    variants = {id(run.factors): run for run in runs}
    costs_of_runs = {key: _whole(cost.run_seconds(run, sizes)) for key, run in variants.items()}
    best, lowest, limit = list[list[_Piece]](), 0, full
    while True:
        cuts = [[group] if experiment.tune else cut(group, limit) for group in groups]
        pieces = [
            _Piece(part, sum(costs_of_runs[id(run.factors)] for run in part), index, overhead)
            for index, (overhead, cut_group) in enumerate(zip(overheads, cuts, strict=True))
            for part in cut_group
        ]
        parts = _split(pieces, experiment.shard.count)
        costs = [_nanoseconds(part, full) for part in parts]
        if not best or max(costs) < lowest:
            best, lowest = parts, max(costs)
        if limit == 1 or experiment.tune or max(costs) * len(costs) <= _BALANCED * sum(costs):
            return best
        limit //= 2


def _variants(runs: Sequence[Run]) -> list[list[Run]]:
    """Returns the runs of each variant. They stay in one shard, which chooses the learning rate of the variant."""
    by_key: dict[object, list[Run]] = {}
    for run in runs:
        by_key.setdefault(key_of(run.settings_as_stored()), []).append(run)
    return list(by_key.values())


def _whole(seconds: float) -> int:
    return max(1, round(seconds * 1e9))


def _split(pieces: Sequence[_Piece], count: int) -> list[list[_Piece]]:
    """Cuts a row of pieces into `count` shards of equal cost; a piece belongs to the shard in which its middle lies."""
    ends = list(accumulate(piece.nanoseconds for piece in pieces))
    parts: list[list[_Piece]] = [[] for _ in range(count)]
    for piece, end in zip(pieces, ends, strict=True):
        parts[(2 * end - piece.nanoseconds) * count // (2 * ends[-1])].append(piece)
    return parts


def _nanoseconds(pieces: Sequence[_Piece], limit: int) -> int:
    """Returns the cost of a shard that trains its pieces in as few stacks of at most `limit` runs as possible."""
    counts: Counter[int] = Counter()
    for piece in pieces:
        counts[piece.group] += len(piece.runs)
    overheads = {piece.group: piece.overhead for piece in pieces}
    stacks = sum(ceil(counts[group] / limit) * overheads[group] for group in counts)
    return stacks + sum(piece.nanoseconds for piece in pieces)
