"""Training on a Ray cluster: the bits of one machine, lost nodes and processes, and messages without a cluster."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

if sys.version_info >= (3, 15):
    pytest.skip("Ray has no release for this Python", allow_module_level=True)

from ray import exceptions

from ablate.data.arrays import prepare
from ablate.data.dataset import load
from ablate.errors import AblateError, SpecError
from ablate.execution import ray as executor_module
from ablate.execution import task
from ablate.execution.devices import Device
from ablate.execution.executor import Died
from ablate.execution.pending import Pending
from ablate.execution.ray import RayExecutor, cluster_hardware, task_options
from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack, make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.store.parquet import ResultsFolder
from ablate.store.provenance import cpu_model
from ablate.training import gemm
from ablate.training.train import train_stack
from tests.execution.outcomes import curves_of
from tests.execution.raylets import raylets

ROOT = Path(__file__).parents[2]
EXPERIMENT = build({"activation": "relu,mish", "dropout": "0,0.5", "seeds": 2, "epochs": 15})


@pytest.fixture(scope="module")
def cluster():
    with raylets(head_cpus=0) as running:  # the second node trains everything
        yield running


def test_a_grid_has_the_bits_of_this_machine_though_a_node_dies_in_training(cluster):
    plan = make_plan(expand(EXPERIMENT), sizes_of(EXPERIMENT), 4)
    assert len(plan.stacks) == 4
    steps = []

    def on_run_steps(stack, run_steps):
        steps.append(run_steps)
        if len(steps) == 1:
            cluster.kill_second()
            cluster.add_second()

    with RayExecutor(2, gemm="mkl", address=cluster.address) as executor:
        executor.use(prepare(EXPERIMENT))
        outcomes = list(executor.run(Pending(plan.stacks), on_run_steps))
        assert executor.numerics == {"gemm": "mkl", "cpu": cpu_model()}
    assert min(steps) < 0  # what was lost with the node
    assert sum(steps) == plan.run_steps
    gemm.use("mkl")
    digits = load(EXPERIMENT)
    wanted = curves_of((stack, train_stack(stack, digits)) for stack in plan.stacks)
    assert sorted(stack.label for stack, _ in outcomes) == sorted(stack.label for stack in plan.stacks)
    found = curves_of(outcomes)
    for run_id, values in wanted.items():
        np.testing.assert_array_equal(found[run_id], values)


KILLER = """
import os, signal

def killer(z):
    if z.shape[-1] != 8:  # the probe of resolve()
        os.kill(os.getpid(), signal.SIGKILL)
    return z
