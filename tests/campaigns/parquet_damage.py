"""Damaged Parquet files in a results folder and as a baseline: each is refused with a sentence or read as it was.

`python -m tests.campaigns.parquet_damage --count N` damages files by flipped bits, also of the footer alone, by
truncation, spliced bytes and columns in another order, and reads each in a process of its own. It prints each file that
crashes a reader, keeps it busy for five seconds, ends in another error than a sentence, or gives other numbers.
"""

import argparse
import os
import resource
import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from ablate.analysis.scores import scored
from ablate.errors import AblateError
from ablate.store.baseline import Stored, read_results, write_baseline
from ablate.store.parquet import ResultsFolder
from ablate.store.schema import TABLES
from tests.store.stored_frames import METADATA, tables

SECONDS, MEMORY = 5, 3 << 30
REFUSED, EQUAL = 2, 0


def flip(content: bytes, draw: Random, start: int = 0) -> bytes:
    damaged = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        damaged[draw.randrange(start, len(content))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def flip_in_footer(content: bytes, draw: Random) -> bytes:
    return flip(content, draw, len(content) - 8 - int.from_bytes(content[-8:-4], "little"))


def truncate(content: bytes, draw: Random) -> bytes:
    return content[: draw.randrange(len(content))]


def splice(content: bytes, draw: Random) -> bytes:
    start, end = sorted(draw.randrange(len(content)) for _ in range(2))
    place = draw.randrange(len(content))
    piece = draw.choice((content[start:end], draw.randbytes((end - start) % 64), b""))
    return content[:place] + piece + content[place + draw.choice((0, len(piece), draw.randrange(64))) :]


def swap_columns(content: bytes, draw: Random) -> bytes:
    table = pq.read_table(pa.BufferReader(content))
    names = table.column_names
    draw.shuffle(names)
    changed = draw.choice((table.select(names), table.rename_columns(names)))
    if changed.schema.names == table.schema.names:
        return content
    sink = pa.BufferOutputStream()
    pq.write_table(changed, sink)
    return sink.getvalue().to_pybytes()


DAMAGES: tuple[Callable[[bytes, Random], bytes], ...] = (flip, flip_in_footer, truncate, splice, swap_columns)


def everything(folder: Path, baseline: Path) -> list[object]:
    """Returns what every reader makes of a results folder and a baseline file."""
    results = ResultsFolder(folder)
    frames = [results.read(table) for table in TABLES]
    both: list[Stored] = [read_results(folder), read_results(baseline)]
    frames += [frame for stored in both for frame in (stored.runs, stored.curves) if frame is not None]
    about = [(stored.target, stored.experiment, stored.environment) for stored in both]
    return [
        [frame.to_csv(columns=sorted(frame.columns)) for frame in frames],
        about,
        results.statuses(),
        results.metadata(),
    ]


def outcome(read: Callable[[], bool]) -> int:
    """Returns the exit code of a process that reads: `EQUAL`, `REFUSED`, another one or, negative, a signal."""
    child = os.fork()
    if not child:
        code = 1
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            code = EQUAL if read() else 3
        except AblateError as error:
            code = REFUSED if "\n" not in str(error) else 4
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def damage(count: int, seed: int = 0) -> Counter[tuple[str, int]]:
    """Damages files and returns how often readers ended with each code, by kind of damage."""
    draw, found = Random(seed), Counter[tuple[str, int]]()
    with tempfile.TemporaryDirectory() as root:
        folder, baseline = Path(root) / "results", Path(root) / "base.parquet"
        results = ResultsFolder(folder)
        with results.writing('dataset = "digits"\n'):
            results.write_part(tables("abc"), METADATA)
            results.write_part(tables("de"), METADATA)
        stored = read_results(folder)
        assert stored.curves is not None
        write_baseline(baseline, scored(stored.runs, stored.curves, 0.5), 0.5, stored)
        whole = everything(folder, baseline)
        kept = Path(tempfile.gettempdir())
        targets = [baseline, *(path for table in TABLES for path in sorted((folder / table).iterdir()))]
        for number in range(count):
            target, kind = draw.choice(targets), DAMAGES[number % len(DAMAGES)]
            content = target.read_bytes()
            damaged = kind(content, draw)
            target.write_bytes(damaged)
            code = outcome(lambda: everything(folder, baseline) == whole)
            found[kind.__name__, code] += 1
            if code not in (EQUAL, REFUSED):
                copy = kept / f"damaged-{target.parent.name}-{seed}-{number}.parquet"
                copy.write_bytes(damaged)
                print(f"{kind.__name__} of {target.parent.name}: code {code}; kept as {copy}", flush=True)
            target.write_bytes(content)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for (kind, code), times in sorted(damage(given.count, given.seed).items()):
        print(f"{kind}: code {code} {times} times")
