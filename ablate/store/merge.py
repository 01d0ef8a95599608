"""Merging of results folders of one experiment: everything is checked before anything is written."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from ablate.errors import StoreError
from ablate.experiment.shards import Shards
from ablate.store import files, parts
from ablate.store.equality import Conflict, conflicts_of
from ablate.store.experiment_file import SHARD, read_experiment, settings_in, shards_in
from ablate.store.parquet import ResultsFolder, ensure_equal_data
from ablate.store.parts import Part
from ablate.store.schema import DATA, EXPERIMENT, TABLES
from ablate.store.snapshot import snapshot
from ablate.store.status import FAILED

_SHOWN_CONFLICTS = 3
Place = tuple[int, str]  # where a run is stored: the index of a source, and the name of a part


@dataclass(frozen=True)
class Source:
    """A results folder to merge, read completely."""

    path: Path
    settings: dict[str, Any]
    parts: Mapping[str, Part]

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each run by its id."""
        columns = (part["runs"].select(["run_id", "status"]).to_pydict() for part in self.parts.values())
        return {run_id: status for both in columns for run_id, status in zip(*both.values(), strict=True)}


@dataclass(frozen=True)
class Merge:
    """What to write to the target: for each run, by its id, the place of the result to keep."""

    target: Path
    sources: tuple[Source, ...]
    places: Mapping[str, Place]
    shards: Shards
    shared: int  # number of runs that are in several sources, with equal results

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the merged experiment."""
        return {**self.sources[0].settings, SHARD: str(self.shards)}

    def differing_metadata(self) -> dict[str, list[str]]:
        """Returns the metadata, such as versions, that differ between parts, with all of their values."""
        values: dict[str, set[str]] = defaultdict(set)
        for source in self.sources:
            for part in source.parts.values():
                for key, text in files.metadata_of(part["runs"].schema).items():
                    values[key].add(text)
        return {
            key: sorted(texts)
            for key, texts in sorted(values.items())
            if len(texts) > 1 and key != EXPERIMENT
        }

    def write(self) -> None:
        """Writes to the target, part by part, the results to keep from other folders, with the metadata of their parts.

        If the process is killed, some parts are missing in the target; the same merge adds them.

        Raises:
            StoreError: The target cannot be written, is being written, or has been written since it was read.
        """
        inside = next((source for source in self.sources if _is_same(source.path, self.target)), None)
        leaving: dict[Place, list[str]] = defaultdict(list)
        for run_id, place in self.places.items():
            if self.sources[place[0]] is not inside:
                leaving[place].append(run_id)
        folder = ResultsFolder(self.target)
        with folder.writing(tomli_w.dumps(self.settings), statuses=inside.statuses if inside else {}):
            for (index, name), run_ids in sorted(leaving.items()):
                part = self.sources[index].parts[name]
                metadata = files.metadata_of(part["runs"].schema)
                del metadata[files.VERSION]
                frames = {table: parts.to_pandas(parts.keep_runs(part[table], run_ids)) for table in TABLES}
                folder.write_part(frames, metadata)


def prepare_merge(folders: Sequence[Path], target: Path) -> Merge:
    """Reads the folders, and the target if it holds results, and returns how to merge them. Writes nothing.

    A finished or diverged result is preferred to a failed one, and a result with rows in `layers` to one without.

    Raises:
        StoreError: A folder cannot be read; the folders differ in experiment, data or version; only some results are
            simulated; or two results of one run differ in more than times and device.
    """
    wanted = [target, *folders] if os.path.exists(target / "runs") else folders
    distinct = [
        path
        for index, path in enumerate(wanted)
        if not any(_is_same(path, other) for other in wanted[:index])
    ]
    sources = tuple(map(_read, distinct))
    for other in sources[1:]:
        _ensure_same_experiment(sources[0], other)
    for source in sources:
        _ensure_same_data(sources, source)
    places: dict[str, Place] = {}
    both: dict[tuple[Place, Place], list[str]] = defaultdict(list)
    for index, source in enumerate(sources):
        for name, part in source.parts.items():
            for run_id in parts.run_ids(part["runs"]):
                if run_id in places:
                    both[places[run_id], (index, name)].append(run_id)
                else:
                    places[run_id] = index, name
    _settle(sources, places, both)
    return Merge(
        target,
        sources,
        places,
        _all_shards(sources),
        len({run_id for ids in both.values() for run_id in ids}),
    )


def _settle(
    sources: Sequence[Source], places: dict[str, Place], both: Mapping[tuple[Place, Place], list[str]]
) -> None:
    """Puts into `places` the better place of each run that is stored twice. Raises StoreError if its results differ."""
    conflicts: list[tuple[Conflict, Path, Path]] = []
    for (first, second), run_ids in both.items():
        one, other = (
            {table: parts.keep_runs(rows, run_ids) for table, rows in sources[index].parts[name].items()}
            for index, name in (first, second)
        )
        failed, also_failed = set(_failed(one)), set(_failed(other))
        equal = [run_id for run_id in run_ids if run_id not in failed | also_failed]
        found = conflicts_of(
            *({table: parts.keep_runs(rows, equal) for table, rows in side.items()} for side in (one, other))
        )
        conflicts += [(conflict, sources[first[0]].path, sources[second[0]].path) for conflict in found]
        has_layers, also_has_layers = (set(parts.run_ids(side["layers"])) for side in (one, other))
        for run_id in (failed - also_failed) | (also_has_layers - has_layers):
            places[run_id] = second
    if conflicts:
        shown = "; ".join(
            f"{conflict} in {str(one)!r} and {conflict.other} in {str(other)!r}"
            for conflict, one, other in conflicts[:_SHOWN_CONFLICTS]
        )
        raise StoreError(
            f"RESULTS: {len(conflicts)} of the runs that are stored twice have different results: {shown}; nothing was "
            "written; leave one of these folders out, or train the runs again with --force"
        )


def _failed(part: Part) -> Iterator[str]:
    columns = part["runs"].select(["run_id", "status"]).to_pydict()
    return (run_id for run_id, status in zip(*columns.values(), strict=True) if status == FAILED)


def _read(path: Path) -> Source:
    text = read_experiment(path) if os.path.isdir(path) else ""
    if not text:
        problem = (
            "there is nothing at" if not os.path.exists(path) else "no results folder of `ablate run` is at"
        )
        raise StoreError(f"RESULTS: {problem} {str(path)!r}; give folders with an experiment.toml")
    return Source(path, settings_in(text), snapshot(path, dict.fromkeys(TABLES, ())))


def _ensure_same_experiment(first: Source, other: Source) -> None:
    names = sorted({*first.settings, *other.settings} - {SHARD})
    differing = [name for name in names if first.settings.get(name) != other.settings.get(name)]
    if differing:
        values = ", ".join(
            f"{name} {first.settings.get(name)} and {other.settings.get(name)}" for name in differing
        )
        raise StoreError(
            f"RESULTS: {str(first.path)!r} and {str(other.path)!r} hold different experiments ({values}); merge "
            "folders of one experiment, or train the second experiment with `-o` of the first folder"
        )


def _ensure_same_data(sources: Sequence[Source], source: Source) -> None:
    wanted = next((_data(part) for other in sources for part in other.parts.values() if _data(part)), "")
    for part in source.parts.values():
        ensure_equal_data(source.path, _data(part) or wanted, wanted, "RESULTS", "they cannot be merged")


def _data(part: Part) -> str:
    return files.metadata_of(part["runs"].schema).get(DATA, "")


def _all_shards(sources: Sequence[Source]) -> Shards:
    shards = shards_in(sources[0].settings)
    for source in sources[1:]:
        try:
            shards = shards.joined(shards_in(source.settings))
        except ValueError as error:
            raise StoreError(f"RESULTS: {str(source.path)!r} does not fit the others: {error}") from None
    return shards


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
