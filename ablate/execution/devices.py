"""The available cores and GPUs, found without importing torch, which would take a second."""

import ctypes
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from ablate.errors import SpecError, not_one_of
from ablate.execution.memory import memory_limits
from ablate.experiment.memory import Limit

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Device:
    """The kind of device that trains stacks, and the memory of each GPU in bytes (empty for a CPU)."""

    kind: Literal["cpu", "cuda"]
    memory: tuple[int, ...] = ()

    def share(self, workers: int) -> int | None:
        """Returns the GPU memory in bytes that each worker can use, given the number of workers; None for a CPU."""
        return min(self.memory) // -(-workers // len(self.memory)) if self.memory else None


@dataclass(frozen=True)
class Hardware:
    """The hardware of one machine or a cluster: its CPU cores, the limits of its memory, and the device to train on."""

    cores: int
    limits: tuple[Limit, ...]
    device: Device


def hardware_here(device: str) -> Hardware:
    """Returns the hardware of this machine. Raises SpecError if the machine has no such device."""
    return Hardware(available_cores(), tuple(memory_limits()), device_for(device, gpu_memory))


def device_for(name: str, find_gpus: Callable[[], tuple[int, ...]]) -> Device:
    """Returns the device that a value of `--device` means; `auto` means CUDA if torch can use a GPU, else the CPU.

    `find_gpus` returns the memory of each GPU in bytes.

    Raises:
        SpecError: The name of the device is unknown, or the name is `cuda` and there is no GPU that torch can use.
    """
    if name not in DEVICES:
        raise SpecError(f"--device: {not_one_of(name, DEVICES)}")
    memory = () if name == "cpu" else find_gpus()
    if name == "cuda" and not memory:
        raise SpecError(
            "--device: there is no GPU that torch can use for 'cuda' here; legal are auto and cpu"
        )
    return Device("cuda", memory) if memory else Device("cpu")


def available_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpu_memory() -> tuple[int, ...]:
    """Returns the memory of each GPU in bytes; the tuple is empty without a GPU driver or with a CPU-only torch."""
    driver = _driver() if _torch_has_cuda() else None
    if driver is None or driver.cuInit(0) != 0:
        return ()
    count, handle, size = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    driver.cuDeviceGetCount(ctypes.byref(count))
    memory = []
    for index in range(count.value):
        driver.cuDeviceGet(ctypes.byref(handle), index)
        driver.cuDeviceTotalMem_v2(ctypes.byref(size), handle)
        memory.append(size.value)
    return tuple(memory)


def _driver() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None


def _torch_has_cuda() -> bool:
    try:
        return "+cpu" not in version("torch")
    except PackageNotFoundError:
        return False
