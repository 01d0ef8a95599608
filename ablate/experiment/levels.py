"""Levels: how one value of a factor is read from text, checked and written again.

A parser takes what a user wrote (text from the command line, a value from TOML) and returns the value, or raises
`ValueError` with the middle of a sentence: what was received and what is legal. `spec` adds the flag.
"""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from ablate.errors import did_you_mean
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.norms import NORM_ALIASES, NORM_LEVELS

Parser = Callable[[Any], Any]

# The level of a factor that a model does not have, as the channels of an mlp.
NONE = "none"


def choice(*legal: str) -> Parser:
    """Returns a parser of one word out of a list."""

    def parse(received: Any) -> str:
        if received not in legal:
            raise ValueError(
                f"{received!r} is not one of {', '.join(legal)}{did_you_mean(str(received), legal)}"
            )
        return str(received)

    return parse


def norm(received: Any) -> str:
    """Parses a level of the factor `norm`; `pre` and `post` are where batch norm stands."""
    return str(choice(*NORM_LEVELS)(NORM_ALIASES.get(received, received)))


def activation(received: Any) -> str:
    """Parses an activation: a name of ours or an alias, in any case, or `package.module:Name` for a user's own."""
    if isinstance(received, str) and re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", received):
        return received
    word = str(received).lower()
    received = next((name for name, info in ACTIVATIONS.items() if word in (name, *info.aliases)), received)
    if received not in ACTIVATIONS:
        raise ValueError(
            f"{received!r} is not one of {', '.join(ACTIVATIONS)}, package.module:Name"
            f"{did_you_mean(str(received), ACTIVATIONS)}"
        )
    return str(received)


def whole(low: int, high: int | None = None) -> Parser:
    """Returns a parser of whole numbers of at least `low`, and at most `high` if given."""
    legal = f"a whole number of at least {low}" + (f" and at most {high}" if high is not None else "")

    def parse(received: Any) -> int:
        if isinstance(received, str) and re.fullmatch(r"[+-]?\d+", received.strip()):
            received = int(received)
        if not isinstance(received, int) or isinstance(received, bool):
            raise ValueError(f"{received!r} is not {legal}")
        if received < low or (high is not None and received > high):
            raise ValueError(f"{received} is not {legal}")
        return received

    return parse


def real(legal: str, allowed: Callable[[float], bool]) -> Parser:
    """Returns a parser of finite real numbers that `allowed` accepts; `legal` says which those are."""

    def parse(received: Any) -> float:
        try:
            value = math.nan if isinstance(received, bool) else float(received)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value) or not allowed(value):
            raise ValueError(f"{received!r} is not {legal}")
        return value + 0.0  # -0.0 is 0.0, and so is its run

    return parse


def auto_or(parser: Parser) -> Parser:
    """Returns a parser that takes the word `auto` besides what `parser` takes."""

    def parse(received: Any) -> Any:
        return received if received == "auto" else parser(received)

    return parse


def per_layer(parser: Parser) -> Parser:
    """Returns a parser of one value a layer, separated by slashes: `100/50`."""

    def parse(received: Any) -> tuple[Any, ...]:
        parts = received.split("/") if isinstance(received, str) else received
        return tuple(parser(part) for part in (parts if isinstance(parts, list | tuple) else [parts]))

    return parse


def list_of(parser: Parser) -> Parser:
    """Returns a parser of a factor's levels: comma separated text, a list, or one value; none empty, none twice."""

    def parse(received: Any) -> tuple[Any, ...]:
        if isinstance(received, str):
            received = [part.strip() for part in received.split(",")]
        parts = received if isinstance(received, list | tuple) else [received]
        if not parts or any(part == "" for part in parts):
            raise ValueError("an empty level; give at least one value, separated by single commas")
        values = tuple(parser(part) for part in parts)
        return _unique(values)

    return parse


def seeds(received: Any) -> tuple[int, ...]:
    """Parses seeds: `5` is the seeds 0 to 4, `0-4` a range, `1,7` a list."""
    number = whole(0, 2**32 - 1)
    if isinstance(received, list | tuple):
        return _unique(tuple(number(part) for part in _some_seeds(received)))
    text = str(received).strip()
    if re.fullmatch(r"\d+", text):
        return tuple(range(len(_some_seeds(range(whole(1, 1_000_000)(text))))))
    found: list[int] = []
    for part in text.split(","):
        bounds = re.fullmatch(r"(\d+)-(\d+)", part.strip())
        if bounds and int(bounds[2]) - int(bounds[1]) >= 1_000_000:
            raise ValueError(f"{part!r} is more than a million seeds")
        found += range(int(bounds[1]), int(bounds[2]) + 1) if bounds else [number(part.strip())]
    return _unique(tuple(_some_seeds(found)))


# Widths of one network, one a layer.
WIDTHS = per_layer(whole(1))


def channels(received: Any) -> Any:
    """Parses the channels of blocks, or `none` as it stands in the results of an mlp."""
    return () if received == NONE else auto_or(WIDTHS)(received)


def tuned(received: Any) -> tuple[float, ...]:
    """Parses `learning_rate=0.01,0.1` to the rates to choose from; nothing stays nothing."""
    if received in ("", (), []):
        return ()
    name, _, rates = str(received).partition("=")
    if name.strip() != "learning_rate" or not rates.strip():
        raise ValueError(
            f"{received!r} is not learning_rate= with at least two rates, as learning_rate=0.01,0.1"
        )
    found: tuple[float, ...] = list_of(real("a number above 0", lambda x: x > 0))(rates)
    if len(found) < 2:
        raise ValueError(
            f"{received!r} leaves nothing to choose; give at least two rates, as learning_rate=0.01,0.1"
        )
    return found


def networks(received: Any) -> Any:
    """Parses the networks to compare by their widths; a bare list of numbers, as in a file, may be one or many."""
    if isinstance(received, list) and len(received) > 1 and all(type(part) is int for part in received):
        one, many = "/".join(map(str, received)), ", ".join(f'"{part}"' for part in received)
        raise ValueError(
            f'{received} could be one network or {len(received)}; write "{one}" for one of {len(received)} hidden '
            f"layers, [{many}] for {len(received)} networks of one hidden layer"
        )
    return list_of(auto_or(WIDTHS))(received)


def switch(received: Any) -> bool:
    """Parses true or false."""
    if not isinstance(received, bool):
        raise ValueError(f"{received!r} is neither true nor false")
    return received


def label(value: Any) -> str:
    """Returns the text of a level, the one its parser reads back: `0.2`, `100/50`, `relu`; of no layers `none`."""
    if isinstance(value, tuple):
        return "/".join(label(part) for part in value) or NONE
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _some_seeds(found: Any) -> Any:
    if not len(found):
        raise ValueError("no seed; legal are a count (5), a range (0-4) or a list (1,7)")
    return found


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = _first_twice(values)
    if twice is not None:
        raise ValueError(f"{label(twice)!r} stands there twice; name each level once")
    return values


def _first_twice(values: Iterable[Any]) -> Any:
    seen = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
