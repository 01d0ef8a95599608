"""The limits of memory, as the system tells them in files."""

import subprocess
import sys

from ablate.execution.memory import memory_limits


def _files(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {(limit.bytes, limit.what) for limit in memory_limits(root) if not limit.is_per_process}


GROUP = "what is left of the memory limit of this control group"


def test_of_the_machine_the_available_memory_and_swap_count(tmp_path):
    text = "MemTotal: 99 kB\nMemAvailable:  30 kB\nSwapFree: 12 kB\nHugePages_Total: 0\n"
    assert _files(tmp_path, {"proc/meminfo": text}) == {(42 * 1024, "the free memory of this machine")}


def test_limits_of_all_control_groups_above_the_process_count_less_what_they_use(tmp_path):
    group = "sys/fs/cgroup"
    found = _files(
        tmp_path,
        {
            "proc/meminfo": "MemAvailable: 1000 kB\n",
            "proc/self/cgroup": "0::/a/b\n",
            f"{group}/a/memory.max": "5000\n",
            f"{group}/a/memory.current": "2000\n",
            f"{group}/a/memory.stat": "anon 1\nactive_file 300\ninactive_file 40\n",
            f"{group}/a/b/memory.max": "max\n",
            f"{group}/a/b/memory.current": "10\n",
            f"{group}/a/b/memory.stat": "anon 1\n",
        },
    )
    assert found == {(1000 * 1024, "the free memory of this machine"), (3340, GROUP)}


def test_limits_of_version_1_are_known_where_only_the_mount_of_a_container_exists(tmp_path):
    group = "sys/fs/cgroup/memory"
    found = _files(
        tmp_path,
        {
            "proc/meminfo": "MemAvailable: 1000 kB\n",
            "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/docker/0123\n",
            f"{group}/memory.limit_in_bytes": "5000\n",
            f"{group}/memory.usage_in_bytes": "2000\n",
            f"{group}/memory.stat": "total_active_file 300\ntotal_inactive_file 40\nactive_file 7\n",
        },
    )
    assert found == {(1000 * 1024, "the free memory of this machine"), (3340, GROUP)}


def test_a_limit_of_the_process_counts(tmp_path):
    code = "from ablate.execution.memory import memory_limits; print([x for x in memory_limits() if x.is_per_process])"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)); {code}"
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=True)
    assert "ulimit -v" in done.stdout
