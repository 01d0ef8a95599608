"""Stage profile: what the device does in a step, kernel by kernel, and what the host does between steps."""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.profiler import ProfilerActivity, profile

from tests.cuda.check.checks import Check
from tests.cuda.check.engine import PreparedStack
from tests.cuda.check.report import Report
from tests.cuda.check.steps import CNNS, MLPS, Case, prepared
from tests.cuda.check.timing import device_microseconds, synchronize

# What kernels are for, by their names; the first pattern that fits counts.
KINDS = {
    "products": r"gemm|cutlass|xmma|splitK|gemv|mm\b",
    "convolutions": r"conv|cudnn|implicit|wgrad|dgrad|winograd|nchwTo|nhwcTo",
    "batch norm": r"batch_norm|bn_",
    "reductions": r"reduce|softmax|norm_kernel",
    "indexing": r"index|gather|arange",
    "copies": r"[Mm]emcpy|[Mm]emset|copy|fill",
    "elementwise": r"elementwise|vectorized|multi_tensor|pool",
}
HOST_CALLS = r"Synchronize|MemcpyAsync|GraphLaunch|LaunchKernel"
NOISE = (
    r"void |at::native::|\(anonymous namespace\)::|at::cuda::|c10::|std::array<char\*, ?\d+ul>|<unnamed>::"
)
FUNCTOR = r"(\w+_kernel(?:_cuda|_impl)?\w*|CUDAFunctor\w*|\w+Functor\w*|\w+Ops?<)"


@dataclass
class Kernels:
    """Kernels and copies of one name: how often they ran and for how long."""

    count: int = 0
    microseconds: float = 0.0


@dataclass
class Profile:
    """What happened while a function ran.

    Attributes:
        kernels: Of the device, by name; in a dry run operations of the CPU.
        host: Calls on the host by name.
        wall_microseconds: Of the function, under the profiler.
    """

    kernels: dict[str, Kernels] = field(default_factory=lambda: defaultdict(Kernels))
    host: Counter[str] = field(default_factory=Counter)
    wall_microseconds: float = 0.0

    @property
    def microseconds(self) -> float:
        """Of all kernels."""
        return sum(kernels.microseconds for kernels in self.kernels.values())


def profiled(function: Callable[[], object], device: str) -> Profile:
    """Returns what a function does when it is called a second time."""
    function()
    synchronize(device)
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device == "cuda")
    result = Profile()
    with profile(activities=activities) as profiler:
        begin = time.perf_counter()
        function()
        synchronize(device)
        result.wall_microseconds = (time.perf_counter() - begin) * 1e6
    for event in profiler.events():
        if device == "cpu" or "CUDA" in str(event.device_type):
            kernels = result.kernels[event.name]
            kernels.count += 1
            kernels.microseconds += event.time_range.elapsed_us()
        if "CUDA" not in str(event.device_type):
            result.host[event.name] += 1
    return result


def report_profile(title: str, seen: Profile, steps: int, report: Report, top: int) -> None:
    """Reports kernels per step by kind and the longest by name, and what the host calls."""
    total, count = seen.microseconds, sum(kernels.count for kernels in seen.kernels.values())
    report.expect(bool(seen.kernels), f"{title}: the profiler sees kernels")
    report.measured(
        f"{title}: {count / steps:.0f} kernels and copies, {total / steps:.0f} us busy of "
        f"{seen.wall_microseconds / steps:.0f} us under the profiler",
        kernels=count / steps,
        busy_us=total / steps,
        wall_us=seen.wall_microseconds / steps,
    )
    kinds: dict[str, Kernels] = defaultdict(Kernels)
    for name, kernels in seen.kernels.items():
        kind = kinds[kind_of(name)]
        kind.count += kernels.count
        kind.microseconds += kernels.microseconds
    for rows, indent, label in ((kinds, "", str), (seen.kernels, "  ", short)):
        for name, kernels in sorted(rows.items(), key=lambda item: -item[1].microseconds)[:top]:
            report.say(
                f"    {indent}{kernels.microseconds / steps:8.1f} us {kernels.count / steps:6.1f} x  {label(name)}"
            )
    calls = {name: f"{calls / steps:.2f}" for name, calls in seen.host.items() if re.search(HOST_CALLS, name)}
    report.say(f"    host calls per step: {calls}")


def kind_of(kernel: str) -> str:
    """Returns what a kernel is for, by its name."""
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, kernel)), "other")


def short(kernel: str) -> str:
    """Returns a kernel's name without its namespaces, and the functor it applies."""
    name = re.sub(NOISE, "", kernel)
    inner = re.findall(FUNCTOR, name)
    return (name[:46] + (f" .. {inner[-1]}" if inner and inner[-1] not in name[:46] else ""))[:78]


def _profile_stack(case: Case, steps: int, device: str, report: Report) -> None:
    with prepared(case, device, samples=(4096, 1024) if "model" in case.settings else None) as stack:
        alone = device_microseconds(stack.replay, device)
        report.measured(f"{case.name}, {stack.runs} runs: {alone:.0f} us on the device", device_us=alone)
        # From a multiple of the dropout's block on, so that each step of the block is seen equally often.
        stack.take(-stack.step % 16)
        steps = steps if device == "cuda" else 2
        report_profile(f"{case.name}, steps", profiled(lambda: stack.take(steps), device), steps, report, 20)
        scoring = profiled(stack.score, device)
        report_profile(f"{case.name}, chunks of evaluations", scoring, stack.chunks, report, 6)
        _report_host(stack, report)


def _report_host(stack: PreparedStack, report: Report) -> None:
    for part, seconds in stack.host_seconds(64 if stack.device == "cuda" else 4).items():
        report.measured(f"{part} on the host: {seconds * 1e6:.0f} us per step", host_us=seconds * 1e6)
    if stack.device != "cuda":
        return
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(20):
        stack.replay()
    launch = (time.perf_counter() - begin) / 20 * 1e6
    torch.cuda.synchronize()
    report.measured(f"a replay returns after {launch:.0f} us", launch_us=launch)


def _profile_mlps(device: str, report: Report) -> None:
    for case in MLPS[1::-1] if device == "cuda" else MLPS[1:2]:
        with report.attempt(case.name):
            _profile_stack(case, 32, device, report)


def _profile_cnns(device: str, report: Report) -> None:
    _profile_stack(CNNS[1], 16, device, report)


CHECKS = {
    "a stack of MLPs on data of MNIST's shape": Check(_profile_mlps, 50),
    "a stack of cnn on data of CIFAR-10's shape": Check(_profile_cnns, 40),
}
