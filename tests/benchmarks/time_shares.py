"""Where the time of a stack goes: its steps, its evaluations, and making its network.

    python tests/benchmarks/time_shares.py --dataset mnist --epochs 3

One process of one thread, as a worker; the default variants of one seed. What the command adds around its stacks
(start, plan, files, tables) is the ratio of `ablate run` to the engine in `ablate bench`.
"""

import argparse
import os
import time
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

from ablate.data.dataset import load
from ablate.experiment.grid import expand
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.training import train
from ablate.training.backend import prepare_process
from ablate.training.record import Record


class TimedRecord(Record):
    """A record that knows how long its evaluations took, all instances together."""

    seconds = 0.0

    def evaluate(self, step, losses):
        start = time.perf_counter()
        super().evaluate(step, losses)
        TimedRecord.seconds += time.perf_counter() - start


def main() -> None:
    arguments = _arguments()
    prepare_process()
    experiment = build({"dataset": arguments.dataset, "epochs": arguments.epochs, "seeds": 1})
    dataset = load(experiment, arguments.data_dir)
    plan = make_plan(expand(experiment), sizes_of(experiment), 1)
    train.Record = TimedRecord
    start = time.perf_counter()
    for stack in plan.stacks:
        train.train_stack(stack, dataset)
    total = time.perf_counter() - start
    share = TimedRecord.seconds / total
    print(
        f"{arguments.dataset}, {plan.run_steps:,} run-steps: steps {1 - share:.1%}, evaluations {share:.1%}; "
        f"{total / plan.run_steps * 1e6:.0f} us a run and step on one core"
    )


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
