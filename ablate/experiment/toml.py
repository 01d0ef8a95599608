"""Experiments as TOML: conversion of an experiment to TOML, and reading of TOML files."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from ablate.errors import SpecError
from ablate.experiment.levels import label
from ablate.experiment.spec import ROLES, Experiment


def read_toml(path: Path) -> dict[str, Any]:
    """Returns the settings in a TOML file without checking them.

    Raises:
        SpecError: The file is missing, cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"EXPERIMENT: {str(path)!r} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"EXPERIMENT: {str(path)!r} is not TOML ({error})") from None


def to_toml(experiment: Experiment) -> str:
    """Returns all settings of an experiment as TOML, defaults included.

    `read_toml` and `build` restore the same experiment from this TOML.
    """
    return tomli_w.dumps({name: _plain(name, getattr(experiment, name)) for name in ROLES})


def _plain(name: str, value: Any) -> Any:
    """Converts the value of a setting to a value for TOML.

    A level with one value per layer becomes text. If a factor has a single level, the value is this level instead of a
    list.
    """
    if name == "tune":
        return f"learning_rate={','.join(map(label, value))}" if value else ""
    if not isinstance(value, tuple):
        return value
    plain = [label(part) if isinstance(part, tuple) else part for part in value]
    return plain[0] if len(plain) == 1 and name != "seeds" else plain
