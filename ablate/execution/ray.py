"""Training on a Ray cluster: stacks are tasks of the cluster, and their outcomes come back to this process.

Only this module knows Ray. It does not import torch, so that the process of the command stays without torch.
"""

import logging
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Self

from ablate.data.arrays import Arrays
from ablate.errors import AblateError, SpecError
from ablate.execution import task
from ablate.execution.devices import Hardware, device_for, gpu_memory
from ablate.execution.executor import Died, Outcome
from ablate.execution.pending import Pending
from ablate.execution.scratch import temporary_folder
from ablate.experiment.memory import Limit
from ablate.experiment.plan import Stack
from ablate.training.backend import ENVIRONMENT
from ablate.training.result import MatmulLibrary

try:
    import ray
    from ray import exceptions
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ModuleNotFoundError as missing:
    raise SpecError(
        f"--executor: 'ray' needs the package {missing.name!r}, which is not installed; pip install "
        "'ablate-grid[ray]', here and on each machine of the cluster"
    ) from missing

_LOST_NODES = 3  # a stack counts as the possible cause after the loss of so many nodes that trained it
_CONNECT_SECONDS = 5.0
# HTTP/2: the kind of the frame that a server sends first, and what a client sends first, with empty settings.
_SETTINGS = b"\x04"
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + _SETTINGS + b"\0" * 5
# A cluster counts as lost if its head cannot be reached for so long. After a minute, Ray itself would end this process.
_HEAD_SECONDS = 40.0


@dataclass
class _Attempt:
    """A stack in training, and the number of training steps that its task has reported so far, summed over runs."""

    stack: Stack
    run_steps: int = 0


@dataclass(frozen=True)
class _NodeLost:
    """The end of a task because its node was lost."""

    message: str


class RayExecutor:
    """Trains stacks as tasks of a running Ray cluster; a context manager that ends all tasks on exit.

    Args:
        jobs: Largest number of tasks at the same time.
        gpus: Number of GPUs in the cluster, which the tasks share; 0 means training on CPUs.
        gemm: Library for matrix products (GEMM) on CPUs; None means the library that is the fastest on one node. Runs
            that are added to earlier results must use the same library as these results.
        address: Address of the cluster, a value of `--ray-address`.
        own_functions: Names of the users' own activation functions in the stacks.
    """

    simulated = False

    def __init__(
        self,
        jobs: int,
        gpus: int = 0,
        gemm: MatmulLibrary | None = None,
        address: str = "auto",
        own_functions: Iterable[str] = (),
    ) -> None:
        self.jobs, self.address, self.own_functions = jobs, address, tuple(own_functions)
        self.device = "cuda:0" if gpus else "cpu"  # a task sees only the GPU that Ray gives it
        self.options = task_options(jobs, gpus, bool(self.own_functions))
        self.gemm = gemm
        self.cpu = ""
        self.connection = ExitStack()
        self.calibration: Any = None
        self.dataset: Any = None

    def __enter__(self) -> Self:
        self.connection.enter_context(_connected(self.address, self.own_functions))
        if self.gemm is None:
            self.calibration = ray.remote(**self.options)(task.calibrate).remote(self.device, task.versions())
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()

    def use(self, arrays: Arrays) -> None:
        """Puts the dataset into Ray's object store; each node takes one copy, which all its tasks share."""
        try:
            self.dataset = ray.put(arrays)
        except exceptions.RayError as error:  # for example a full object store
            raise _cluster_lost(_first_line(error)) from None

    def run(
        self, pending: Pending, on_run_steps: Callable[[Stack, int], None]
    ) -> Iterator[tuple[Stack, Outcome]]:
        """Takes stacks from a queue and yields them with their outcomes (see `Executor.run`).

        A stack whose node is lost goes back to the front of the queue.

        Raises:
            AblateError: A task raised an AblateError, or the cluster is lost.
        """
        if self.calibration is not None:
            self.gemm = _returned(self.calibration)
        train = ray.remote(**self.options, num_returns="streaming", max_retries=0)(task.train)
        head, busy, lost_nodes = _Head(), dict[Any, _Attempt](), Counter[Stack]()
        error: BaseException | None = None
        while pending or busy or error:
            while len(busy) < self.jobs and not error and (stack := pending.take(len(busy))):
                sent = (stack, self.dataset, self.device, self.gemm, task.versions())
                busy[train.remote(*sent)] = _Attempt(stack)
            # Outcomes that have arrived are yielded before an error is raised.
            ready = ray.wait(list(busy), timeout=0 if error else _CONNECT_SECONDS)[0] if busy else []
            if error and not ready:
                raise error
            error = error or head.problem()
            for running in ready:
                match _answer(next(running)):
                    case int(steps):
                        busy[running].run_steps += (run_steps := steps * len(busy[running].stack.runs))
                        on_run_steps(busy[running].stack, run_steps)
                    case task.Done(outcome, cpu):
                        self.cpu = cpu
                        yield busy.pop(running).stack, outcome
                    case Died() as death:
                        yield busy.pop(running).stack, death
                    case _NodeLost(message):
                        attempt = busy.pop(running)
                        lost_nodes[attempt.stack] += 1
                        if lost_nodes[attempt.stack] < _LOST_NODES:
                            on_run_steps(attempt.stack, -attempt.run_steps)
                            pending.put_first([attempt.stack])
                        else:
                            yield attempt.stack, Died(message, by_signal=True)
                    case BaseException() as error:
                        del busy[running]

    @property
    def numerics(self) -> dict[str, str]:
        """The library for matrix products (GEMM) on CPUs, and the CPU that trained the stack which was yielded last."""
        library = {"gemm": self.gemm} if self.gemm and self.device == "cpu" else {}
        return library | ({"cpu": self.cpu} if self.cpu else {})


