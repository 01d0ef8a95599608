"""Measures what `--diagnostics` costs on the default grid.

    python tests/benchmarks/diagnostics_cost.py --rounds 4

Each stack of the grid is trained alternately without and with diagnostics, in one thread as in a worker. The ratio of
a round is that of the processor seconds of `train_stack`, summed over all stacks.
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
        seconds = {False: 0.0, True: 0.0}
        for stack in stacks:
            # The order changes with the round, because what else the machine does may favour the first or the second.
            for diagnostics in (False, True) if number % 2 == 0 else (True, False):
                seconds[diagnostics] += _seconds(stack, dataset, diagnostics=diagnostics)
        ratios.append(seconds[True] / seconds[False])
        print(
            f"round {number + 1}: {seconds[False]:.2f} s without, {seconds[True]:.2f} s with, "
            f"ratio {ratios[-1]:.3f}",
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
