"""What `--diagnostics` costs: the default grid's stacks trained without and with it, side by side in one process.

    python tests/benchmarks/diagnostics_cost.py --rounds 4

Each stack of the default grid is trained alternately without and with diagnostics, in one thread as in a worker;
processor seconds of `train_stack` are compared within a round, and the ratio is that of the sums over all stacks.
"""

import argparse
import os
import statistics
import time
from dataclasses import replace

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

from ablate.data.dataset import Dataset, load
from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack, make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.training.backend import prepare_process
from ablate.training.train import train_stack


def main() -> None:
    arguments = _arguments()
    experiment = build({name: value for name, value in vars(arguments).items() if name != "rounds" and value})
    prepare_process()
    dataset = load(experiment)
    stacks = make_plan(expand(experiment), sizes_of(experiment), jobs=2).stacks
    for diagnostics in (False, True):
        _seconds(stacks[0], dataset, diagnostics=diagnostics)
    ratios = []
    for number in range(arguments.rounds):
        plain = seeing = 0.0
        for stack in stacks:
            # Who goes first changes with the round: what a machine does in between would favour one of them.
            for diagnostics in (False, True) if number % 2 == 0 else (True, False):
                seconds = _seconds(stack, dataset, diagnostics=diagnostics)
                plain, seeing = plain + seconds * (not diagnostics), seeing + seconds * diagnostics
        ratios.append(seeing / plain)
        print(
            f"round {number + 1}: {plain:.2f} s without, {seeing:.2f} s with, ratio {ratios[-1]:.3f}",
            flush=True,
        )
    print(f"median ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def _seconds(stack: Stack, dataset: Dataset, *, diagnostics: bool) -> float:
    runs = tuple(run.with_settings(diagnostics=diagnostics) for run in stack.runs)
    start = time.process_time()
    train_stack(replace(stack, runs=runs), dataset)
    return time.process_time() - start


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs")
    parser.add_argument("--seeds")
    parser.add_argument("--rounds", type=int, default=4)
    return parser.parse_args()


if __name__ == "__main__":
    main()