def task_options(jobs: int, gpus: int, has_own_functions: bool) -> dict[str, Any]:
    """Returns Ray's options for tasks: the CPUs and GPUs that each task needs, and the number of tasks per process."""
    # As many tasks share a GPU as the plan has divided its memory among.
    options = {"num_cpus": 1, "num_gpus": 1 / -(-jobs // gpus) if gpus else 0}
    # One task per process: Ray may give the next task another GPU, and a user's own function may change its process.
    return options | {"max_calls": 1 if gpus or has_own_functions else 0}


def cluster_hardware(address: str, device: str) -> Hardware:
    """Returns the CPUs, the memory and the device of a cluster; connects to the cluster for a moment.

    Raises:
        SpecError: The cluster cannot be reached, has no CPU, or has no device of this name.
    """
    with _connected(address):
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus = sum(int(node.get("CPU", 0)) for node in nodes)
        if not cpus:
            raise SpecError(f"--ray-address: the cluster at {address!r} has no CPU; ray start --num-cpus")
        least = min(node["memory"] / node["CPU"] for node in nodes if node.get("CPU"))
        limit = Limit(least, "the memory of a node of the cluster for each of its CPUs", is_per_process=True)
        return Hardware(cpus, (limit,), device_for(device, _gpus_of_nodes))


def _gpus_of_nodes() -> tuple[int, ...]:
    """Returns the memory of each GPU in the cluster, in bytes. All GPUs of a node are assumed to be equal."""
    found: list[int] = []
    for node in ray.nodes():
        if count := int(node["Resources"].get("GPU", 0)):
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ask = ray.remote(num_cpus=0, num_gpus=1, scheduling_strategy=there)(gpu_memory)
            found += _returned(ask.remote())[:1] * count
    return tuple(found)


@contextmanager
def _connected(address: str, own_functions: Iterable[str] = ()) -> Iterator[None]:
    """Connects this process to a running cluster. The tasks can import the modules of `own_functions`."""
    asked = (os.environ.get("RAY_ADDRESS") or address) if address == "auto" else address
    if asked != "auto":
        _reach(asked)
    before = signal.getsignal(signal.SIGTERM)
    # The tasks get a working folder of their own. Otherwise Ray puts the current folder first on their import path.
    # Ray writes logs of nodes to stdout, which is for results, so these logs are dropped.
    with temporary_folder() as folder, redirect_stdout(StringIO()):
        task.copy_modules(own_functions, Path(folder))
        try:
            ray.init(
                asked,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"working_dir": folder, "env_vars": ENVIRONMENT},
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = "there is none" if asked == "auto" else " ".join(str(error).split())
            raise SpecError(_unreachable(asked, reason)) from None
        finally:
            signal.signal(signal.SIGTERM, before)  # Ray sets a handler of its own
        try:
            yield
        finally:
            ray.shutdown()


def _reach(address: str) -> None:
    """Raises SpecError unless an address answers in HTTP/2, as Ray does. Ray itself would try for many minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or int(port) >= 1 << 16:
        raise SpecError(_unreachable(address, "this is not HOST:PORT"))
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0") == "0":
                connection.sendall(_HELLO)
                if connection.recv(4)[3:] != _SETTINGS:
                    raise SpecError(_unreachable(address, "something else than Ray answers"))
    except OSError as error:
        raise SpecError(_unreachable(address, error.strerror or str(error))) from None


def _unreachable(address: str, reason: str) -> str:
    return (
        f"--ray-address: no Ray cluster can be used at {address!r} ({reason}); legal are HOST:PORT of the head, as "
        "`ray start --head` prints it, and auto: RAY_ADDRESS, or else the cluster that this machine belongs to"
    )


class _Head:
    """The head of the cluster, without which no task starts."""

    def __init__(self) -> None:
        self.address = ray.get_runtime_context().gcs_address
        self.checked = self.reached = time.monotonic()

    def problem(self) -> AblateError | None:
        """Returns None, or an error if the head has been unreachable for some time."""
        now = time.monotonic()
        if now > self.checked + _CONNECT_SECONDS:
            self.checked = now
            with suppress(SpecError):
                _reach(self.address)
                self.reached = now
        is_reached = now < self.reached + _HEAD_SECONDS
        return None if is_reached else _cluster_lost(f"its head at {self.address} cannot be reached")


def _cluster_lost(reason: str) -> AblateError:
    return AblateError(
        f"--executor ray: the cluster is lost ({reason}); what is stored stays, the same command goes on from there"
    )


def _answer(reference: Any) -> Any:
    """Returns what a task has sent, or how the task ended: `Died`, `_NodeLost` or an exception."""
    try:
        return ray.get(reference)
    except (exceptions.NodeDiedError, exceptions.ObjectLostError) as error:
        return _NodeLost(f"a node of the Ray cluster was lost ({_first_line(error)})")
    except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError) as error:
        return Died(f"the worker process of a Ray task ended ({_first_line(error)})", by_signal=True)
    except exceptions.RayTaskError as error:
        return error.cause if isinstance(error.cause, AblateError) else error
    except exceptions.RayError as error:
        return _cluster_lost(_first_line(error))


def _returned(reference: Any) -> Any:
    """Returns what a task has returned, or raises the error with which the task ended."""
    answer = _answer(reference)
    if isinstance(answer, BaseException):
        raise answer
    if isinstance(answer, Died | _NodeLost):
        raise AblateError(answer.message)
    return answer


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
