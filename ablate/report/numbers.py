"""How numbers are written: means with their spread, steps that may be censored, seeds, durations."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Symbols:
    """What stands beside numbers, in an alphabet the output can show."""

    best: str
    worst: str
    plus_minus: str
    at_least: str


UNICODE = Symbols(best="▲", worst="▼", plus_minus="±", at_least="≥")
ASCII = Symbols(best="+", worst="-", plus_minus="+-", at_least=">=")


def symbols_for(encoding: str) -> Symbols:
    """Returns the symbols that text in this encoding can hold."""
    try:
        "".join((UNICODE.best, UNICODE.worst, UNICODE.plus_minus, UNICODE.at_least, "─")).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


@dataclass(frozen=True)
class Unit:
    """How a quantity is written: times `scale`, with so many decimals."""

    scale: float
    decimals: int

    def text(self, value: float) -> str:
        """Returns the number as text, `-` for NaN, never `-0`."""
        return "-" if math.isnan(value) else f"{value * self.scale:z.{self.decimals}f}"


PERCENT = Unit(100, 1)
NATS = Unit(1, 3)
STEPS = Unit(1, 0)


def unit_for(values: Iterable[float], scale: float = 1) -> Unit:
    """Returns how values of very different size are written in one column: the smallest with three digits."""
    known = [value * scale for value in values if value > 0 and math.isfinite(value)]
    return Unit(scale, min(9, max(0, 2 - math.floor(math.log10(min(known))))) if known else 2)


@dataclass(frozen=True)
class Cell:
    """A number of a table, in the parts that are set below one another: `97.2`, `±0.4`, a mark or nothing."""

    mean: str
    spread: str
    mark: str = ""


def mean_and_spread(mean: float, sd: float, unit: Unit, symbols: Symbols) -> Cell:
    """Returns a mean with its standard deviation, which NaN (of a single seed) leaves out."""
    return Cell(unit.text(mean), "" if math.isnan(sd) else symbols.plus_minus + unit.text(sd))


def steps_cell(mean: float, sd: float, reached: int, runs: int, symbols: Symbols, unit: Unit = STEPS) -> Cell:
    """Returns restricted mean steps: `123 ±8`, as a lower bound `≥430 ±20`, or if none reached it `>540`."""
    cell = mean_and_spread(mean, sd, unit, symbols)
    if reached == runs or math.isnan(mean):
        return cell
    return Cell(symbols.at_least + cell.mean, cell.spread) if reached else Cell(">" + cell.mean, "")


def aligned(cells: Sequence[Cell]) -> list[str]:
    """Returns the cells of a column as texts of one width, each part below its like."""
    means, spreads, marks = (
        max(map(len, parts))
        for parts in zip(*((cell.mean, cell.spread, cell.mark) for cell in cells), strict=True)
    )
    gaps = " " * bool(spreads), " " * bool(marks)
    return [
        f"{cell.mean:>{means}}{gaps[0]}{cell.spread:{spreads}}{gaps[1]}{cell.mark:{marks}}" for cell in cells
    ]


def spans(numbers: Iterable[int]) -> str:
    """Returns whole numbers as ranges, `0-4, 7`."""
    parts: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][1] + 1:
            parts[-1] = (parts[-1][0], number)
        else:
            parts.append((number, number))
    return ", ".join(f"{low}-{high}" if low < high else str(low) for low, high in parts)


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, `1 run`, `270 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Returns a time for people: `3.1 s`, `20 s`, `2 min 05 s`, `1 h 07 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"
