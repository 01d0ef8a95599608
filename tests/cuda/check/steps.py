"""Stage speed: what the steps of a stack take, and what changes to the engine would gain."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from ablate.experiment.cost import parameter_count, run_flops, step_count
from ablate.experiment.plan import sizes_of
from ablate.experiment.spec import build
from tests.cuda.check.changes import convolutions_on, recorded_on, torch_activations
from tests.cuda.check.checks import Check
from tests.cuda.check.engine import PreparedStack, multiplying_in, random_dataset, stack_of
from tests.cuda.check.report import Report
from tests.cuda.check.timing import device_microseconds, wall_seconds

# An H100 SXM: FLOP/s in float32 without tensor cores, and bytes per second that copies reach.
PEAK, BANDWIDTH = 66.9e12, 3.0e12

MNIST = {"dataset": "mnist", "seeds": 40, "dropout": "0,0.2,0.5"}
RELU = {"dataset": "mnist", "seeds": 512, "dropout": "0", "activation": "relu"}
CIFAR = {"model": "cnn", "dataset": "cifar10", "dropout": "0,0.2", "seeds": 8, "activation": "relu"}


class Case(NamedTuple):
    """A stack whose steps are timed."""

    name: str
    settings: dict[str, Any]
    runs: int


MLPS = (
    Case("norm=off", MNIST | {"norm": "off"}, 128),
    Case("norm=batch", MNIST | {"norm": "batch"}, 128),
    Case("relu alone, norm=off", RELU | {"norm": "off"}, 128),
    Case("relu alone, norm=batch", RELU | {"norm": "batch"}, 128),
    Case("norm=batch", MNIST | {"norm": "batch"}, 32),
    Case("norm=batch", MNIST | {"norm": "batch"}, 256),
    Case("norm=batch", MNIST | {"norm": "batch"}, 512),
    Case("relu alone, norm=off", RELU | {"norm": "off"}, 512),
    Case("adam, norm=batch", MNIST | {"norm": "batch", "optimizer": "adam"}, 128),
    Case("tf32, norm=off", MNIST | {"norm": "off", "precision": "tf32"}, 128),
    Case("bf16, norm=off", MNIST | {"norm": "off", "precision": "bf16"}, 128),
    Case("batches of 50, norm=off", MNIST | {"norm": "off", "batch_size": 50}, 128),
)
CNNS = (
    Case("relu, norm=off", CIFAR | {"norm": "off"}, 16),
    Case("relu, norm=batch", CIFAR | {"norm": "batch"}, 16),
    Case("gelu, norm=batch", CIFAR | {"norm": "batch", "activation": "gelu"}, 16),
    Case("relu, norm=batch, tf32", CIFAR | {"norm": "batch", "precision": "tf32"}, 16),
)
# In a dry run: training and validation samples, runs in a stack, and the grid of convolutional networks.
DRY_SAMPLES, DRY_RUNS = (256, 64), 2
DRY_CNN = {"channels": "4/8", "hidden": "16"}


@contextmanager
def prepared(case: Case, device: str, samples: tuple[int, int] | None) -> Iterator[PreparedStack]:
    """Makes a stack ready on random data, with the precision of its runs inside the block."""
    is_dry = device == "cpu"
    settings = case.settings
    if is_dry:
        settings = settings | {"seeds": 1} | (DRY_CNN if "model" in settings else {})
    stack = stack_of(settings, DRY_RUNS if is_dry else case.runs)
    data = random_dataset(case.settings["dataset"], device, DRY_SAMPLES if is_dry else samples)
    if not is_dry:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with multiplying_in(stack.runs[0].precision, device):
        yield PreparedStack(stack, data, device)


def report_steps(case: Case, device: str, report: Report, samples: tuple[int, int] | None = None) -> None:
    """Times a stack: replays of its step, steps with what the host does, evaluations; and its memory."""
    with report.attempt(case.name), prepared(case, device, samples) as stack:
        count = 2 if device == "cpu" else 160 if samples is None else 32
        stack.replay()
        replay = device_microseconds(stack.replay, device, count)
        stack.take(3)
        step = wall_seconds(lambda: stack.take(count), device) / count * 1e6
        stack.score()
        evaluation = wall_seconds(stack.score, device) * 1e3
        memory = 0 if device == "cpu" else torch.cuda.max_memory_reserved() >> 20
        floor = floor_microseconds(case.settings, stack.runs)
        report.measured(
            f"{case.name}, {stack.runs} runs: {replay:.0f} us on the device, {step:.0f} us with the host "
            f"= {step / stack.runs:.2f} us per run (floor {floor:.0f} us for all); evaluation {evaluation:.1f} ms; "
            f"built in {stack.build_seconds * 1e3:.0f} ms, first steps {stack.first_seconds * 1e3:.0f} ms; "
            f"{memory} MiB",
            runs=stack.runs,
            device_us=replay,
            step_us=step,
            floor_us=floor,
            evaluation_ms=evaluation,
            memory_mib=memory,
        )


def floor_microseconds(settings: dict[str, Any], runs: int) -> float:
    """Returns the least that a step of a stack takes: its products, or three passes over its weights."""
    run = stack_of(settings | {"seeds": 1}, 1).runs[0]
    sizes = replace(sizes_of(build(settings)), val=0)  # without evaluations
    flops, weights = run_flops(run, sizes) / step_count(run, sizes), parameter_count(run, sizes)
    return runs * max(flops / PEAK, 3 * 4 * weights / BANDWIDTH) * 1e6


def _mlp_steps(device: str, report: Report) -> None:
    for case in MLPS if device == "cuda" else MLPS[:2]:
        report_steps(case, device, report)


def _cnn_steps(device: str, report: Report) -> None:
    for case in CNNS if device == "cuda" else CNNS[1:2]:
        report_steps(case, device, report, samples=(4096, 1024))


def _cnn_steps_on_streams(device: str, report: Report) -> None:
    for count in (2, 4, 8) if device == "cuda" else (0,):
        case = CNNS[1]._replace(name=f"{CNNS[1].name}, blocks on {count} streams")
        with convolutions_on([torch.cuda.Stream() for _ in range(count)]):
            report_steps(case, device, report, samples=(4096, 1024))


def _mlp_steps_with_torch_activations(device: str, report: Report) -> None:
    with torch_activations():
        for case in MLPS[:2]:
            report_steps(case._replace(name=f"torch's activations, {case.name}"), device, report)


def _stacks_at_once(device: str, report: Report) -> None:
    if device != "cuda":
        report.skipped("needs CUDA's streams")
        return
    data = random_dataset("mnist", device)
    streams, stacks = [torch.cuda.Stream() for _ in range(4)], []
    for index, stream in enumerate(streams):
        # Each records on a stream of its own, because cuBLAS keeps one workspace per stream.
        with recorded_on(stream):
            stacks.append(PreparedStack(stack_of(MLPS[index % 2].settings, 128), data, device))
    for count in (1, 2, 4):

        def replay_all(count: int = count) -> None:
            for stack, stream in zip(stacks[:count], streams, strict=False):
                with torch.cuda.stream(stream):
                    stack.replay()

        step = wall_seconds(replay_all, device, 100) * 1e6
        report.measured(
            f"{count} stacks of 128 at once, norm off and batch in turn: {step:.0f} us for all, "
            f"{step / count:.0f} us per stack",
            step_us=step,
        )


CHECKS = {
    "steps of MLPs on data of MNIST's shape": Check(_mlp_steps, 60),
    "the same with torch's activations": Check(_mlp_steps_with_torch_activations, 20),
    "several stacks at once, a stream each": Check(_stacks_at_once, 30),
    "steps of cnn on data of CIFAR-10's shape": Check(_cnn_steps, 30),
    "the same with the blocks of the runs on several streams": Check(_cnn_steps_on_streams, 25),
}
