"""Pairs of commands started together on one folder, with the same and with different data.

`python -m tests.campaigns.pairs --count N [--real]` fails if two commands mix their runs, if a command that stored
nothing exits 0 although it had runs to train, or if the folder is not one complete grid afterwards.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from ablate.experiment.grid import expand
from ablate.experiment.spec import build
from ablate.store.parquet import ResultsFolder
from ablate.store.schema import DATA

ROOT = Path(__file__).parents[2]
GRID = {"activation": "relu,tanh", "dropout": "0", "epochs": "2", "seeds": "2"}
# What one of the commands changes: the shared data, nothing, shared data and seeds, seeds.
CHANGES = ({"split_seed": "1"}, {}, {"val_fraction": "0.3", "seeds": "5-6"}, {"seeds": "2-3"})
REFUSALS = ("another command is writing", "another command has written", "holds runs of")


def started(settings: dict[str, str], folder: Path, real: bool) -> subprocess.Popen[str]:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    executor = ["--jobs=1"] if real else ["--executor=fake"]
    command = [sys.executable, "-m", "ablate", "run", *options, *executor, "-o", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def pair(draw: random.Random, folder: Path, change: dict[str, str], real: bool) -> str:
    """Starts two commands and returns how they ended; raises AssertionError if that was wrong."""
    grids = [GRID, GRID | change]
    draw.shuffle(grids)
    commands = []
    for grid in grids:
        commands.append(started(grid, folder, real))
        time.sleep(draw.choice((0, 0, draw.uniform(0, 0.5))))
    answers = [command.communicate(timeout=600)[1] for command in commands]
    codes = [command.returncode for command in commands]
    assert sorted(codes) in ([0, 0], [0, 2]), answers
    for code, answer in zip(codes, answers, strict=True):
        assert (code == 2) == any(words in answer for words in REFUSALS), answer
        assert "Traceback" not in answer
    runs = [{run.run_id: run.data for run in expand(build(grid), simulated=not real)} for grid in grids]
    winners = [ids for ids, code in zip(runs, codes, strict=True) if code == 0]
    stored = ResultsFolder(folder)
    assert set(stored.statuses()) == set().union(*winners), (codes, answers)
    assert {stored.metadata()[DATA]} == {data for ids in winners for data in ids.values()}, (codes, answers)
    return f"{'other data' if len({*runs[0].values(), *runs[1].values()}) > 1 else 'same data'}: exit {sorted(codes)}"


def pairs(count: int, real: bool = False, seed: int = 0) -> Counter[str]:
    """Returns how often pairs of commands ended in each way."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as root:
        return Counter(
            pair(draw, Path(root) / str(number) / "new", CHANGES[number % len(CHANGES)], real)
            for number in range(count)
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(dict(pairs(given.count, given.real, given.seed)))
