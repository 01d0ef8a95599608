"""Parsers of settings: each parser checks and converts one value that comes from text or TOML.

A parser takes the user's input and returns the value of a setting. For illegal input, a parser raises a `ValueError`
whose message states the received value and the legal values. The module `spec` puts the command-line option in front of
this message.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ablate.errors import not_one_of, shown
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.levels import NONE, label
from ablate.experiment.limits import MOST_LAYERS, MOST_SEEDS, MOST_UNITS
from ablate.experiment.norms import NORM_ALIASES, NORM_LEVELS

Parser = Callable[[Any], Any]

# Numbers with more digits are above every limit, and Python itself refuses to convert numbers of thousands of digits.
_MOST_DIGITS = 20


def choice(*legal: str) -> Parser:
    """Returns a parser that accepts one of the given words."""

    def parse(received: Any) -> str:
        if received in legal:
            return str(received)
        raise ValueError(not_one_of(received, legal))

    return parse


def norm(received: Any) -> str:
    """Parses a level of the factor `norm`. The module `norms` defines the levels and the aliases `pre` and `post`."""
    level = NORM_ALIASES.get(received, received) if isinstance(received, str) else received
    return str(choice(*NORM_LEVELS)(level))


def activation(received: Any) -> str:
    """Parses an activation: a name or alias in upper or lower case, or `package.module:Name` for a user's function."""
    if isinstance(received, str) and re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", received):
        return received
    word = received.lower() if isinstance(received, str) else ""
    for name, info in ACTIVATIONS.items():
        if word in (name, *info.aliases):
            return name
    raise ValueError(not_one_of(received, ACTIVATIONS, "package.module:Name"))


def whole(low: int, high: float = math.inf) -> Parser:
    """Returns a parser of whole numbers from `low` to `high`. By default there is no upper limit."""
    legal = f"a whole number of at least {low}" + (f" and at most {high:,}" if high < math.inf else "")

    def parse(received: Any) -> int:
        value = received
        if isinstance(received, str) and re.fullmatch(rf"[+-]?\d{{1,{_MOST_DIGITS}}}", received.strip()):
            value = int(received)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{shown(value)} is not {legal}")
        return value

    return parse


def real(legal: str, allowed: Callable[[float], bool]) -> Parser:
    """Returns a parser of finite real numbers that `allowed` accepts.

    In error messages, `legal` describes the accepted numbers.
    """

    def parse(received: Any) -> float:
        try:
            value = math.nan if isinstance(received, bool) else float(received)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not math.isfinite(value) or not allowed(value):
            raise ValueError(f"{shown(received)} is not {legal}")
        return value + 0.0  # turns -0.0 into 0.0, which gives the same run

    return parse


def auto_or(parser: Parser) -> Parser:
    """Returns a parser that accepts the word `auto` and everything that `parser` accepts."""
    return lambda received: received if received == "auto" else parser(received)


def per_layer(parser: Parser) -> Parser:
    """Returns a parser of values separated by slashes, one value per layer: `100/50`."""

    def parse(received: Any) -> tuple[Any, ...]:
        parts = received.split("/") if isinstance(received, str) else received
        parts = parts if isinstance(parts, list | tuple) else [parts]
        if len(parts) > MOST_LAYERS:
            raise ValueError(f"{len(parts):,} values for one network; legal are at most {MOST_LAYERS:,}")
        return tuple(parser(part) for part in parts)

    return parse


def list_of(parser: Parser) -> Parser:
    """Returns a parser of the levels of a factor: comma-separated text, a list or one value.

    The parser rejects empty and repeated levels.
    """

    def parse(received: Any) -> tuple[Any, ...]:
        if isinstance(received, str):
            received = [part.strip() for part in received.split(",")]
        parts = received if isinstance(received, list | tuple) else [received]
        if not parts or any(part == "" for part in parts):
            raise ValueError("an empty level; give at least one value, separated by single commas")
        return _unique(tuple(parser(part) for part in parts))

    return parse


def seeds(received: Any) -> tuple[int, ...]:
    """Parses seeds: `5` means the seeds 0 to 4, `0-4` is a range, `1,7` is a list."""
    number = whole(0, 2**32 - 1)
    is_count = isinstance(received, int) or (isinstance(received, str) and received.strip().isdecimal())
    if is_count:
        return _at_least_one(range(whole(0, MOST_SEEDS)(received)))
    values: list[int] = []
    parts = received.split(",") if isinstance(received, str) else received
    for part in parts if isinstance(parts, list | tuple) else [parts]:
        bounds = re.fullmatch(r"(\d+)-(\d+)", part.strip()) if isinstance(part, str) else None
        first, last = map(number, bounds.groups() if bounds else (part, part))
        if len(values) + last - first >= MOST_SEEDS:
            raise ValueError(
                f"{shown(received)} are more than {MOST_SEEDS:,} seeds; legal are at most as many"
            )
        values += range(first, last + 1)
    return _unique(_at_least_one(values))


def _at_least_one(values: Iterable[int]) -> tuple[int, ...]:
    if not (seeds := tuple(values)):
        raise ValueError("no seed; legal are a count (5), a range (0-4) or a list (1,7)")
    return seeds


# A parser of the widths of one network, with one width per layer.
WIDTHS = per_layer(whole(1, MOST_UNITS))


def channels(received: Any) -> Any:
    """Parses the numbers of channels of convolutional blocks.

    The input `none`, which occurs in stored results of a multilayer perceptron, means no channels.
    """
    return () if received == NONE else auto_or(WIDTHS)(received)


def networks(received: Any) -> Any:
    """Parses the widths of the hidden layers of all networks to compare.

    A list of plain numbers in a TOML file is rejected as ambiguous: it could mean one network or several networks.
    """
    if isinstance(received, list) and len(received) > 1 and all(type(part) is int for part in received):
        first, more = received[:9], len(received) > 9
        one, many = (
            "/".join(map(str, first)) + "/..." * more,
            ", ".join(f'"{part}"' for part in first) + ", ..." * more,
        )
        raise ValueError(
            f'{shown(received)} could be one network or {len(received)}; write "{one}" for one of '
            f"{len(received)} hidden layers, [{many}] for {len(received)} networks of one hidden layer"
        )
    return list_of(auto_or(WIDTHS))(received)


def tuned(received: Any) -> tuple[float, ...]:
    """Parses text such as `learning_rate=0.01,0.1` into candidate learning rates. An empty value means no tuning."""
    if received in ("", (), []):
        return ()
    name, _, rates = received.partition("=") if isinstance(received, str) else ("", "", "")
    example = "at least two rates, as learning_rate=0.01,0.1"
    if name.strip() != "learning_rate" or not rates.strip():
        raise ValueError(f"{shown(received)} is not learning_rate= with {example}")
    values: tuple[float, ...] = list_of(real("a number above 0", lambda x: x > 0))(rates)
    if len(values) < 2:
        raise ValueError(f"{shown(received)} leaves nothing to choose; give {example}")
    return values


def switch(received: Any) -> bool:
    """Parses a setting that is either true or false."""
    if not isinstance(received, bool):
        raise ValueError(f"{shown(received)} is neither true nor false")
    return received


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if repeated := [value for value, count in Counter(values).items() if count > 1]:
        raise ValueError(f"{label(repeated[0])!r} stands there twice; name each level once")
    return values
