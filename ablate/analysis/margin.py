"""The margin: the size up to which a difference of a metric does not matter."""

import math
import re
from dataclasses import dataclass
from typing import Self

from ablate.errors import SpecError


@dataclass(frozen=True)
class Amount:
    """A size in the unit of a metric or, if `relative` is true, as a share of the reference's value."""

    size: float
    relative: bool = False

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Returns the amount that a text such as `0.01` or `5%` states, or None for any other text."""
        number = re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)(%?)", text.strip())
        return cls(float(number[1]) / (100 if number[2] else 1), bool(number[2])) if number else None

    def __str__(self) -> str:
        return f"{self.size * 100:.12g}%" if self.relative else f"{self.size:.12g}"


class Margin(Amount):
    """The size up to which a difference of a metric does not matter in practice."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the margin that a text such as `0.01` or `5%` states. Raises `SpecError` for any other text."""
        margin = cls.read(text)
        if margin is None:
            raise SpecError(
                f"--margin: {text!r} is neither a size of at least 0 in the unit of the metric, as 0.01 for one "
                "point of accuracy, nor a share of the reference's value, as 5%"
            )
        return margin

    def absolute(self, reference: float) -> float:
        """Returns the margin in the metric's unit.

        The result is 0 if the margin is relative and the reference's value is NaN.
        """
        if not self.relative:
            return self.size
        return 0.0 if math.isnan(reference) else self.size * abs(reference)
