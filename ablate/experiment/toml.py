"""Experiments as TOML: conversion of an experiment to TOML, and reading of TOML files."""

import re
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from ablate.errors import SpecError
from ablate.experiment.levels import label
from ablate.experiment.shards import Shards
from ablate.experiment.spec import ROLES, Experiment
from ablate.experiment.user_files import read_text

_MOST_DOTS = 5000
_DECIMAL = re.compile(r"(?<![\w.])[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?(?!\s*\.)")


def read_toml(path: Path) -> dict[str, Any]:
    """Returns the settings in a TOML file without checking them.

    Raises:
        SpecError: The file is missing, cannot be read, is too large or is not TOML.
    """
    try:
        return from_toml(read_text(path))
    except OSError as error:
        raise SpecError(f"EXPERIMENT: {str(path)!r} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SpecError(f"EXPERIMENT: {str(path)!r} is not TOML ({error})") from None


def from_toml(text: str) -> dict[str, Any]:
    """Returns the settings in a TOML text without checking them. Raises ValueError if the text is not TOML."""
    # The time of the parser grows with the square of the number of dots in a key. Keys of an experiment have no dots.
    if text.count(".") - len(_DECIMAL.findall(text)) > _MOST_DOTS:
        raise ValueError(f"more than {_MOST_DOTS:,} dots that are not in numbers")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # Python does not convert numbers with so many digits
        raise ValueError("a number has thousands of digits") from None


def to_toml(experiment: Experiment) -> str:
    """Returns all settings of an experiment as TOML, defaults included.

    `read_toml` and `build` restore the same experiment from this TOML.
    """
    return tomli_w.dumps({name: _plain(name, getattr(experiment, name)) for name in ROLES})


def _plain(name: str, value: Any) -> Any:
    """Converts the value of a setting to a value for TOML.

    A level with one value per layer becomes text. The value of a factor with a single level is this level, not a list.
    """
    if name == "tune":
        return f"learning_rate={','.join(map(label, value))}" if value else ""
    if isinstance(value, Shards):
        return str(value)
    if not isinstance(value, tuple):
        return value
    plain = [label(part) if isinstance(part, tuple) else part for part in value]
    return plain[0] if len(plain) == 1 and name != "seeds" else plain
