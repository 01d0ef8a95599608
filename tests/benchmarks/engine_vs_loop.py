"""The whole of `ablate run` against the tightest plain loop, side by side, per run.

    python tests/benchmarks/engine_vs_loop.py --dataset digits --rounds 3

The engine is timed as a user meets it: a whole process, from start through training and evaluation to files and
tables, with its default workers. The loop trains one run after another in one thread: data as tensors in memory,
slices of a permutation, fused SGD, no DataLoader, the same evaluations in eval mode; its data are loaded and it is
warmed up before the clock starts. Rounds alternate, and ratios are taken within a round.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import torch
from torch import nn

from ablate.data.dataset import Dataset, load
from ablate.experiment.grid import expand
from ablate.experiment.spec import Experiment, build
from ablate.nn.reference import MODULES


def main() -> None:
    arguments = _arguments()
    settings = {"dataset": arguments.dataset, "epochs": arguments.epochs, "seeds": arguments.seeds}
    experiment = build({name: value for name, value in settings.items() if value is not None})
    runs = len(expand(experiment))
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    dataset = load(experiment, arguments.data_dir)
    variants = _sample(experiment)
    _train_plain(variants[0], dataset, 1)
    print(
        f"{experiment.dataset}: {runs} runs of {experiment.epochs[0]} epochs; loop: {len(variants)} of them"
    )
    ratios = []
    for number in range(arguments.rounds):
        engine = _time_engine(experiment, arguments.data_dir) / runs
        loop = _time_loop(variants, dataset, experiment.epochs[0])
        ratios.append(loop / engine)
        print(
            f"round {number + 1}: engine {engine:.4f} s a run, loop {loop:.4f} s a run, ratio {loop / engine:.1f}"
        )
    print(f"median ratio {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--epochs")
    parser.add_argument("--seeds")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _sample(experiment: Experiment) -> list[tuple[str, str, float]]:
    """Returns each activation with each batch norm once, the dropout rates in turn."""
    rates = itertools.cycle(level[0] for level in experiment.dropout)
    return [
        (activation, batch_norm, next(rates))
        for activation in experiment.activation
        for batch_norm in experiment.batch_norm
    ]


def _time_engine(experiment: Experiment, data_dir: Path | None) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ablate", "run", "--output", f"{folder}/results"]
        command += ["--dataset", experiment.dataset, "--epochs", str(experiment.epochs[0])]
        command += ["--seeds", ",".join(map(str, experiment.seeds))]
        command += ["--data-dir", str(data_dir)] if data_dir else []
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start


def _time_loop(variants: list[tuple[str, str, float]], dataset: Dataset, epochs: int) -> float:
    """Returns the mean seconds a run."""
    start = time.perf_counter()
    for variant in variants:
        _train_plain(variant, dataset, epochs)
    return (time.perf_counter() - start) / len(variants)


def _train_plain(variant: tuple[str, str, float], dataset: Dataset, epochs: int) -> list[float]:
    x, y, probe = dataset.x_train.flatten(1), dataset.y_train, dataset.train_probe
    sets = [(x[probe], y[probe]), (dataset.x_val.flatten(1), dataset.y_val)]
    network = _plain(variant, x.shape[1], dataset.classes)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, fused=True)
    criterion, batch = nn.CrossEntropyLoss(), 64
    scores = _scores(network, criterion, sets)
    for _ in range(epochs):
        network.train()
        order = torch.randperm(len(y))
        for start in range(0, len(y) - batch + 1, batch):
            chosen = order[start : start + batch]
            optimizer.zero_grad(set_to_none=True)
            criterion(network(x[chosen]), y[chosen]).backward()
            optimizer.step()
        scores += _scores(network, criterion, sets)
    return scores


def _plain(variant: tuple[str, str, float], features: int, classes: int) -> nn.Sequential:
    activation, batch_norm, rate = variant
    layers: list[nn.Module] = []
    for inputs, outputs in ((features, 100), (100, 50)):
        layers.append(nn.Linear(inputs, outputs, bias=batch_norm == "off"))
        layers += [nn.BatchNorm1d(outputs)] if batch_norm == "pre" else []
        layers.append(MODULES[activation]())
        layers += [nn.Dropout(rate)] if rate else []
    return nn.Sequential(*layers, nn.Linear(50, classes))


def _scores(
    network: nn.Module, criterion: nn.Module, sets: list[tuple[torch.Tensor, torch.Tensor]]
) -> list[float]:
    network.eval()
    found = []
    with torch.inference_mode():
        for x, y in sets:
            logits = network(x)
            found += [criterion(logits, y).item(), (logits.argmax(1) == y).double().mean().item()]
    return found


if __name__ == "__main__":
    main()
