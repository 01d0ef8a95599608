"""What diagnostics report: equal to plain torch with hooks and autograd, without any effect on training."""

import math

import numpy as np
import pytest
import torch

from ablate.data.dataset import Dataset
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.grid import expand
from ablate.experiment.norms import NORM_LEVELS
from ablate.experiment.plan import Stack, make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.nn.conv.network import ConvNet
from ablate.nn.members import Member
from ablate.nn.mlp import MLP
from ablate.nn.stacked import StackedNetwork
from ablate.training.diagnostics import SAMPLES, Diagnostics
from ablate.training.train import train_stack
from tests.tolerances import ORACLE
from tests.training.plain_diagnostics import expected_quantities

MODELS = {
    "mlp": lambda norm: MLP(12, (9, 7), 4, norm),
    "cnn": lambda norm: ConvNet("cnn", (2, 7, 6), (3, 4), (5,), 4, norm),
    "cnn3d": lambda norm: ConvNet("cnn3d", (1, 3, 5, 4), (2, 3), (5,), 4, norm),
}
SAMPLE = {"mlp": (12,), "cnn": (2, 7, 6), "cnn3d": (1, 3, 5, 4)}
ALL_LEVELS = [("mlp", norm) for norm in NORM_LEVELS]
ALL_LEVELS += [
    (model, norm) for model in ("cnn", "cnn3d") for norm in NORM_LEVELS if norm != "off" or model == "cnn"
]


