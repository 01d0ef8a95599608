"""Formatting of numbers: means with standard deviations, steps to target, seeds and durations."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Symbols:
    """Signs printed beside numbers, made of characters that the encoding of the output can represent."""

    best: str
    worst: str
    plus_minus: str
    at_least: str


UNICODE = Symbols(best="▲", worst="▼", plus_minus="±", at_least="≥")
ASCII = Symbols(best="+", worst="-", plus_minus="+-", at_least=">=")


def symbols_for(encoding: str) -> Symbols:
    """Returns signs made of characters that a text encoding can represent: Unicode signs if possible, else ASCII."""
    try:
        "".join((UNICODE.best, UNICODE.worst, UNICODE.plus_minus, UNICODE.at_least, "─")).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


@dataclass(frozen=True)
class Unit:
    """The format of a quantity: a scale factor, a number of decimals, and suffixes for values and for differences."""

    scale: float
    decimals: int
    of_values: str = ""
    of_differences: str = ""

    def text(self, value: float) -> str:
        """Returns a number as text. NaN becomes `-`, and a number that rounds to zero has no sign."""
        return "-" if math.isnan(value) else f"{value * self.scale:z.{self.decimals}f}"

    def signed(self, value: float) -> str:
        """Returns a difference as text with its sign.

        A difference that rounds to zero has no sign, and NaN becomes `-`.
        """
        text = self.text(value)
        return text if math.isnan(value) or text.startswith("-") or not float(text) else f"+{text}"


PERCENT = Unit(100, 1, "%", " points")
NATS = Unit(1, 3, " nats", " nats")
STEPS = Unit(1, 0, " steps", " steps")
MILLISECONDS = Unit(1000, 3, " ms", " ms")


def unit_for(values: Iterable[float], scale: float = 1) -> Unit:
    """Returns a unit in which the smallest positive value is written with three significant digits."""
    known = [value * scale for value in values if value > 0 and math.isfinite(value)]
    return Unit(scale, min(9, max(0, 2 - math.floor(math.log10(min(known))))) if known else 2)


@dataclass(frozen=True)
class Cell:
    """The parts of a number in a table: the mean `97.2`, the spread `±0.4`, and an optional mark.

    In a column of a table, the means, the spreads and the marks of all cells are aligned separately.
    """

    mean: str
    spread: str
    mark: str = ""


def mean_and_spread(mean: float, sd: float, unit: Unit, symbols: Symbols) -> Cell:
    """Returns the table cell of a mean with its standard deviation.

    A standard deviation of NaN (with a single seed) is left out.
    """
    return Cell(unit.text(mean), "" if math.isnan(sd) else symbols.plus_minus + unit.text(sd))


def steps_cell(mean: float, sd: float, reached: int, runs: int, symbols: Symbols, unit: Unit = STEPS) -> Cell:
    """Returns the table cell of mean steps to target, such as `123 ±8`.

    If some runs missed the target, the mean is a lower bound: `≥430 ±20`. If all runs missed the target, the cell is,
    for example, `>540`.
    """
    cell = mean_and_spread(mean, sd, unit, symbols)
    if reached == runs or math.isnan(mean):
        return cell
    return Cell(symbols.at_least + cell.mean, cell.spread) if reached else Cell(">" + cell.mean, "")


def aligned(cells: Sequence[Cell]) -> list[str]:
    """Returns the cells of a column as texts of equal width, so that means, spreads and marks are aligned."""
    parts = zip(*((cell.mean, cell.spread, cell.mark) for cell in cells), strict=True)
    means, spreads, marks = (max(map(len, part)) for part in parts)
    gaps = " " * bool(spreads), " " * bool(marks)
    return [
        f"{cell.mean:>{means}}{gaps[0]}{cell.spread:{spreads}}{gaps[1]}{cell.mark:{marks}}" for cell in cells
    ]


def plural(noun: str, number: int) -> str:
    """Returns a noun in the singular or the plural, as a number requires: `run` or `runs`."""
    return noun if number == 1 else f"{noun}s"


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, such as `1 run` or `270 runs`."""
    return f"{number:,} {plural(noun, number)}"


def duration(seconds: float) -> str:
    """Returns a duration as text, such as `3.1 s`, `20 s`, `2 min 05 s`, `1 h 07 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"
