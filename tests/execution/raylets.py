"""A Ray cluster of two nodes on this machine, of which one can be killed and replaced."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ray.cluster_utils import Cluster

_NODE = {"include_dashboard": False, "include_log_monitor": False, "object_store_memory": 128 << 20}


class Raylets:
    """A running cluster: its head, to which commands on this machine connect, and a second node of one CPU."""

    def __init__(self, head_cpus: int, folder: str) -> None:
        head = {**_NODE, "num_cpus": head_cpus, "temp_dir": folder, "no_monitor": True}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address = str(self.cluster.address)
        self.second: Any = None
        self.add_second()

    def kill_second(self) -> None:
        """Kills the second node with SIGKILL."""
        self.cluster.remove_node(self.second, allow_graceful=False)

    def add_second(self) -> None:
        """Adds a second node."""
        self.second = self.cluster.add_node(**_NODE, num_cpus=1)


@contextmanager
def raylets(head_cpus: int) -> Iterator[Raylets]:
    """Starts a cluster, and ends it with everything it has written."""
    folder = tempfile.mkdtemp(prefix="ray-")  # short: an address of a socket has at most 107 bytes
    with pytest.MonkeyPatch.context() as patch:
        # By default, tasks give way to all other processes, such as those of other tests.
        patch.setenv("RAY_worker_niceness", "0")
        running = Raylets(head_cpus, folder)
        try:
            yield running
        finally:
            running.cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)
