"""The file `experiment.toml` of a results folder: the experiment of the last command that wrote to the folder."""

from pathlib import Path
from typing import Any

from ablate.errors import StoreError
from ablate.experiment.shards import Shards, parse_shards
from ablate.experiment.spec import Experiment
from ablate.experiment.toml import from_toml, to_toml
from ablate.experiment.user_files import read_text

EXPERIMENT_FILE = "experiment.toml"
SHARD = "shard"


def read_experiment(folder: Path) -> str:
    """Returns the text of the file, or an empty text without a file. Raises StoreError if the file cannot be read."""
    path = folder / EXPERIMENT_FILE
    try:
        return read_text(path)
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{str(path)!r} cannot be read ({getattr(error, 'strerror', error)})") from None


def settings_in(text: str) -> dict[str, Any]:
    """Returns the settings in the text of an `experiment.toml`. Raises StoreError if the text is not TOML."""
    try:
        return from_toml(text)
    except ValueError as error:
        raise StoreError(f"the experiment stored with the results is not TOML ({error})") from None


def shards_in(settings: dict[str, Any]) -> Shards:
    """Returns the shards that a results folder with these settings holds. Without a setting `shard`, these are all."""
    try:
        return parse_shards(settings.get(SHARD, "1/1"))
    except ValueError as error:
        raise StoreError(f"the experiment stored with the results has no legal shard: {error}") from None


def with_stored_shards(experiment: Experiment, folder: Path) -> Experiment:
    """Returns the experiment with its own shards and those of the same experiment that the folder already holds."""
    if experiment.shard.is_whole:
        return experiment
    stored = settings_in(read_experiment(folder))
    if stored | {SHARD: ""} != from_toml(to_toml(experiment)) | {SHARD: ""}:
        return experiment
    held = shards_in(stored)
    if held.count != experiment.shard.count and not held.is_whole:
        return experiment
    return experiment.model_copy(update={SHARD: experiment.shard.joined(held)})
