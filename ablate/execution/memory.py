"""How much memory is left: on this machine, in the control groups of this process, and for one process."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ablate.experiment.memory import Limit

# The least address space and the least private data, in bytes, that a process with torch takes before it trains.
_ADDRESS_SPACE, _PRIVATE_DATA = 1.5e9, 0.2e9
_ROOT = Path("/")


def memory_limits(root: Path = _ROOT) -> list[Limit]:
    """Returns the limits of memory that the system reports. `root` is the folder that holds `proc` and `sys`."""
    return [*_of_the_machine(root), *_of_control_groups(root), *_of_the_process()]


def _of_the_machine(root: Path) -> Iterator[Limit]:
    with suppress(OSError, ValueError):
        lines = (line.split() for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines())
        kilobytes = {words[0]: int(words[1]) for words in lines}
        if "MemAvailable:" in kilobytes:
            free = kilobytes["MemAvailable:"] + kilobytes.get("SwapFree:", 0)
            yield Limit(1024 * free, "the free memory of this machine")
            return
    with suppress(AttributeError, OSError, ValueError):  # systems other than Linux do not say what is free
        yield Limit(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), "the memory of this machine")


def _of_control_groups(root: Path) -> Iterator[Limit]:
    """Yields what is left of the memory limit of each control group (version 1 or 2) that contains this process."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, limit, usage, prefix = "sys/fs/cgroup", "memory.max", "memory.current", ""
        elif "memory" in controllers.split(","):
            mount, prefix = "sys/fs/cgroup/memory", "total_"
            limit, usage = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        folder = root / mount / path.strip("/")
        # In a container, `path` may be the path outside it. Then, of these folders, only the mount itself exists.
        for group in (folder, *folder.parents):
            if group.is_relative_to(root / mount):
                yield from _left_in(group, limit, usage, prefix)


def _left_in(group: Path, limit: str, usage: str, prefix: str) -> Iterator[Limit]:
    """Yields what is left of the limit of a control group. Cached files count as free, as the system can drop them."""
    with suppress(OSError, ValueError):  # a ValueError also for `max`, which means no limit
        most = int((group / limit).read_text(encoding="ascii"))
        used = int((group / usage).read_text(encoding="ascii"))
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        stat = {name: int(value) for name, value in (line.split() for line in lines)}
        cached = sum(stat.get(f"{prefix}{name}", 0) for name in ("active_file", "inactive_file"))
        yield Limit(max(0, most - used + cached), "what is left of the memory limit of this control group")


def _of_the_process() -> Iterator[Limit]:
    try:
        import resource
    except ImportError:  # Windows has none of these limits
        return
    limits = (
        (resource.RLIMIT_AS, _ADDRESS_SPACE, "address space (ulimit -v)"),
        (resource.RLIMIT_DATA, _PRIVATE_DATA, "private memory (ulimit -d)"),
    )
    for number, base, name in limits:
        most, _ = resource.getrlimit(number)
        if most != resource.RLIM_INFINITY:
            yield Limit(max(0, most - base), f"what torch leaves of the limit of {name}", is_per_process=True)
