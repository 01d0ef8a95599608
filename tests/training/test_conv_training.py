"""Stacks of convolutional networks trained on small data: companions, and what diagnostics see."""

import numpy as np
import pytest
import torch

from ablate.data.dataset import Dataset
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.grid import expand
from ablate.experiment.plan import Stack
from ablate.experiment.spec import build
from ablate.nn.conv_shape import ConvShape
from ablate.nn.convolutional import StackedConvNet
from ablate.nn.members import Member
from ablate.nn.reference import plain_conv_network
from ablate.training.backend import prepare_process
from ablate.training.conv_diagnostics import diagnostics_for
from ablate.training.diagnostics import DEAD, SATURATED
from ablate.training.train import train_stack
from tests.tolerances import ORACLE
from tests.training.test_diagnostics import _largest

SETTINGS = {"activation": "relu,prelu,mish", "dropout": "0,0.5", "seeds": "0,5", "epochs": 1}
MODELS = {
    "cnn": {"dataset": "digits", "channels": "5/6", "hidden": "12"},
    "cnn3d": {"dataset": "moving-digits", "channels": "2/3", "hidden": "7"},
}


@pytest.fixture
def _as_in_a_worker():
    prepare_process()
    yield
    torch.set_flush_denormal(False)
    torch.set_grad_enabled(True)


def _made_up(sample, count=230, dtype=torch.float32):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(count, *sample, generator=generator, dtype=dtype)
    y = torch.randint(0, 4, (count,), generator=generator)
    return Dataset(x, y, x[:70], y[:70], x[:9], y[:9], 4, torch.arange(0, 70))


def _train(runs, dataset):
    return train_stack(Stack(tuple(runs), 1), dataset)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("norm", "optimizer", "batch_size"),
    [
        ("off", "sgd", 64),
        ("batch", "adam", 64),
        ("batch-post", "sgd", 50),
        ("batch", "sgd", 50),
        ("off", "adam", 50),
    ],
)
@pytest.mark.usefixtures("_as_in_a_worker")
def test_a_run_has_the_same_bits_alone_in_a_part_and_in_the_full_stack(model, norm, optimizer, batch_size):
    settings = {"norm": norm, "optimizer": optimizer, "batch_size": batch_size, "model": model}
    runs = expand(build(SETTINGS | MODELS[model] | settings | {"diagnostics": True}))
    dataset = _made_up((1, 8, 8) if model == "cnn" else (1, 4, 8, 6))
    full = _train(runs, dataset)
    assert len(runs) == 12
    assert len({float(loss) for loss in full.curves["val_loss"][-1]}) == 12
    backwards = [*runs[8:][::-1], *runs[4:8][::-1], *runs[:4][::-1]]
    for some in (runs[3:4], runs[1::3], backwards):
        found = _train(some, dataset)
        places = [runs.index(run) for run in some]
        for name, curve in full.curves.items():
            np.testing.assert_array_equal(found.curves[name], curve[:, places], name)
        np.testing.assert_array_equal(found.layers.values, full.layers.values[:, :, places])


@pytest.mark.usefixtures("_as_in_a_worker")
def test_diagnostics_change_no_bit():
    settings = SETTINGS | MODELS["cnn"] | {"model": "cnn", "norm": "batch", "batch_size": 64}
    dataset = _made_up((1, 8, 8))
    blind, seeing = (
        _train(expand(build(settings | {"diagnostics": each})), dataset) for each in (False, True)
    )
    for name, curve in seeing.curves.items():
        np.testing.assert_array_equal(blind.curves[name], curve)


def _trained(shape, members, data, steps):
    network = StackedConvNet(shape, members, torch.float64)
    diagnostics = diagnostics_for(network, data)
    for step in range(steps):
        batch = slice(16 * step, 16 * step + 16)
        x = network.arrange(data.x_train[batch]).unsqueeze(0)
        network.prepare(step, x.shape[1])
        network.train_step(x, data.y_train[batch].unsqueeze(0))
        diagnostics.before_last_step()
        network.parameters.flat.sub_(network.parameters.flat_grad, alpha=0.1)
    diagnostics.evaluate()
    return network, diagnostics.result()


