"""Measures the time per run and step, and the memory of a worker, as a grid grows from 40 to 4,000 runs.

    python tests/benchmarks/grid_size.py --seeds 2,20,200

Every grid has the same twenty variants of digits, so that only the number of runs differs. The stacks are trained in
warm worker processes, one per core. Times are medians of the rounds; small grids have ten times as many rounds.
"""

import argparse
import os
import statistics

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

from ablate.bench.contest import in_rounds
from ablate.bench.engine import Engine
from ablate.data.arrays import prepare
from ablate.execution.devices import available_cores
from ablate.execution.local import LocalExecutor
from ablate.experiment.grid import expand
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build

VARIANTS = {
    "activation": "sigmoid,tanh,softplus,relu,leaky_relu,elu,gelu,silu,mish,softsign",
    "norm": "off,batch",
    "dropout": "0.2",
}


def main() -> None:
    arguments = _arguments()
    jobs = available_cores()
    measured = {}
    grids = {
        int(seeds): build(VARIANTS | {"seeds": seeds, "epochs": arguments.epochs})
        for seeds in arguments.seeds.split(",")
    }
    plans = {seeds: make_plan(expand(grid), sizes_of(grid), jobs) for seeds, grid in grids.items()}
    for seeds, plan in plans.items():
        with LocalExecutor(jobs) as executor:
            executor.use(prepare(grids[seeds]))
            engine = Engine(executor, plan.stacks)
            engine.warm_up()
            rounds = arguments.rounds * (1 if len(plan.stacks) > 20 else 10)
            times = in_rounds({"engine": engine}, rounds, lambda number, name: None)["engine"]
            measured[seeds] = statistics.median(times) / plan.run_steps, engine.peak_bytes
    first = next(iter(measured.values()))[0]
    for seeds, (seconds, peak) in measured.items():
        memory = f", a worker's peak {peak / 2**20:.0f} MiB" if peak else ""
        print(
            f"{20 * seeds:5} runs: {seconds * 1e6:6.1f} us per run and step, {seconds / first:.2f} of the first{memory}"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="2,20,200", help="numbers of seeds, one grid for each")
    parser.add_argument("--epochs", default="10")
    parser.add_argument("--rounds", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
