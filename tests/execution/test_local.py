"""Worker processes: the same bits with any number of them, and what happens when one dies."""

import os
import re
import resource
import signal
import sys
import time
from dataclasses import replace
from multiprocessing import forkserver
from pathlib import Path

import numpy as np
import pytest
import torch

from ablate.data.arrays import prepare
from ablate.errors import AblateError
from ablate.execution.local import LocalExecutor
from ablate.execution.retry import train_stacks
from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack, make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.training.result import StackResult
from tests.execution.outcomes import curves_of
from tests.store.full_disk import files_of_at_most

EXPERIMENT = build(
    {"activation": "relu,mish,sigmoid,gelu", "dropout": "0,0.5", "seeds": 3, "epochs": 2, "optimizer": "adam"}
)


def _train(runs, jobs):
    """Trains a list of runs as planned for a number of workers."""
    plan = make_plan(runs, sizes_of(EXPERIMENT), jobs)
    steps = []
    with LocalExecutor(jobs) as executor:
        executor.use(prepare(EXPERIMENT))
        curves = curves_of(train_stacks(executor, plan.stacks, steps.append))
    assert sum(steps) == plan.run_steps
    return curves


@pytest.fixture(scope="module")
def trained():
    """The whole grid by one worker."""
    return _train(expand(EXPERIMENT), 1)


def test_a_grid_has_the_same_bits_with_two_workers_shuffled_and_split(trained):
    runs = list(expand(EXPERIMENT))
    assert len(trained) == len(runs) == 48
    np.random.default_rng(0).shuffle(runs)
    for some in (runs, runs[:7]):
        found = _train(some, 2)
        assert len(found) == len(some)
        for run_id, curves in found.items():
            np.testing.assert_array_equal(curves, trained[run_id])


def test_a_fork_server_and_a_worker_that_are_killed_are_replaced_and_change_no_bit(trained):
    plan = make_plan(expand(EXPERIMENT), sizes_of(EXPERIMENT), 2)
    steps = []
    with LocalExecutor(2) as executor:
        executor.use(prepare(EXPERIMENT))
        executor.wait_for_workers()
        victims = iter(
            [forkserver._forkserver._forkserver_pid, next(iter(executor.workers.values())).process.pid]
        )

        def on_run_steps(run_steps):
            steps.append(run_steps)
            if victim := next(victims, None):
                os.kill(victim, signal.SIGKILL)

        found = curves_of(train_stacks(executor, plan.stacks, on_run_steps))
        processes = [worker.process.pid for worker in executor.workers.values()]
    assert sum(steps) == plan.run_steps
    assert found.keys() == trained.keys()
    for run_id, curves in found.items():
        np.testing.assert_array_equal(curves, trained[run_id])
    _wait_for_the_end_of(processes)


def _wait_for_the_end_of(processes):
    """Waits until processes have ended that are not children of this one; a hang is ended by a failure."""
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{process}").exists() for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _one_run_stacks(count):
    (run, *_) = expand(EXPERIMENT)
    return [Stack((replace(run, seed=seed),), 1) for seed in range(count)]


def test_a_killed_worker_costs_its_stack_alone_and_is_replaced(trained):
    killer, *others = _one_run_stacks(4)
    killer = Stack((killer.runs[0].with_settings(activation="tests.execution.test_local:killer"),), 1)
    with LocalExecutor(2) as executor:
        executor.use(prepare(EXPERIMENT))
        outcomes = dict(train_stacks(executor, [killer, *others], lambda steps: None))
    assert "SIGKILL" in outcomes[killer]
    for stack in others:
        assert isinstance(outcomes[stack], StackResult)
    np.testing.assert_array_equal(
        curves_of([(others[0], outcomes[others[0]])])[others[0].runs[0].run_id],
        trained[others[0].runs[0].run_id],
    )


def killer(z):
    """An activation that ends the process that computes it."""
    if z.shape[-1] != 8:  # the probe of resolve()
        os.kill(os.getpid(), signal.SIGKILL)
    return z


