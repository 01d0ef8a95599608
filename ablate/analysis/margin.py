"""The margin: how large a difference of a metric has to be to matter."""

import math
import re
from dataclasses import dataclass
from typing import Self

from ablate.errors import SpecError


@dataclass(frozen=True)
class Margin:
    """Differences up to this size are taken to be of no practical weight.

    Attributes:
        size: In the unit of the metric, or as a share.
        relative: Whether it is a share of what the reference has.
    """

    size: float
    relative: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the margin a user wrote: `0.01` in the metric's unit, `5%` of what the reference has.

        Raises:
            SpecError: It is neither.
        """
        number = re.fullmatch(r"(\d+\.?\d*|\.\d+)(%?)", text.strip())
        if number is None:
            raise SpecError(
                f"--margin: {text!r} is neither a size of at least 0 in the unit of the metric, as 0.01 for one "
                "point of accuracy, nor a share of the reference's value, as 5%"
            )
        relative = number[2] == "%"
        return cls(float(number[1]) / (100 if relative else 1), relative)

    def absolute(self, reference: float) -> float:
        """Returns the margin in the metric's unit, given the reference's value; 0 if that is needed and NaN."""
        if not self.relative:
            return self.size
        return 0.0 if math.isnan(reference) else self.size * abs(reference)

    def __str__(self) -> str:
        return f"{self.size * 100:.12g}%" if self.relative else f"{self.size:.12g}"
