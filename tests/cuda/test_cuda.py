"""What holds on a GPU. Run by `make test-cuda`; without a GPU these tests fail and do not pass over it.

The bodies that a CPU can run are run there too, on small stacks and with the ordinary tests, so that they fit the code.
"""

from itertools import product

import pytest
import torch

from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.norms import NORM_LEVELS
from ablate.experiment.plan import Stack
from ablate.nn.dropout import uniforms
from ablate.training.train import train_stack
from tests.cuda.check.bits import other_bits, subsets
from tests.cuda.check.changes import never_recorded
from tests.cuda.check.engine import (
    as_double,
    as_in_a_worker,
    curves,
    first_samples,
    load,
    runs_of,
    stack_for,
    stacks_for,
    train_steps,
)
from tests.cuda.check.values import difference, mlp_runs
from tests.tolerances import ORACLE

SETTINGS = {"activation": "sigmoid,relu,prelu,mish,gelu", "dropout": "0,0.5", "seeds": "0,5", "epochs": 2}
SMALL = SETTINGS | {"activation": "relu,prelu", "epochs": 1}
GRAPH = torch.cuda.CUDAGraph


@pytest.fixture(scope="module", params=[pytest.param("cuda", marks=pytest.mark.cuda), "cpu"])
def device(request):
    with as_in_a_worker(request.param):
        yield request.param


@pytest.fixture
def settings(device):
    return SETTINGS if device == "cuda" else SMALL


@pytest.mark.parametrize("norm", NORM_LEVELS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_every_member_trains_as_on_the_cpu_in_float64(device, norm, optimizer):
    runs = mlp_runs(norm, optimizer, tuple(ACTIVATIONS) if device == "cuda" else ("relu", "prelu"))
    digits = as_double(load("digits"))
    cpu, other = (train_steps(runs, digits, where, 20) for where in ("cpu", device))
    assert cpu.losses.dtype == torch.float64
    apart = difference(cpu, other, runs)
    assert apart.loss < ORACLE, apart
    assert apart.state < ORACLE, apart


def test_a_recorded_step_has_the_bits_of_one_that_is_not(device, settings, monkeypatch):
    stack = stack_for(settings | {"norm": "batch"}, device)
    graphs = []
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graphs.append(GRAPH()) or graphs[-1])
    recorded = curves(stack, load("digits"), device)
    assert len(graphs) == (device == "cuda")
    with never_recorded():
        eager = curves(stack, load("digits"), device)
    assert len(graphs) == (device == "cuda")
    assert not other_bits(eager, recorded, stack.runs)


@pytest.mark.parametrize(
    ("norm", "optimizer"),
    [
        *product(("off", "batch", "batch-post"), ("sgd", "adam")),
        ("layer", "sgd"),
        ("rms", "adam"),
        ("group", "sgd"),
    ],
)
def test_a_run_has_the_same_bits_in_any_grid(device, settings, norm, optimizer):
    settings = settings | {"norm": norm, "optimizer": optimizer, "schedule": "cosine"}
    full = stack_for(settings, device)
    expected = curves(full, load("digits"), device)
    for runs in (full.runs, *subsets(full.runs).values()):
        (stack,) = stacks_for(runs, settings, device)
        assert stack.size == full.size
        assert not other_bits(curves(stack, load("digits"), device), expected, runs)


@pytest.mark.parametrize("model", ["cnn", "cnn3d"])
def test_convolutional_runs_have_the_same_bits_alone(device, model):
    dataset = "digits" if model == "cnn" else "moving-digits"
    grid = {"model": model, "dataset": dataset, "activation": "relu,mish", "dropout": "0,0.5"}
    grid |= {"norm": "batch", "seeds": 1, "epochs": 1, "channels": 4}
    data = load(dataset) if device == "cuda" else first_samples(load(dataset), 128)
    full = stack_for(grid, device, dry_size=4)
    expected = curves(full, data, device)
    (alone,) = stacks_for(full.runs[2:3], grid, device, dry_size=4)
    assert alone.size == full.size
    assert not other_bits(curves(alone, data, device), expected, alone.runs)


def test_dropout_uniforms_are_those_of_the_cpu(device):
    cpu = uniforms(3, 1, range(5, 21), (100, 64))
    assert torch.equal(uniforms(3, 1, range(5, 21), (100, 64), device).cpu(), cpu)


@pytest.mark.cuda
def test_a_stack_too_large_for_the_memory_says_so():
    with as_in_a_worker("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(1e-4)
        try:
            with pytest.raises(torch.OutOfMemoryError):
                train_stack(Stack(runs_of(SETTINGS)[:1], 1, padding=4095), load("digits").to("cuda"))
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
            torch.cuda.empty_cache()
