"""Times of functions, on the clock and on the device."""

import statistics
import time
from collections.abc import Callable

import torch


def synchronize(device: str) -> None:
    """Waits until the device has done all that was asked of it."""
    if device == "cuda":
        torch.cuda.synchronize()


def wall_seconds(function: Callable[[], object], device: str, calls: int = 1) -> float:
    """Returns the mean wall time of a call, the device's work included."""
    synchronize(device)
    begin = time.perf_counter()
    for _ in range(calls):
        function()
    synchronize(device)
    return (time.perf_counter() - begin) / calls


def device_microseconds(
    function: Callable[[], object], device: str, calls: int = 20, rounds: int = 5
) -> float:
    """Returns the median time of a call on the device, between events on its stream; on a CPU its wall time."""
    if device != "cuda":
        return wall_seconds(function, device) * 1e6
    function()
    times = []
    for _ in range(rounds):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(calls):
            function()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) * 1e3 / calls)
    return statistics.median(times)


def captured(function: Callable[[], object], device: str, calls: int = 10) -> Callable[[], object]:
    """Returns a function that replays so many calls as one CUDA graph, so that launches are not what is timed.

    In a dry run it makes the calls.
    """

    def repeat() -> None:
        for _ in range(calls):
            function()

    if device != "cuda":
        return repeat
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        repeat()
    return graph.replay


def kernel_microseconds(
    function: Callable[[], object], device: str, calls: int = 10, rounds: int = 3
) -> float:
    """Returns the median time of a call on the device without the time of its launch; in a dry run with it."""
    if device != "cuda":
        return wall_seconds(function, device) * 1e6
    return device_microseconds(captured(function, device, calls), device, calls=1, rounds=rounds) / calls
