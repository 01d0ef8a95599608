"""Measures the share of evaluations in the time of a stack.

    python tests/benchmarks/time_shares.py --dataset mnist --epochs 3

The stacks of the default variants with one seed are trained in one process with one thread, as in a worker. Each stack
is trained twice: as it is, and with its scored sets cut to one sample each; the difference is the time of evaluations.
The cost of what the command adds around its stacks (start, plan, files, tables) is the ratio of `ablate run` to the
engine in `ablate bench`.
"""

import argparse
import os
import time
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

from ablate.bench.step_costs import with_one_sample_scored
from ablate.data.dataset import Dataset, load
from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack, make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.training.backend import prepare_process
from ablate.training.train import train_stack


def main() -> None:
    arguments = _arguments()
    prepare_process()
    experiment = build({"dataset": arguments.dataset, "epochs": arguments.epochs, "seeds": 1})
    dataset = load(experiment, arguments.data_dir)
    hardly_scored = with_one_sample_scored(dataset)
    plan = make_plan(expand(experiment), sizes_of(experiment), 1)
    total = steps = 0.0
    for stack in plan.stacks:
        total += _seconds(stack, dataset)
        steps += _seconds(stack, hardly_scored)
    print(
        f"{arguments.dataset}, {plan.run_steps:,} run-steps: steps {steps / total:.1%}, evaluations "
        f"{1 - steps / total:.1%}; {total / plan.run_steps * 1e6:.0f} us per run and step on one core"
    )


def _seconds(stack: Stack, dataset: Dataset) -> float:
    start = time.perf_counter()
    train_stack(stack, dataset)
    return time.perf_counter() - start


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--epochs", default="3")
    return parser.parse_args()


if __name__ == "__main__":
    main()
