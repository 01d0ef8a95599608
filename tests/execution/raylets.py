"""A Ray cluster of several nodes on this machine, one CPU each, whose nodes can be killed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ray.cluster_utils import Cluster

_NODE = {
    "num_cpus": 1,
    "include_dashboard": False,
    "object_store_memory": 128 << 20,
    "include_log_monitor": False,
}


@dataclass
class Raylets:
    """A running cluster. Its head is the node to which commands on this machine connect."""

    cluster: Cluster
    workers: list[Any]

    @property
    def address(self) -> str:
        """The value for `--ray-address`."""
        return str(self.cluster.address)

    def kill(self) -> None:
        """Kills the newest node that is not the head, with SIGKILL."""
        self.cluster.remove_node(self.workers.pop(), allow_graceful=False)

    def add(self) -> None:
        """Adds a node."""
        self.workers.append(self.cluster.add_node(**_NODE))


@contextmanager
def raylets(nodes: int = 2) -> Iterator[Raylets]:
    """Starts a cluster, and ends it with everything it has written."""
    folder = tempfile.mkdtemp(
        prefix="ray-"
    )  # short, because the addresses of sockets are limited to 107 bytes
    cluster = Cluster(initialize_head=True, head_node_args={**_NODE, "temp_dir": folder, "no_monitor": True})
    try:
        running = Raylets(cluster, [])
        for _ in range(nodes - 1):
            running.add()
        yield running
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
