"""Shards of a grid: parts of equal cost that different machines train."""

import re
from dataclasses import dataclass
from typing import Any

from ablate.errors import shown
from ablate.experiment.levels import spans
from ablate.experiment.limits import MOST_SHARDS

_LEGAL = f"K/N with K from 1 to N and N at most {MOST_SHARDS}, as 2/5; 1,3/5 and 1-3/5 are several shards"


@dataclass(frozen=True)
class Shards:
    """Some of the `count` shards of a grid, as ascending numbers between 1 and `count`."""

    numbers: tuple[int, ...] = (1,)
    count: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether these are all shards of the grid."""
        return len(self.numbers) == self.count

    @property
    def missing(self) -> tuple[int, ...]:
        """The numbers of all other shards of the grid."""
        return tuple(number for number in range(1, self.count + 1) if number not in set(self.numbers))

    def __str__(self) -> str:
        return f"{spans(self.numbers).replace(' ', '')}/{self.count}"

    def joined(self, other: "Shards") -> "Shards":
        """Returns the union of these and other shards of a grid. The union with a whole grid is the whole grid.

        Raises:
            ValueError: The counts differ, and neither is the whole grid.
        """
        if self.is_whole or other.is_whole:
            return WHOLE
        if self.count != other.count:
            raise ValueError(f"{self} and {other} are shards of different cuts of the grid")
        return _simplified({*self.numbers, *other.numbers}, self.count)


WHOLE = Shards()


def parse_shards(received: Any) -> Shards:
    """Parses a text such as `2/5`, `1,3/5` or `1-3/5`; raises ValueError for other values."""
    if isinstance(received, Shards):
        return received
    numbers: set[int] = set()
    text = received.replace(" ", "") if isinstance(received, str) else ""
    if re.fullmatch(r"[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*/[0-9]{1,5}", text):
        chosen, _, total = text.partition("/")
        for part in chosen.split(","):
            first, _, last = part.partition("-")
            numbers.update(range(int(first), int(last or first) + 1))
        if numbers and int(total) <= MOST_SHARDS and min(numbers) >= 1 and max(numbers) <= int(total):
            return _simplified(numbers, int(total))
    raise ValueError(f"{shown(received)} is not {_LEGAL}")


def _simplified(numbers: set[int], total: int) -> Shards:
    """Returns the shards with these numbers out of `total` shards; all of them together are `WHOLE`."""
    return WHOLE if len(numbers) == total else Shards(tuple(sorted(numbers)), total)