def test_an_error_in_a_worker_is_raised_here_with_where_it_came_from():
    good, bad = _one_run_stacks(2)
    bad = Stack((bad.runs[0].with_settings(norm="no such norm"),), 1)
    with LocalExecutor(1) as executor:
        executor.use(prepare(EXPERIMENT))
        outcomes = train_stacks(executor, [good, bad], lambda steps: None)
        assert next(outcomes)[0] == good
        with pytest.raises(RuntimeError, match="no such norm") as error:
            next(outcomes)
    assert "in a worker process:\nTraceback" in "".join(error.value.__notes__)


def test_results_that_have_arrived_are_yielded_before_an_error_is_raised(monkeypatch):
    bad, good = _one_run_stacks(2)
    bad = Stack((bad.runs[0].with_settings(norm="no such norm"),), 1)
    monkeypatch.setattr("ablate.execution.local.wait", _wait_for_all)
    with LocalExecutor(2) as executor:
        executor.use(prepare(EXPERIMENT))
        outcomes = train_stacks(executor, [bad, good], lambda steps: None)
        assert next(outcomes)[0] == good
        with pytest.raises(RuntimeError, match="no such norm"):
            next(outcomes)


def _wait_for_all(connections, timeout=None):
    return [connection for connection in connections if connection.poll(60)]


def test_a_stack_too_large_for_its_memory_is_trained_in_halves(trained):
    runs = [run for run in expand(EXPERIMENT) if run.norm == "batch" and run.activation == "relu"][:5]
    large = Stack(tuple(run.with_settings(activation="tests.execution.test_local:of_two") for run in runs), 1)
    with LocalExecutor(1) as executor:
        executor.use(prepare(EXPERIMENT))
        outcomes = list(train_stacks(executor, [large], lambda steps: None))
    assert [len(stack.runs) for stack, _ in outcomes] == [2, 1, 2]
    for (stack, result), part in zip(outcomes, (runs[:2], runs[2:3], runs[3:]), strict=True):
        assert [run.seed for run in stack.runs] == [run.seed for run in part]
        found = curves_of([(replace(stack, runs=tuple(part)), result)])
        for run in part:
            np.testing.assert_allclose(found[run.run_id], trained[run.run_id], rtol=1e-4)


def of_two(z):
    """A relu that finds no memory for more than two runs."""
    if z.shape[0] > 2 and z.shape[-1] != 8:
        raise torch.OutOfMemoryError("made up")
    return torch.relu(z)


def of_none(z):
    """A relu that finds no memory at all."""
    if z.shape[-1] != 8:
        raise torch.OutOfMemoryError("made up")
    return torch.relu(z)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prlimit and /proc")
def test_workers_with_little_memory_train_smaller_stacks_and_only_runs_that_are_too_large_fail():
    settings = {"activation": "relu", "norm": "off", "dropout": "0", "epochs": 1, "batch_size": 512}
    few, many = (expand(build(settings | {"hidden": "1500/1500", "seeds": seeds})) for seeds in (1, 8))
    (large,) = expand(build(settings | {"hidden": "8000/8000", "seeds": 1}))
    with LocalExecutor(1) as executor:
        executor.use(prepare(EXPERIMENT))
        undisturbed = curves_of(train_stacks(executor, [Stack(few, 1)], lambda steps: None))
        (worker,) = executor.workers.values()
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
        limit = int(re.search(r"VmSize:\s+(\d+)", status)[1]) * 1024 + (150 << 20)
        server = forkserver._forkserver._forkserver_pid
        for process in (worker.process.pid, server):  # workers that are started from now on inherit the limit
            resource.prlimit(process, resource.RLIMIT_AS, (limit, limit))
        outcomes = list(train_stacks(executor, [Stack((large,), 1), Stack(many, 1)], lambda steps: None))
    os.kill(server, signal.SIGKILL)  # so that other tests get one without the limit
    reasons = {run: result for stack, result in outcomes if isinstance(result, str) for run in stack.runs}
    assert list(reasons) == [large]
    assert "does not fit into the memory of the CPU" in reasons[large]
    sizes = [len(stack.runs) for stack, _ in outcomes if large not in stack.runs]
    assert (max(sizes) < 8, sum(sizes)) == (True, 8)
    found = curves_of((stack, result) for stack, result in outcomes if large not in stack.runs)
    np.testing.assert_array_equal(found[few[0].run_id], undisturbed[few[0].run_id])


