"""What holds on a GPU. Run by `make test-cuda`; without a GPU these tests fail and do not pass over it."""

import numpy as np
import pytest
import torch

from ablate.data.dataset import load
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.grid import expand
from ablate.experiment.norms import NORM_LEVELS
from ablate.experiment.plan import Stack, make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.nn.build import member_of
from ablate.nn.dropout import uniforms
from ablate.nn.mlp import MLP
from ablate.nn.stacked import StackedNetwork
from ablate.training.backend import prepare_cuda, prepare_process
from ablate.training.batches import Batches
from ablate.training.steps import Steps
from ablate.training.train import train_stack
from tests.tolerances import ORACLE

pytestmark = pytest.mark.cuda

SETTINGS = {"activation": "sigmoid,relu,prelu,mish,gelu", "dropout": "0,0.5", "seeds": "0,5", "epochs": 2}
GPU = 8 << 30
GRAPH = torch.cuda.CUDAGraph


@pytest.fixture(scope="module", autouse=True)
def _as_in_a_worker():
    prepare_process()
    prepare_cuda("fp32")
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_grad_enabled(True)


@pytest.fixture(scope="module")
def dataset():
    return load(build({}))


def _curves(stack, dataset, device="cuda"):
    result = train_stack(stack, dataset.to(device))
    assert result.device == device
    return {
        run.run_id: np.stack([curve[:, place] for curve in result.curves.values()])
        for place, run in enumerate(stack.runs)
    }


def _stacks(runs, experiment):
    return make_plan(runs, sizes_of(experiment), 1, GPU).stacks


@pytest.mark.parametrize("norm", NORM_LEVELS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_every_member_trains_as_on_the_cpu_in_float64(dataset, norm, optimizer):
    experiment = build(
        {
            "activation": list(ACTIVATIONS),
            "norm": norm,
            "dropout": "0,0.5",
            "seeds": 2,
            "optimizer": optimizer,
            "epochs": 1,
        }
    )
    run = expand(experiment)[0]
    order = list(ACTIVATIONS)
    members = sorted(map(member_of, expand(experiment)), key=lambda member: order.index(member.activation))
    found = {}
    for device in ("cpu", "cuda"):
        data = dataset.to(device)
        network = StackedNetwork(MLP(64, (9, 7), 10, norm), members, torch.float64, device)
        batches = Batches(network, data, 64)
        batches.x = batches.x.double()
        batches.inputs = batches.inputs.double()
        steps = Steps(network, batches, run, 20)
        # A rate that float32 holds, since that is what CUDA's kernels read.
        steps.run = run.with_settings(learning_rate=2.0**-7)
        losses = torch.stack([steps.take(step).cpu() for step in range(20)])
        found[device] = losses, network.parameters.flat.cpu()
    for one, other in zip(*found.values(), strict=True):
        assert float((one - other).abs().max()) < ORACLE


def test_a_recorded_step_has_the_bits_of_one_that_is_not(dataset, monkeypatch):
    (stack,) = _stacks(expand(build(SETTINGS | {"norm": "batch"})), build(SETTINGS))
    graphs = []
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graphs.append(GRAPH()) or graphs[-1])
    recorded = _curves(stack, dataset)
    assert len(graphs) == 1
    monkeypatch.setattr("ablate.training.steps.WARM_UP", 10**9)
    for run_id, curves in _curves(stack, dataset).items():
        np.testing.assert_array_equal(curves, recorded[run_id])
    assert len(graphs) == 1


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("norm", NORM_LEVELS)
def test_a_run_has_the_same_bits_in_any_grid(dataset, norm, optimizer):
    experiment = build(SETTINGS | {"norm": norm, "optimizer": optimizer, "schedule": "cosine"})
    runs = expand(experiment)
    (full,) = _stacks(runs, experiment)
    expected = _curves(full, dataset)
    for some in (runs, runs[3:4], runs[1::3]):
        for stack in _stacks(some, experiment):
            assert stack.size == full.size
            for run_id, curves in _curves(stack, dataset).items():
                np.testing.assert_array_equal(curves, expected[run_id])


@pytest.mark.parametrize("model", ["cnn", "cnn3d"])
def test_convolutional_runs_have_the_same_bits_alone(model):
    settings = {
        "model": model,
        "activation": "relu,mish",
        "dropout": "0,0.5",
        "seeds": 1,
        "epochs": 1,
        "channels": 4,
    }
    experiment = build(settings | {"dataset": "digits" if model == "cnn" else "moving-digits"})
    data = load(experiment)
    runs = [run for run in expand(experiment) if run.norm == "batch"]
    (full,) = _stacks(runs, experiment)
    expected = _curves(full, data)
    (alone,) = _stacks(runs[2:3], experiment)
    np.testing.assert_array_equal(_curves(alone, data)[runs[2].run_id], expected[runs[2].run_id])


def test_dropout_uniforms_are_those_of_the_cpu():
    cpu = uniforms(3, 1, range(5, 21), (100, 64))
    assert torch.equal(uniforms(3, 1, range(5, 21), (100, 64), "cuda").cpu(), cpu)


def test_a_stack_too_large_for_the_memory_says_so(dataset):
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        with pytest.raises(torch.OutOfMemoryError):
            train_stack(Stack(expand(build(SETTINGS))[:1], 1, padding=4095), dataset.to("cuda"))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