"""


def test_a_users_function_is_sent_from_the_current_folder_and_may_end_its_process(
    cluster, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("own_for_ray.py").write_text(KILLER)
    Path("html.py").write_text("raise RuntimeError('a stranger is imported')")
    name = "own_for_ray:killer"
    stack = Stack((expand(EXPERIMENT)[0].with_settings(activation=name, epochs=1),), 1)
    with RayExecutor(2, gemm="mkl", address=cluster.address, own_functions=[name]) as executor:
        executor.use(prepare(EXPERIMENT))
        ((_, outcome),) = executor.run(Pending([stack]), lambda stack, steps: None)
    assert outcome == Died(outcome.message, by_signal=True)
    assert "the worker process of a Ray task ended" in outcome.message


def test_an_interrupted_command_ends_its_tasks_and_keeps_what_is_stored(cluster, tmp_path):
    experiment = build(OF_THREE_STACKS)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in OF_THREE_STACKS.items()]
    where = ["--executor=ray", "--ray-address", cluster.address, "--jobs=3", "-o", "results"]
    command = subprocess.Popen(
        [sys.executable, "-m", "ablate", "run", *options, *where],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    folder, deadline = ResultsFolder(tmp_path / "results"), time.monotonic() + 120
    while not (folder.path.exists() and folder.statuses()) and command.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    command.send_signal(signal.SIGINT)
    assert "what is stored stays" in command.communicate(timeout=60)[1]
    assert command.returncode == 130
    stored = folder.read("curves")
    assert 0 < stored["run_id"].nunique() < 3
    gemm.use("mkl")
    for run in expand(experiment):
        if not (found := stored[stored["run_id"] == run.run_id]).empty:
            wanted = train_stack(Stack((run,), 1), load(experiment)).curves["val_loss"][:, 0]
            np.testing.assert_array_equal(found["val_loss"], wanted)


OF_THREE_STACKS = {"activation": "relu", "dropout": 0, "norm": "off", "seeds": 3, "epochs": 200}


def test_the_cores_are_those_of_the_cluster_and_a_gpu_is_refused_where_it_has_none(cluster, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    handler = signal.getsignal(signal.SIGTERM)
    found = cluster_hardware("auto", "auto")
    assert (found.cores, found.device) == (1, Device("cpu"))
    assert [limit.is_per_process for limit in found.limits] == [True]
    assert signal.getsignal(signal.SIGTERM) is handler
    with pytest.raises(SpecError, match=r"--device: .* 'cuda'"):
        cluster_hardware(cluster.address, "cuda")


def test_tasks_ask_for_one_cpu_and_their_share_of_a_gpu():
    assert task_options(8, 0, has_own_functions=False) == {"num_cpus": 1, "num_gpus": 0, "max_calls": 0}
    assert task_options(8, 0, has_own_functions=True)["max_calls"] == 1
    assert task_options(2, 4, has_own_functions=False) == {"num_cpus": 1, "num_gpus": 1, "max_calls": 1}
    assert task_options(5, 2, has_own_functions=False)["num_gpus"] == 1 / 3


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("head", "this is not HOST:PORT"),
        ("ray://head:10001", "this is not HOST:PORT"),
        ("head:70000", "this is not HOST:PORT"),
        ("127.0.0.1:1", "refused"),
    ],
)
def test_an_address_without_a_cluster_is_refused_at_once(address, reason):
    with pytest.raises(SpecError, match=rf"--ray-address: no Ray cluster .*{address}.*{reason}.*legal are"):
        cluster_hardware(address, "auto")


def test_a_server_that_is_not_ray_is_refused_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        greeter = threading.Thread(target=greet, args=(server,))
        greeter.start()
        with pytest.raises(SpecError, match="something else than Ray answers"):
            cluster_hardware(f"127.0.0.1:{server.getsockname()[1]}", "auto")
        greeter.join()


def greet(server):
    with server.accept()[0] as connection:
        connection.sendall(b"SSH-2.0-OpenSSH")


def test_a_node_with_other_versions_is_an_error_that_names_them():
    with pytest.raises(SpecError, match=r"in the cluster has numpy [\d.]+, and this machine numpy 1\.2"):
        task.calibrate("cpu", {**task.versions(), "numpy": "1.2"})


class FakeRay:
    """Answers as Ray does for tasks that send what `script` says, one list per task."""

    def __init__(self, script):
        self.script = iter(script)

    def remote(self, **options):
        return lambda function: self.Task(self.script)

    class Task:
        def __init__(self, script):
            self.script = script

        def remote(self, *arguments):
            return iter(next(self.script))

    def wait(self, tasks, timeout):
        return tasks[:1], tasks[1:]

    def get(self, answer):
        if isinstance(answer, BaseException):
            raise answer
        return answer


def outcomes_of(monkeypatch, script, stacks=1):
    """Returns the outcomes and the steps of tasks that send what a script says."""
    monkeypatch.setattr(executor_module, "ray", FakeRay(script))
    monkeypatch.setattr(executor_module, "_Head", lambda: type("Head", (), {"problem": lambda self: None})())
    run, steps = expand(EXPERIMENT)[0], []
    pending = Pending([Stack((replace(run, seed=seed),), 1) for seed in range(stacks)])
    executor = RayExecutor(1, gemm="mkl")
    outcomes = []
    try:
        for _, outcome in executor.run(pending, lambda stack, count: steps.append(count)):
            outcomes.append(outcome)
    except AblateError as error:
        outcomes.append(error)
    return outcomes, steps


LOST = exceptions.NodeDiedError("node 7 died")


def test_a_stack_is_tried_on_other_nodes_until_it_may_be_the_cause_itself(monkeypatch):
    outcomes, steps = outcomes_of(monkeypatch, [[5, LOST], [5, 5, LOST], [5, LOST]])
    assert outcomes == [Died("a node of the Ray cluster was lost (node 7 died)", by_signal=True)]
    assert steps == [5, -5, 5, 5, -10, 5]
    outcomes, steps = outcomes_of(monkeypatch, [[5, LOST], [5, task.Done("result", "a cpu")]])
    assert (outcomes, sum(steps)) == (["result"], 5)


def test_an_error_of_a_task_is_raised_here_and_other_ends_say_how(monkeypatch):
    sent = exceptions.RayTaskError("train", "trace", SpecError("--device: no"))
    (error,), _ = outcomes_of(monkeypatch, [[sent]])
    assert (type(error), str(error)) == (SpecError, "--device: no")
    lost = exceptions.LocalRayletDiedError()
    (error,), _ = outcomes_of(monkeypatch, [[lost]])
    assert "the cluster is lost" in str(error)
    (death,), _ = outcomes_of(monkeypatch, [[exceptions.OutOfMemoryError("memory\nmore")]])
    assert death == Died("the worker process of a Ray task ended (memory)", by_signal=True)


def test_a_head_that_cannot_be_reached_for_long_is_an_error(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(executor_module.time, "monotonic", lambda: now[0])
    context = type("Context", (), {"gcs_address": "127.0.0.1:1"})
    monkeypatch.setattr(executor_module.ray, "get_runtime_context", context)
    head = executor_module._Head()
    assert head.problem() is None
    for now[0] in (10.0, 30.0):
        assert head.problem() is None
    now[0] = 60.0
    assert "its head at 127.0.0.1:1 cannot be reached" in str(head.problem())
