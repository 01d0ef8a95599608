"""What is seen in the layers: equal to plain torch with hooks and autograd, and seen without touching anything."""

import math

import numpy as np
import pytest
import torch

from ablate.data.dataset import Dataset, load
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack, make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.nn.members import Member, Shape
from ablate.nn.network import StackedMLP
from ablate.nn.reference import MODULES, plain_network
from ablate.training.backend import prepare_process
from ablate.training.diagnostics import DEAD, SAMPLES, SATURATED, Diagnostics
from ablate.training.train import train_stack
from tests.tolerances import ORACLE

HIDDEN = (9, 7)


@pytest.fixture
def _as_in_a_worker():
    prepare_process()
    yield
    torch.set_flush_denormal(False)
    torch.set_grad_enabled(True)


@pytest.fixture(scope="module")
def dataset():
    return load(build({}))


@pytest.fixture(scope="module")
def made_up():
    """Float64 data, 200 samples in its probe, of which not every one is looked at."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(300, 12, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 4, (300,), generator=generator)
    return Dataset(x, y, x[:50], y[:50], x[:50], y[:50], 4, torch.arange(0, 200))


def _trained(members, norm, data, steps=5):
    """Returns a network after some steps of plain gradient descent, and the diagnostics around the last one."""
    network = StackedMLP(Shape(12, HIDDEN, 4, norm), members, torch.float64)
    diagnostics = Diagnostics(network, data)
    for step in range(steps):
        batch = slice(16 * step, 16 * step + 16)
        network.prepare(step, 16)
        network.train_step(data.x_train[batch].unsqueeze(0), data.y_train[batch].unsqueeze(0))
        if step == steps - 1:
            diagnostics.before_last_step()
        network.parameters.flat.sub_(network.parameters.flat_grad, alpha=0.3)
    diagnostics.evaluate()
    return network, diagnostics


def _plain_of(network, run):
    """Returns the plain network with the parameters and running statistics a member of a stack has now."""
    plain = plain_network(network.shape, network.members[run], torch.float64)
    names = plain.state_dict()
    state = {name.replace(".", " ", 1): value for name, value in network.member_state(run).items()}
    plain.load_state_dict(
        {name: value.reshape(names[name].shape) for name, value in state.items()}, strict=False
    )
    plain.train()
    for name, module in plain.named_children():
        if name.startswith("dropout"):
            module.eval()
    return plain


def _expected(network, run, x, y):
    """Returns the quantities of one member by hooks and autograd."""
    plain, member = _plain_of(network, run), network.members[run]
    running = {
        name: (module.running_mean.clone(), module.running_var.clone())
        for name, module in plain.named_children()
        if name.startswith("norm")
    }
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name, module in plain.named_children():
        module.register_forward_hook(
            lambda module, inputs, output, name=name: seen.update(
                {name: (inputs[0].detach(), output.detach())}
            )
        )
    torch.nn.functional.cross_entropy(plain(x), y).backward()
    found = {}
    for layer in range(len(HIDDEN)):
        z, activations = seen[f"{member.activation} {layer}"]
        z = z.requires_grad_()
        (derivative,) = torch.autograd.grad(plain.get_submodule(f"{member.activation} {layer}")(z).sum(), z)
        limit = SATURATED * _largest(member.activation)
        found[f"hidden.{layer}", "activation_mean"] = activations.mean()
        found[f"hidden.{layer}", "activation_std"] = activations.std(correction=0)
        found[f"hidden.{layer}", "dead_share"] = (derivative.abs() < DEAD).all(0).double().mean()
        found[f"hidden.{layer}", "saturated_share"] = (derivative.abs() < limit).double().mean()
        if running:
            z, _ = seen[f"norm {layer}"]
            mean, var = running[f"norm {layer}"]
            found[f"hidden.{layer}", "running_mean_shift"] = (
                ((z.mean(0) - mean) ** 2 / (var + 1e-5)).mean().sqrt()
            )
            found[f"hidden.{layer}", "running_std_ratio"] = ((z.var(0) + 1e-5) / (var + 1e-5)).sqrt().mean()
    for layer in range(len(HIDDEN) + 1):
        name = f"hidden.{layer}" if layer < len(HIDDEN) else "output"
        found[name, "gradient_norm"] = plain.get_submodule(f"linear {layer}").weight.grad.norm()
    return {name: float(value) for name, value in found.items()}


def _largest(activation):
    z = (torch.arange(-20 * 1024, 20 * 1024 + 1).double() / 1024).requires_grad_()
    (derivative,) = torch.autograd.grad(MODULES[activation]().double()(z).sum(), z)
    return float(derivative.abs().max())


@pytest.mark.parametrize("norm", ["off", "batch", "batch-post"])
def test_every_quantity_equals_plain_torch(made_up, norm):
    members = [
        Member(name, rates, seed)
        for name in ACTIVATIONS
        for rates, seed in (((0.0, 0.0), 0), ((0.2, 0.5), 3))
    ]
    network, diagnostics = _trained(members, norm, made_up)
    found = diagnostics.result()
    chosen = torch.arange(SAMPLES) * 200 // SAMPLES
    for run, member in enumerate(members):
        expected = _expected(network, run, made_up.x_train[chosen], made_up.y_train[chosen])
        values = dict(zip(found.names, found.values[0, :, run], strict=True))
        assert expected.keys() == {name for name in values if name[1] != "update_ratio"}
        for name, value in expected.items():
            assert values[name] == pytest.approx(value, rel=ORACLE, abs=ORACLE), (name, member)


def test_the_update_ratio_is_that_of_the_last_step(made_up):
    members = [Member("tanh", (0.0, 0.0), seed) for seed in (0, 1)]
    before, _ = _trained(members, "batch", made_up, steps=4)
    after, diagnostics = _trained(members, "batch", made_up, steps=5)
    found = diagnostics.result()
    for run in range(2):
        old, new = before.member_state(run), after.member_state(run)
        for layer, name in enumerate(("hidden.0", "hidden.1", "output")):
            weight = f"linear.{layer}.weight"
            expected = float((new[weight] - old[weight]).norm() / old[weight].norm())
            place = found.names.index((name, "update_ratio"))
            assert found.values[0, place, run] == pytest.approx(expected, rel=1e-9)


def test_dead_and_saturated_units_are_counted(made_up):
    network = StackedMLP(
        Shape(12, HIDDEN, 4, "off"),
        [Member("relu", (0.0, 0.0), 0), Member("sigmoid", (0.0, 0.0), 0)],
        torch.float64,
    )
    network.hidden[0].linear.bias[:, :3] = -1e3  # three units of nine that no sample reaches
    diagnostics = Diagnostics(network, made_up)
    diagnostics.evaluate()
    found = diagnostics.result()
    dead = found.values[0, found.names.index(("hidden.0", "dead_share"))]
    saturated = found.values[0, found.names.index(("hidden.0", "saturated_share"))]
    assert dead.tolist() == pytest.approx([3 / 9, 3 / 9])
    assert saturated[1] == pytest.approx(3 / 9)
    assert 3 / 9 < saturated[0] < 1


SETTINGS = {"activation": "sigmoid,relu,prelu,mish", "dropout": "0,0.5", "seeds": "0,5", "epochs": 2}


def _train(runs, dataset, diagnostics):
    return train_stack(Stack(tuple(run.with_settings(diagnostics=diagnostics) for run in runs), 2), dataset)


@pytest.mark.parametrize(("norm", "optimizer"), [("off", "adam"), ("batch", "sgd"), ("batch-post", "sgd")])
@pytest.mark.usefixtures("_as_in_a_worker")
def test_diagnostics_change_no_bit_and_depend_on_no_companion(dataset, norm, optimizer):
    experiment = build(SETTINGS | {"norm": norm, "optimizer": optimizer})
    (stack,) = make_plan(expand(experiment), sizes_of(experiment), 1).stacks
    torch.manual_seed(1)
    before = torch.get_rng_state()
    blind, seeing = _train(stack.runs, dataset, False), _train(stack.runs, dataset, True)
    assert torch.equal(torch.get_rng_state(), before)
    assert blind.layers is None
    for name, curve in seeing.curves.items():
        np.testing.assert_array_equal(blind.curves[name], curve)
    alone, some = _train(stack.runs[5:6], dataset, True), _train(stack.runs[4:9], dataset, True)
    np.testing.assert_array_equal(alone.layers.values[:, :, 0], seeing.layers.values[:, :, 5])
    np.testing.assert_array_equal(some.layers.values, seeing.layers.values[:, :, 4:9])


def test_looking_changes_nothing_in_the_network(made_up):
    network, diagnostics = _trained(
        [Member(name, (0.2, 0.5), 0) for name in ("prelu", "gelu")], "batch", made_up
    )
    before = [
        network.parameters.flat.clone(),
        network.parameters.flat_grad.clone(),
        *(part.clone() for layer in network.hidden for part in _statistics(layer)),
    ]
    diagnostics.evaluate()
    after = [network.parameters.flat, network.parameters.flat_grad]
    after += [part for layer in network.hidden for part in _statistics(layer)]
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def _statistics(layer):
    norm = layer.norm
    return norm.running_mean, norm.running_var, norm.batch_mean, norm.y, layer.activation.y, layer.linear.z


def test_every_evaluation_has_values_and_only_the_first_no_update(dataset):
    (run,) = expand(build({"activation": "relu", "norm": "batch", "dropout": 0, "seeds": 1, "epochs": 2}))
    result = _train([run], dataset, True)
    assert result.layers.values.shape == (len(result.steps), 2 * 8 + 2, 1)
    missing = np.isnan(result.layers.values[:, :, 0])
    is_update = np.array([quantity == "update_ratio" for _, quantity in result.layers.names])
    np.testing.assert_array_equal(missing[0], is_update)
    assert not missing[1:].any()


def test_a_vanishing_gradient_is_seen_in_a_deep_sigmoid_network_and_gone_with_batch_norm(dataset):
    grid = {
        "activation": "sigmoid,relu",
        "norm": "off,batch",
        "dropout": 0,
        "seeds": 1,
        "hidden": "20/20/20/20/20/20",
    }
    ratios = {}
    for run in expand(build(grid | {"epochs": 1})):
        layers = _train([run], dataset, True).layers
        first, last = (
            layers.values[0, layers.names.index((name, "gradient_norm")), 0]
            for name in ("hidden.0", "output")
        )
        ratios[run.activation, run.norm] = math.log10(first / last)
    assert ratios["sigmoid", "off"] < ratios["relu", "off"] - 2
    assert ratios["sigmoid", "batch"] > -0.5