def _random_data(model):
    """Returns float64 data with 200 samples in its training subset, of which the probe is a part."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(300, *SAMPLE[model], generator=generator, dtype=torch.float64)
    y = torch.randint(0, 4, (300,), generator=generator)
    return Dataset(x, y, x[:50], y[:50], x[:50], y[:50], 4, torch.arange(0, 200))


def _trained(model, norm, members, steps=5):
    """Returns a network after some steps of gradient descent, and its diagnostics with the last step observed."""
    data = _random_data(model)
    network = StackedNetwork(MODELS[model](norm), members, torch.float64)
    diagnostics = Diagnostics(network, data)
    for step in range(steps):
        batch = slice(16 * step, 16 * step + 16)
        network.prepare(step, 16)
        network.train_step(
            network.arrange(data.x_train[batch]).unsqueeze(0), data.y_train[batch].unsqueeze(0)
        )
        if step == steps - 1:
            diagnostics.before_last_step()
        network.parameters.flat.sub_(network.parameters.flat_grad, alpha=0.1)
    diagnostics.evaluate()
    return network, diagnostics


@pytest.mark.parametrize(("model", "norm"), ALL_LEVELS)
def test_every_quantity_equals_plain_torch(model, norm):
    rates = [((0.2, 0.5, 0.3), 3), *([((0.0, 0.0), 0)] if model == "mlp" else [])]
    members = [Member(name, dropout, seed) for name in ACTIVATIONS for dropout, seed in rates]
    network, diagnostics = _trained(model, norm, members)
    result, data = diagnostics.result(), _random_data(model)
    probe = torch.arange(SAMPLES) * 200 // SAMPLES
    for run, member in enumerate(members):
        expected = expected_quantities(network, run, data.x_train[probe], data.y_train[probe])
        values = dict(zip(result.names, result.values[0, :, run], strict=True))
        layers = dict.fromkeys(layer for layer, _ in expected)
        assert values.keys() == expected.keys() | {(layer, "update_ratio") for layer in layers}
        for name, value in expected.items():
            assert values[name] == pytest.approx(value, rel=ORACLE, abs=ORACLE), (name, member)


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_the_update_ratio_is_that_of_the_last_step(model):
    members = [Member("tanh", (0.0,) * 3, seed) for seed in (0, 1)]
    before, _ = _trained(model, "batch", members, steps=4)
    after, diagnostics = _trained(model, "batch", members, steps=5)
    result = diagnostics.result()
    for run in range(2):
        old, new = (network.parameters.member_state(run) for network in (before, after))
        for name, weight in after.weights.items():
            expected = float((new[weight] - old[weight]).norm() / old[weight].norm())
            index = result.names.index((name, "update_ratio"))
            assert result.values[0, index, run] == pytest.approx(expected, rel=1e-9)


def test_dead_and_saturated_units_are_counted():
    members = [Member("relu", (0.0, 0.0), 0), Member("sigmoid", (0.0, 0.0), 0)]
    network = StackedNetwork(MODELS["mlp"]("off"), members, torch.float64)
    network.parameters.values["linear.0.bias"][:, :3] = -1e3  # three units of nine that no sample reaches
    diagnostics = Diagnostics(network, _random_data("mlp"))
    diagnostics.evaluate()
    result = diagnostics.result()
    dead = result.values[0, result.names.index(("hidden.0", "dead_share"))]
    saturated = result.values[0, result.names.index(("hidden.0", "saturated_share"))]
    assert dead.tolist() == pytest.approx([3 / 9, 3 / 9])
    assert saturated[1] == pytest.approx(3 / 9)
    assert 3 / 9 < saturated[0] < 1


SETTINGS = {"activation": "sigmoid,relu,prelu,mish", "dropout": "0,0.5", "seeds": "0,5", "epochs": 2}


def _train(runs, dataset, diagnostics):
    return train_stack(Stack(tuple(run.with_settings(diagnostics=diagnostics) for run in runs), 2), dataset)


@pytest.mark.parametrize(("norm", "optimizer"), [("off", "adam"), ("batch", "sgd"), ("batch-post", "sgd")])
@pytest.mark.usefixtures("as_in_a_worker")
def test_diagnostics_change_no_bit_and_depend_on_no_companion(digits, norm, optimizer):
    experiment = build(SETTINGS | {"norm": norm, "optimizer": optimizer})
    (stack,) = make_plan(expand(experiment), sizes_of(experiment), 1).stacks
    torch.manual_seed(1)
    before = torch.get_rng_state()
    blind, seeing = _train(stack.runs, digits, False), _train(stack.runs, digits, True)
    assert torch.equal(torch.get_rng_state(), before)
    assert blind.layers is None
    for name, curve in seeing.curves.items():
        np.testing.assert_array_equal(blind.curves[name], curve)
    alone, some = _train(stack.runs[5:6], digits, True), _train(stack.runs[4:9], digits, True)
    np.testing.assert_array_equal(alone.layers.values[:, :, 0], seeing.layers.values[:, :, 5])
    np.testing.assert_array_equal(some.layers.values, seeing.layers.values[:, :, 4:9])


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_an_evaluation_changes_no_tensor_of_the_network(model):
    network, diagnostics = _trained(
        model, "batch", [Member(name, (0.2, 0.5, 0.0), 0) for name in ("prelu", "gelu")]
    )

    def tensors():
        parameters = network.parameters
        yield from (parameters.flat, parameters.flat_grad, *parameters.values.values())
        for block in (block for blocks in network.blocks.values() for block in blocks):
            yield from (block.activation.y, block.norm.batch_mean, block.norm.batch_rstd)
        yield from (part for linear in network.linears for part in linear.buffers[:-1])

    before = [tensor.clone() for tensor in tensors()]
    diagnostics.evaluate()
    assert all(torch.equal(old, new) for old, new in zip(before, tensors(), strict=True))


def test_every_evaluation_has_values_and_only_the_first_no_update(digits):
    (run,) = expand(build({"activation": "relu", "norm": "batch", "dropout": 0, "seeds": 1, "epochs": 2}))
    result = _train([run], digits, True)
    assert result.layers.values.shape == (len(result.steps), 2 * 8 + 2, 1)
    missing = np.isnan(result.layers.values[:, :, 0])
    is_update = np.array([quantity == "update_ratio" for _, quantity in result.layers.names])
    np.testing.assert_array_equal(missing[0], is_update)
    assert not missing[1:].any()


def test_a_vanishing_gradient_is_seen_in_a_deep_sigmoid_network_and_gone_with_batch_norm(digits):
    grid = {
        "activation": "sigmoid,relu",
        "norm": "off,batch",
        "dropout": 0,
        "seeds": 1,
        "hidden": "20/20/20/20/20/20",
    }
    ratios = {}
    for run in expand(build(grid | {"epochs": 1})):
        layers = _train([run], digits, True).layers
        first, last = (
            layers.values[0, layers.names.index((name, "gradient_norm")), 0]
            for name in ("hidden.0", "output")
        )
        ratios[run.activation, run.norm] = math.log10(first / last)
    assert ratios["sigmoid", "off"] < ratios["relu", "off"] - 2
    assert ratios["sigmoid", "batch"] > -0.5