def _expected(network, run, x, y):
    """Returns the quantities of the blocks of one member by hooks and autograd on the plain network."""
    member = network.members[run]
    plain = plain_conv_network(network.shape, member, torch.float64)
    state = {name.replace(".", " ", 1): value for name, value in network.member_state(run).items()}
    shapes = plain.state_dict()
    plain.load_state_dict(
        {name: value.reshape(shapes[name].shape) for name, value in state.items()}, strict=False
    )
    seen = {}
    for name, module in plain.named_children():
        module.train(not name.startswith(("dropout", "conv_dropout")))
        module.register_forward_hook(
            lambda m, i, o, name=name: seen.update({name: (i[0].detach(), o.detach())})
        )
    torch.nn.functional.cross_entropy(plain(x), y).backward()
    found = {}
    for block in range(len(network.shape.channels)):
        z, activations = seen[f"conv_{member.activation} {block}"]
        z = z.requires_grad_()
        (derivative,) = torch.autograd.grad(
            plain.get_submodule(f"conv_{member.activation} {block}")(z).sum(), z
        )
        name = f"conv.{block}"
        is_flat = derivative.abs() < SATURATED * _largest(member.activation)
        found[name, "activation_mean"] = activations.mean()
        found[name, "activation_std"] = activations.std(correction=0)
        found[name, "dead_share"] = (
            (derivative.abs() < DEAD).transpose(0, 1).flatten(1).all(1).double().mean()
        )
        found[name, "saturated_share"] = is_flat.double().mean()
        found[name, "gradient_norm"] = plain.get_submodule(f"conv {block}").weight.grad.norm()
        if network.shape.norm != "off":
            z = seen[f"conv_norm {block}"][0].transpose(0, 1).flatten(1)
            mean, var = (state[f"conv_norm {block}.running_{part}"] for part in ("mean", "var"))
            found[name, "running_mean_shift"] = ((z.mean(1) - mean) ** 2 / (var + 1e-5)).mean().sqrt()
            found[name, "running_std_ratio"] = ((z.var(1) + 1e-5) / (var + 1e-5)).sqrt().mean()
    found["hidden.0", "gradient_norm"] = plain.get_submodule("linear 0").weight.grad.norm()
    found["output", "gradient_norm"] = plain.get_submodule("linear 1").weight.grad.norm()
    return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("norm", ["off", "batch", "batch-post"])
def test_every_quantity_of_a_block_equals_plain_torch(norm):
    shape = ConvShape("cnn", (2, 7, 6), (3, 4), (5,), 4, norm)
    data = _made_up(shape.sample, dtype=torch.float64)
    members = [Member(name, (0.2, 0.5, 0.3), 3) for name in ACTIVATIONS]
    network, layers = _trained(shape, members, data, steps=3)
    for run, member in enumerate(members):
        values = dict(zip(layers.names, layers.values[0, :, run], strict=True))
        expected = _expected(network, run, data.x_train[:70], data.y_train[:70])
        assert {name for name in values if name[0].startswith("conv")} == {
            name for name in expected if name[0].startswith("conv")
        } | {(f"conv.{block}", "update_ratio") for block in range(2)}
        for name, value in expected.items():
            assert values[name] == pytest.approx(value, rel=ORACLE, abs=ORACLE), (name, member)


def test_the_update_ratio_of_a_block_is_that_of_the_last_step():
    shape = ConvShape("cnn", (2, 7, 6), (3, 4), (5,), 4, "off")
    data = _made_up(shape.sample, dtype=torch.float64)
    members = [Member("tanh", (0.0,) * 3, seed) for seed in (0, 1)]
    before, _ = _trained(shape, members, data, steps=2)
    after, layers = _trained(shape, members, data, steps=3)
    for run in range(2):
        old, new = (network.member_state(run)["conv.1.weight"] for network in (before, after))
        found = layers.values[0, layers.names.index(("conv.1", "update_ratio")), run]
        assert found == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-9)