def test_a_worker_that_dies_while_it_starts_is_an_error_that_says_how(monkeypatch):
    monkeypatch.setattr("ablate.execution.local._work", dies_at_once)
    with LocalExecutor(2) as executor:
        executor.use(prepare(EXPERIMENT))
        with pytest.raises(AblateError, match="a worker process ended with exit code 3 while it started"):
            list(train_stacks(executor, _one_run_stacks(1), lambda steps: None))


def dies_at_once(*arguments):
    os._exit(3)


def test_what_is_gone_on_with_is_multiplied_as_it_was():
    with LocalExecutor(1, gemm="onednn") as executor:
        executor.wait_for_workers()
        assert executor.numerics == {"gemm": "onednn"}


def test_a_single_run_too_large_for_its_memory_fails_with_a_reason_that_names_the_flags():
    stack, other = _one_run_stacks(2)
    stack = Stack((stack.runs[0].with_settings(activation="tests.execution.test_local:of_none"),), 1)
    with LocalExecutor(1) as executor:
        executor.use(prepare(EXPERIMENT))
        outcomes = dict(train_stacks(executor, [stack, other], lambda steps: None))
    assert "a single run does not fit" in outcomes[stack]
    assert "--batch-size" in outcomes[stack]
    assert isinstance(outcomes[other], StackResult)


def test_leaving_the_context_ends_the_workers_whatever_they_do():
    with LocalExecutor(1) as executor:
        executor.wait_for_workers()
        processes = [worker.process for worker in executor.workers.values()]
        executor.use(prepare(EXPERIMENT))
        long = [
            Stack(tuple(run.with_settings(epochs=10_000) for run in stack.runs), 1)
            for stack in _one_run_stacks(1)
        ]
        outcomes = train_stacks(executor, long, _interrupt)
        with pytest.raises(KeyboardInterrupt):
            next(outcomes)
        directory = executor.directory.name
    assert not any(process.is_alive() for process in processes)
    assert not os.path.exists(directory)


def _interrupt(steps):
    raise KeyboardInterrupt


def test_a_temporary_folder_that_cannot_hold_the_data_is_an_error_that_names_tmpdir():
    arrays = prepare(EXPERIMENT)
    with (
        LocalExecutor(1) as executor,
        files_of_at_most(50_000),
        pytest.raises(
            AblateError, match=r"^TMPDIR: .* cannot hold a copy of the data of 0 MiB .* set .* TMPDIR"
        ),
    ):
        executor.use(arrays)


def test_a_stack_whose_process_is_killed_goes_on_from_its_checkpoint_with_the_same_bits(
    tmp_path, monkeypatch
):
    (stack,) = _one_run_stacks(1)
    stack = Stack((stack.runs[0].with_settings(epochs=30),), 1)
    with LocalExecutor(1) as executor:
        executor.use(prepare(EXPERIMENT))
        ((_, undisturbed),) = train_stacks(executor, [stack], lambda steps: None)
    monkeypatch.setattr("ablate.execution.local._work", writes_checkpoints_always)
    first, second = [], []
    with LocalExecutor(1, results=tmp_path) as executor:
        executor.use(prepare(EXPERIMENT))

        def kill_after_some(steps):
            first.append(steps)
            if len(first) == 5:
                (worker,) = executor.workers.values()
                worker.process.kill()
            if steps < 0:  # the attempt has failed, and its steps are lost
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            list(train_stacks(executor, [stack], kill_after_some))
    with LocalExecutor(1, results=tmp_path) as executor:
        executor.use(prepare(EXPERIMENT))
        ((_, resumed),) = train_stacks(executor, [stack], second.append)
    assert 0 < second[0] <= sum(first[:-1])
    for name, curve in undisturbed.curves.items():
        np.testing.assert_array_equal(resumed.curves[name], curve)


def writes_checkpoints_always(*arguments):
    from ablate.execution.worker import work
    from ablate.training.checkpoint import Checkpointing

    Checkpointing.__init__.__defaults__ = (-1.0,)
    work(*arguments)
